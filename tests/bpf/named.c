// SPDX-License-Identifier: GPL-2.0-only
/* Passes every packet, under a name that tells it from all other programs: -DNAME=... */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int NAME(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
