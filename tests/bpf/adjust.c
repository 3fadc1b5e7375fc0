// SPDX-License-Identifier: GPL-2.0-only
/* Moves the borders of packets, and back: what some dispatchers cannot call. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int adjusts(struct xdp_md *ctx)
{
	if (bpf_xdp_adjust_head(ctx, -8) || bpf_xdp_adjust_tail(ctx, 0))
		return XDP_ABORTED;
	return bpf_xdp_adjust_head(ctx, 8) ? XDP_ABORTED : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
