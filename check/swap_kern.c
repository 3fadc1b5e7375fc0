// SPDX-License-Identifier: GPL-2.0-only
/* What the grader has loaders load: programs that count frames, and one that nobody can load. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETHERTYPE_NOBODYS 0x88b5 /* as in check.h */

/* Key: 0. Value: the frames of that type which this loading of the object has seen. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} swap_count SEC(".maps");

static void count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	__u64 *counter;
	__u32 key = 0;

	if (data + sizeof(*eth) > data_end || eth->h_proto != bpf_htons(ETHERTYPE_NOBODYS))
		return;
	counter = bpf_map_lookup_elem(&swap_count, &key);
	if (counter) /* the verifier wants to know that it is there */
		__sync_fetch_and_add(counter, 1);
}

SEC("xdp")
int swap_one(struct xdp_md *ctx)
{
	count(ctx);
	return XDP_DROP;
}

SEC("xdp")
int swap_other(struct xdp_md *ctx)
{
	count(ctx);
	return XDP_DROP;
}

SEC("xdp")
int neighbour(struct xdp_md *ctx)
{
	count(ctx);
	return XDP_PASS;
}

/* Reads the packet without asking where it ends: no verifier takes that. */
SEC("xdp")
int refused(struct xdp_md *ctx)
{
	return *(__u8 *)(long)ctx->data;
}

char _license[] SEC("license") = "GPL";
