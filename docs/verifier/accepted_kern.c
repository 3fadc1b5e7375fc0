// SPDX-License-Identifier: GPL-2.0-only
/* The programs of rejected_kern.c, mended: the kernel takes them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/if_ether.h>

/* Key: a device's number. Value: its packets. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 16);
} seen SEC(".maps");

/* Sixteen counters; a program may point into it, but not beside it. */
static __u64 table[16];

SEC("xdp")
int null_value(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	__u64 *count = bpf_map_lookup_elem(&seen, &key);

	if (count) /* NULL where no such key has been put into the map */
		*count += 1;
	return XDP_PASS;
}

SEC("xdp")
int past_packet(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(eth + 1) > end) /* is the whole header there? */
		return XDP_PASS;
	return eth->h_proto ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int short_check(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(eth + 1) > end) /* one header further, not one byte */
		return XDP_PASS;
	return eth->h_proto ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int old_pointer(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)(eth + 1) > end || bpf_xdp_adjust_head(ctx, -4))
		return XDP_PASS;
	eth = (void *)(long)ctx->data; /* the packet has moved: fetch both anew */
	end = (void *)(long)ctx->data_end;
	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	eth->h_proto = 0;
	return XDP_PASS;
}

SEC("xdp")
int wild_index(struct xdp_md *ctx)
{
	unsigned char *at = (void *)(long)ctx->data;

	if (at + 1 > (unsigned char *)(long)ctx->data_end)
		return XDP_PASS;
	table[*at & 15]++; /* never more than 15, whatever the packet says */
	return XDP_PASS;
}

SEC("xdp")
int long_way(struct xdp_md *ctx)
{
	unsigned char *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	for (int n = 0; n < 64 && at + 1 <= end && *at != 0xff; n++)
		at++; /* 64 steps at most: few enough to be followed one by one */
	return at + 1 > end ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
