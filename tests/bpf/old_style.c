// SPDX-License-Identifier: GPL-2.0-only
/* In the older style the section is named as one likes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("mysection")
int old_style(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
