/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walking along a packet, header by header, in a way that the verifier can follow.
 *
 * A cursor stands at the first byte that has not been looked at. Each lab_parse_*() looks at one
 * header: it returns a pointer to it and moves the cursor behind it; or it returns NULL, where the
 * packet ends too early or the header contradicts itself, and then the cursor is of no more use.
 *
 * Byte order. What lies in the packet has its high byte first: such a number is of type __be16 or
 * __be32, and its name, where it is ours, ends in _be. Compare it with bpf_htons(CONSTANT). A
 * number of any other type is a plain one. Nothing here converts behind your back.
 */
#ifndef LAB_PARSE_H
#define LAB_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The verifier follows each turn of a loop: how many there are must be known beforehand. */
#define LAB_VLAN_MAX 2 /* tags; a third one is left alone, and its type is what comes next */
#define LAB_IPV6_EXT_MAX 8 /* extension headers; a ninth is left alone, likewise */

#define LAB_IPV4_OFFSET 0x1fff /* of frag_off: 0 in the first, or only, fragment */
#define LAB_IPV6_OFFSET 0xfff8 /* of offset_be: likewise */
#define LAB_VLAN_ID 0x0fff /* of tci_be; above it stand the priority bits */

struct lab_cursor {
	void *pos; /* the first byte not yet looked at */
	void *end; /* just behind the last one: ctx->data_end */
	__u32 left; /* so many may follow, say the headers so far; behind them comes padding */
};

/* An 802.1Q or 802.1ad tag; the kernel's own struct is not for us. */
struct lab_vlan_hdr {
	__be16 tci_be; /* priority and VLAN */
	__be16 type_be; /* what follows */
};

/* An extension header of IPv6: how all of them begin, and the rest of a fragment's. */
struct lab_ipv6_ext_hdr {
	__u8 nexthdr;
	__u8 size; /* in units that depend on what it is; without the first ones */
	__be16 offset_be; /* of a fragment */
	__be32 id_be; /* of a fragment */
};

/*
 * Both ICMPs begin like this. The last two are an echo's; other messages have something else there,
 * but none is shorter. (<linux/icmp.h> would bring in the C library, which no BPF program has.)
 */
struct lab_icmp_hdr {
	__u8 type;
	__u8 code;
	__be16 checksum_be;
	__be16 id_be;
	__be16 sequence_be;
};

/* The VLANs that a frame says it is in; 0 where there is no tag. */
struct lab_vlans {
	__u32 count;
	__u16 outer; /* of the first tag */
	__u16 inner; /* of the last one, which may be the same */
};

/* What an IP header says of the header above it. */
struct lab_above {
	__u8 proto; /* IPPROTO_TCP, …; whatever it is that comes where we could not go on */
	bool is_cut_off; /* a later fragment: that header is in the first one, not here */
};

static __always_inline struct lab_cursor lab_cursor(const struct xdp_md *ctx)
{
	return (struct lab_cursor){
		.pos = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.left = 1 << 16, /* no limit yet */
	};
}

/* Are there size bytes? Without both comparisons, no byte at pos may be read. */
static __always_inline void *lab_peek(const struct lab_cursor *cur, __u32 size)
{
	/* The verifier knows only this one. It wants the same pointer that is used later. */
	if (cur->pos + size > cur->end)
		return NULL;
	return size > cur->left ? NULL : cur->pos;
}

static __always_inline void *lab_take(struct lab_cursor *cur, __u32 size)
{
	void *header = lab_peek(cur, size);

	cur->pos += size;
	cur->left -= size;
	return header;
}

/*
 * Where the IP packet ends, which may be before the frame does: Ethernet fills up short frames. It
 * may also be behind data_end, where the packet lies in several buffers.
 */
static __always_inline void lab_limit(struct lab_cursor *cur, __u32 size)
{
	if (size < cur->left)
		cur->left = size;
}

/* Ethernet, and up to two VLAN tags behind it. What follows: *type_be. No vlans wanted: NULL. */
static __always_inline struct ethhdr *lab_parse_eth(struct lab_cursor *cur, __be16 *type_be,
						    struct lab_vlans *vlans)
{
	struct ethhdr *eth = lab_take(cur, sizeof(*eth));

	if (vlans)
		*vlans = (struct lab_vlans){};
	if (!eth)
		return NULL;
	*type_be = eth->h_proto;
	for (int i = 0; i < LAB_VLAN_MAX; i++) {
		struct lab_vlan_hdr *tag;

		if (*type_be != bpf_htons(ETH_P_8021Q) && *type_be != bpf_htons(ETH_P_8021AD))
			break;
		tag = lab_take(cur, sizeof(*tag));
		if (!tag)
			return NULL;
		if (vlans) {
			vlans->inner = bpf_ntohs(tag->tci_be) & LAB_VLAN_ID;
			vlans->outer = vlans->count++ ? vlans->outer : vlans->inner;
		}
		*type_be = tag->type_be;
	}
	return eth;
}

