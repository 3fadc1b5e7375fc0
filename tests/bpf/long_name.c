// SPDX-License-Identifier: GPL-2.0-only
/* A name of more than the 15 letters that the kernel keeps, and no other program beside it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int a_name_that_is_longer_than_the_kernel_keeps(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
