// SPDX-License-Identifier: GPL-2.0-only
/* One for XDP, one for traffic control. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int for_xdp(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc")
int for_tc(struct __sk_buff *skb)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
