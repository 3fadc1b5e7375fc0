// SPDX-License-Identifier: GPL-2.0-only
/* Two programs: the verifier refuses one of them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int broken(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data;

	return data[12] == 8 ? XDP_PASS : XDP_DROP; /* nobody compared with data_end */
}

SEC("xdp")
int sound(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
