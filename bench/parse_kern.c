// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same parser twice: on the functions of lab/parse.h, and written out by hand for this purpose,
 * as somebody would who wants it to be fast. Both find the destination port of TCP and UDP. And a
 * program that does nothing, to know what running one costs.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lab/parse.h"

__u32 port; /* 0: there is none; in .bss, which is a map */

SEC("xdp")
int nothing(struct xdp_md *ctx)
{
	port = 0;
	return XDP_PASS;
}

SEC("xdp")
int with_cursor(struct xdp_md *ctx)
{
	struct lab_cursor cur = lab_cursor(ctx);
	struct lab_above above;
	struct tcphdr *tcp;
	struct udphdr *udp;
	__be16 type_be;

	port = 0;
	if (!lab_parse_eth(&cur, &type_be, NULL) || !lab_parse_ip(&cur, type_be, &above) ||
	    above.is_cut_off)
		return XDP_PASS;
	if (above.proto == IPPROTO_TCP && (tcp = lab_parse_tcp(&cur)))
		port = bpf_ntohs(tcp->dest);
	else if (above.proto == IPPROTO_UDP && (udp = lab_parse_udp(&cur)))
		port = bpf_ntohs(udp->dest);
	return XDP_PASS;
}

/* From here on by hand: each part is inlined into by_hand(), and knows of no cursor. */

struct tag {
	__be16 tci, type;
};

static __always_inline bool is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline void *skip_ipv4(void *pos, void *end, __u8 *proto, __u32 *left)
{
	struct iphdr *ip = pos;
	__u32 size;

	if (pos + sizeof(*ip) > end || ip->version != 4 || ip->ihl < 5)
		return NULL;
	size = ip->ihl * 4;
	*left = bpf_ntohs(ip->tot_len);
	if (*left < size || ip->frag_off & bpf_htons(LAB_IPV4_OFFSET))
		return NULL;
	*left -= size;
	*proto = ip->protocol;
	return pos + size;
}

static __always_inline bool is_extension(__u8 proto, int nth)
{
	return proto == IPPROTO_FRAGMENT || proto == IPPROTO_ROUTING || proto == IPPROTO_AH ||
	       proto == IPPROTO_DSTOPTS || proto == IPPROTO_MH ||
	       (proto == IPPROTO_HOPOPTS && !nth);
}

static __always_inline void *skip_ipv6(void *pos, void *end, __u8 *proto, __u32 *left)
{
	struct ipv6hdr *ip = pos;
	__u32 size;

	if (pos + sizeof(*ip) > end || ip->version != 6)
		return NULL;
	*proto = ip->nexthdr;
	*left = bpf_ntohs(ip->payload_len);
	if (!*left && *proto == IPPROTO_HOPOPTS)
		*left = 1 << 16;
	pos += sizeof(*ip);
	for (int i = 0; i < LAB_IPV6_EXT_MAX; i++) {
		__u8 *ext = pos;

		if (*proto == IPPROTO_TCP || *proto == IPPROTO_UDP)
			break;
		if (!is_extension(*proto, i) || pos + 8 > end || *left < 8)
			return NULL;
		size = (ext[1] + 1) * 8;
		if (*proto == IPPROTO_FRAGMENT) {
			if (*(__be16 *)(ext + 2) & bpf_htons(LAB_IPV6_OFFSET))
				return NULL;
			size = 8;
		} else if (*proto == IPPROTO_AH) {
			size = (ext[1] + 2) * 4;
		}
		if (size > *left)
			return NULL;
		*proto = ext[0];
		*left -= size;
		pos += size;
	}
	return pos;
}

static __always_inline void find_port(void *pos, void *end, __u8 proto, __u32 left)
{
	struct tcphdr *tcp = pos;
	struct udphdr *udp = pos;
	__u32 size;

	if (proto == IPPROTO_TCP) {
		if (pos + sizeof(*tcp) > end || left < sizeof(*tcp) || tcp->doff < 5)
			return;
		size = tcp->doff * 4;
		if (size <= left && pos + size <= end)
			port = bpf_ntohs(tcp->dest);
	} else if (proto == IPPROTO_UDP) {
		if (pos + sizeof(*udp) <= end && left >= sizeof(*udp))
			port = bpf_ntohs(udp->dest);
	}
}

SEC("xdp")
int by_hand(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *pos;
	struct ethhdr *eth = data;
	__u32 left = 0;
	__u8 proto = 0;
	__be16 type;

	port = 0;
	if (data + sizeof(*eth) > end)
		return XDP_PASS;
	type = eth->h_proto;
	pos = eth + 1;
	for (int i = 0; i < 2 && is_tag(type); i++) {
		if (pos + sizeof(struct tag) > end)
			return XDP_PASS;
		type = ((struct tag *)pos)->type;
		pos += sizeof(struct tag);
	}

	if (type == bpf_htons(ETH_P_IP))
		pos = skip_ipv4(pos, end, &proto, &left);
	else if (type == bpf_htons(ETH_P_IPV6))
		pos = skip_ipv6(pos, end, &proto, &left);
	else
		return XDP_PASS;
	if (pos)
		find_port(pos, end, proto, left);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
