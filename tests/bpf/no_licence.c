// SPDX-License-Identifier: GPL-2.0-only
/* States no licence, and calls nothing that asks for one. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int unlicensed(struct xdp_md *ctx)
{
	return XDP_PASS;
}
