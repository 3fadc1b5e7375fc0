// SPDX-License-Identifier: GPL-2.0-only
/* Looks at the EtherType right behind the addresses. Exercise 4 takes it past VLAN tags. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VLAN_DROPPED 100
#define VLAN_DEPTH 2 /* so many tags at most; what has more passes */

struct cursor {
	void *pos; /* the first byte not yet looked at */
	void *end; /* just behind the last one */
};

/* What stands behind ETH_P_8021Q or ETH_P_8021AD. */
struct vlan_tag {
	__be16 tci_be; /* priority: 3 bits, drop eligible: 1, VLAN: 12 */
	__be16 type_be; /* the next EtherType */
};

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
int vlan(struct xdp_md *ctx)
{
	struct cursor cur = {
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	__u16 id = 0; /* of the VLAN that the frame is in; 0: in none */
	__be16 type_be;

	if (!parse_eth(&cur, &type_be))
		return XDP_PASS;

	/* Exercise 4: go past the tags; id is what the last one says. */

	if (type_be == bpf_htons(ETH_P_IPV6) && id == VLAN_DROPPED)
		return XDP_DROP;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
