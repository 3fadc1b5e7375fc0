// SPDX-License-Identifier: GPL-2.0-only
/* Two ways to be more than one function: a call inside a program, and a jump to another program. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SHORT_MAX 512 /* bytes; what is longer is long */

__u64 shorts, longs, missed;

SEC("xdp")
int short_packets(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&shorts, 1);
	return XDP_PASS;
}

SEC("xdp")
int long_packets(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&longs, 1);
	return XDP_PASS;
}

SEC("xdp")
int refuse(struct xdp_md *ctx)
{
	return XDP_DROP;
}

/* Key: a slot. Value: the program that goes on from there, if any; these two at the beginning. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(max_entries, 4);
	__array(values, int(struct xdp_md *));
} targets SEC(".maps") = {
	.values = { [0] = (void *)&short_packets, [1] = (void *)&long_packets },
};

/* A call: it has a piece of the stack of its own, and comes back with a number. */
static __noinline __u32 slot_of(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;

	return data_end - data > SHORT_MAX;
}

SEC("xdp")
int by_size(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &targets, slot_of(ctx));

	/* We come here only if there was nobody in the slot: a tail call does not come back. */
	__sync_fetch_and_add(&missed, 1);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
