// SPDX-License-Identifier: GPL-2.0-only
/* Drops UDP to port 9, as long as an IPv4 header is 20 bytes and tells no lies: exercise 5. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PORT_DISCARD 9

SEC("xdp")
int options(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp;

	if ((void *)(ip + 1) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (ip->protocol != IPPROTO_UDP)
		return XDP_PASS;

	/* Exercise 5: where does UDP begin, and is it there at all? */
	udp = (void *)(ip + 1);
	if ((void *)(udp + 1) > data_end)
		return XDP_PASS;

	return udp->dest == bpf_htons(PORT_DISCARD) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
