// SPDX-License-Identifier: GPL-2.0-only
/* Drops the frames of one EtherType. The kernel refuses it: that is where exercise 1 begins. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define ETHERTYPE_NOBODYS 0x88b5 /* set aside for experiments like this one */

SEC("xdp")
int bounds(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;

	/* Exercise 1: this proves that one byte is there. */
	if (data + 1 > data_end)
		return XDP_PASS;

	return eth->h_proto == bpf_htons(ETHERTYPE_NOBODYS) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
