// SPDX-License-Identifier: GPL-2.0-only
/* A cursor that can walk past an Ethernet header. Exercise 2 teaches it IPv6. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct cursor {
	void *pos; /* the first byte not yet looked at */
	void *end; /* just behind the last one */
};

/* The Ethernet header, or NULL where there is no whole one. What follows: *type_be. */
static __always_inline struct ethhdr *parse_eth(struct cursor *cur, __be16 *type_be)
{
	struct ethhdr *eth = cur->pos;

	if ((void *)(eth + 1) > cur->end)
		return NULL;
	cur->pos = eth + 1;
	*type_be = eth->h_proto;
	return eth;
}

SEC("xdp")
int ipv6(struct xdp_md *ctx)
{
	struct cursor cur = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	__be16 type_be;

	if (!parse_eth(&cur, &type_be))
		return XDP_PASS;

	/* Exercise 2: drop IPv6 packets whose next header is IPPROTO_NONE. */
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
