// SPDX-License-Identifier: GPL-2.0-only
/* The smallest XDP program: every packet goes on to the kernel's network stack. (Exercise 1) */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_prog_simple(struct xdp_md *ctx)
{
	return XDP_PASS;
}

/* Some of the kernel's functions are only for programs under the GPL. */
char _license[] SEC("license") = "GPL";
