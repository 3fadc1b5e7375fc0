// SPDX-License-Identifier: GPL-2.0-only
/* Reads past the end of the packet: the verifier refuses it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int no_bounds(struct xdp_md *ctx)
{
	const unsigned char *data = (void *)(long)ctx->data;

	return data[12] == 8 ? XDP_PASS : XDP_DROP; /* nobody compared with data_end */
}

char _license[] SEC("license") = "GPL";
