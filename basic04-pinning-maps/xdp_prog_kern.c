// SPDX-License-Identifier: GPL-2.0-only
/* Three XDP programs that share one way of counting: for each action, on each CPU by itself. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lab/stats.h"

/* Key: an action. Value: its packets and bytes, one record for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct datarec);
	__uint(max_entries, XDP_ACTIONS);
} xdp_stats_map SEC(".maps");

/* Every program ends with this: it counts the packet under its verdict. */
static __always_inline int count(struct xdp_md *ctx, __u32 action)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct datarec *rec;

	rec = bpf_map_lookup_elem(&xdp_stats_map, &action);
	if (!rec) /* the verifier wants every pointer checked before it is used */
		return XDP_ABORTED;

	/* This CPU's own record, which nobody else writes: a plain addition is enough. */
	rec->rx_packets++;
	rec->rx_bytes += data_end - data;
	return action;
}

SEC("xdp")
int xdp_pass_func(struct xdp_md *ctx)
{
	return count(ctx, XDP_PASS);
}

SEC("xdp")
int xdp_drop_func(struct xdp_md *ctx)
{
	return count(ctx, XDP_DROP);
}

SEC("xdp")
int xdp_abort_func(struct xdp_md *ctx)
{
	return count(ctx, XDP_ABORTED);
}

char _license[] SEC("license") = "GPL";
