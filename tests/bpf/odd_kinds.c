// SPDX-License-Identifier: GPL-2.0-only
/* What lies beside XDP programs: of other kinds, of no kind, and what no kernel takes. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("fentry/ip_rcv")
int for_fentry(void *ctx)
{
	return 0;
}

SEC("freplace/nosuch")
int for_freplace(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp/devmap")
int for_devmap(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp/cpumap")
int for_cpumap(struct xdp_md *ctx)
{
	return XDP_PASS;
}

int unmarked(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int endless(struct xdp_md *ctx)
{
	while (1)
		;
	return XDP_PASS;
}

SEC("xdp")
int endless_jump(struct xdp_md *ctx)
{
	volatile int i = 0;

	while (i >= 0)
		i++;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
