// SPDX-License-Identifier: GPL-2.0-only
/* Calls a function that is only for programs under the GPL, and states no licence. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int prints(struct xdp_md *ctx)
{
	bpf_printk("a packet\n");
	return XDP_PASS;
}
