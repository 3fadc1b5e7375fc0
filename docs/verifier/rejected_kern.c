// SPDX-License-Identifier: GPL-2.0-only
/* Six programs that compile and that the kernel refuses. accepted_kern.c has them mended. */
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

	*count += 1;
	return XDP_PASS;
}

SEC("xdp")
int past_packet(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;

	return eth->h_proto ? XDP_PASS : XDP_DROP;
}

SEC("xdp")
int short_check(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;

	if ((void *)eth + 1 > end)
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
	eth->h_proto = 0;
	return XDP_PASS;
}

SEC("xdp")
int wild_index(struct xdp_md *ctx)
{
	unsigned char *at = (void *)(long)ctx->data;

	if (at + 1 > (unsigned char *)(long)ctx->data_end)
		return XDP_PASS;
	table[*at]++;
	return XDP_PASS;
}

SEC("xdp")
int long_way(struct xdp_md *ctx)
{
	unsigned char *at = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	while (at + 1 <= end && *at != 0xff)
		at++;
	return at + 1 > end ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