/* IPv4 with its options, which lie between the 20 bytes of struct iphdr and the next header. */
static __always_inline struct iphdr *lab_parse_ipv4(struct lab_cursor *cur, struct lab_above *above)
{
	struct iphdr *ip = lab_peek(cur, sizeof(*ip));
	__u32 size, total;

	if (!ip || ip->version != 4 || ip->ihl < 5)
		return NULL;
	size = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (total < size || !lab_take(cur, size))
		return NULL;
	lab_limit(cur, total - size);
	above->proto = ip->protocol;
	above->is_cut_off = ip->frag_off & bpf_htons(LAB_IPV4_OFFSET);
	return ip;
}

/*
 * The extension headers, by their numbers: so many bytes, and so many for each unit of their size
 * field; 0 for what is none. A table and no switch: behind a switch the verifier would follow each
 * case by itself, and after eight headers there are thousands of ways.
 */
static const struct lab_ext_kind {
	__u8 bytes, each;
} lab_ext_kinds[256] = {
	[IPPROTO_HOPOPTS] = { 8, 8 }, /* right behind the IPv6 header, or it is none */
	[IPPROTO_ROUTING] = { 8, 8 }, [IPPROTO_FRAGMENT] = { 8, 0 }, [IPPROTO_DSTOPTS] = { 8, 8 },
	[IPPROTO_MH] = { 8, 8 },      [IPPROTO_AH] = { 8, 4 }, /* comes from IPv4 */
};

/* One step along the chain. Positive: there may be more; 0: that was all; -1: cut off. */
static __always_inline int lab_skip_ext(struct lab_cursor *cur, struct lab_above *above,
					bool is_first)
{
	__u8 proto = above->proto;
	const struct lab_ext_kind *kind = &lab_ext_kinds[proto];
	struct lab_ipv6_ext_hdr *ext;

	if (!kind->bytes || (proto == IPPROTO_HOPOPTS && !is_first))
		return 0;
	ext = lab_peek(cur, sizeof(*ext)); /* none is shorter */
	if (!ext)
		return -1;
	/* 8 + 255 * 8 at most; but the verifier knows nothing of what is in the table. */
	if (!lab_take(cur, (kind->bytes + ext->size * kind->each) & 0xfff))
		return -1;
	above->proto = ext->nexthdr;
	above->is_cut_off = proto == IPPROTO_FRAGMENT &&
			    ext->offset_be & bpf_htons(LAB_IPV6_OFFSET);
	return !above->is_cut_off;
}

/*
 * IPv6 with its extension headers, each of which names the next one. Eight steps in a row, and no
 * loop: compilers lay out a long loop in ways of which Linux 6.1 refuses some ("back-edge").
 */
static __always_inline struct ipv6hdr *lab_parse_ipv6(struct lab_cursor *cur,
						      struct lab_above *above)
{
	struct ipv6hdr *ip = lab_take(cur, sizeof(*ip));
	int more;

	if (!ip || ip->version != 6)
		return NULL;
	/* 0 in a jumbogram, whose length is in an option */
	if (ip->payload_len || ip->nexthdr != IPPROTO_HOPOPTS)
		lab_limit(cur, bpf_ntohs(ip->payload_len));
	*above = (struct lab_above){ .proto = ip->nexthdr };

	more = lab_skip_ext(cur, above, true);
	more = more > 0 ? lab_skip_ext(cur, above, false) : more;
	more = more > 0 ? lab_skip_ext(cur, above, false) : more;
	more = more > 0 ? lab_skip_ext(cur, above, false) : more;
	more = more > 0 ? lab_skip_ext(cur, above, false) : more;
	more = more > 0 ? lab_skip_ext(cur, above, false) : more;
	more = more > 0 ? lab_skip_ext(cur, above, false) : more;
	more = more > 0 ? lab_skip_ext(cur, above, false) : more; /* LAB_IPV6_EXT_MAX */
	return more < 0 ? NULL : ip;
}

/* Either of them: true if what type_be announces is IP, and fit to go on with. */
static __always_inline bool lab_parse_ip(struct lab_cursor *cur, __be16 type_be,
					 struct lab_above *above)
{
	if (type_be == bpf_htons(ETH_P_IP))
		return lab_parse_ipv4(cur, above);
	if (type_be == bpf_htons(ETH_P_IPV6))
		return lab_parse_ipv6(cur, above);
	return false;
}

/* ICMP or ICMPv6: which of them is in above->proto. */
static __always_inline struct lab_icmp_hdr *lab_parse_icmp(struct lab_cursor *cur)
{
	return lab_take(cur, sizeof(struct lab_icmp_hdr));
}

static __always_inline struct udphdr *lab_parse_udp(struct lab_cursor *cur)
{
	return lab_take(cur, sizeof(struct udphdr));
}

/* TCP with its options, which come after the 20 bytes of struct tcphdr. */
static __always_inline struct tcphdr *lab_parse_tcp(struct lab_cursor *cur)
{
	struct tcphdr *tcp = lab_peek(cur, sizeof(*tcp));

	if (!tcp || tcp->doff < 5 || !lab_take(cur, tcp->doff * 4))
		return NULL;
	return tcp;
}

#endif /* LAB_PARSE_H */
