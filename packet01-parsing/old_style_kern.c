// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drops TCP, over IPv4 only, in the style of older notes: no headers of libbpf, and a section with
 * a name of one's own, by which `ip link set ... sec mysection` finds the program.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#define SEC(name) __attribute__((section(name), used))

SEC("mysection")
int tcp_drop_ipv4(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > data_end)
		return XDP_PASS;
	if (eth->h_proto != __constant_htons(ETH_P_IP))
		return XDP_PASS;
	return ip->protocol == IPPROTO_TCP ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
