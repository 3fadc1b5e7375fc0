// SPDX-License-Identifier: GPL-2.0-only
/* The least that can be loaded: what the doctor tries on this machine. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int doctor_probe(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
