// SPDX-License-Identifier: GPL-2.0-only
/* Calls all of lab/parse.h, and writes what it found where user space can read it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lab/parse.h"
#include "parse_result.h"

struct parse_result result; /* in .bss, which is a map */

static __always_inline bool parse_above(struct lab_cursor *cur, __u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return lab_parse_tcp(cur);
	case IPPROTO_UDP:
		return lab_parse_udp(cur);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return lab_parse_icmp(cur);
	}
	return false;
}

SEC("xdp")
int parse_all(struct xdp_md *ctx)
{
	struct lab_cursor cur = lab_cursor(ctx);
	void *data = (void *)(long)ctx->data;
	struct lab_vlans vlans;
	struct lab_above above;
	__be16 type_be;

	__builtin_memset(&result, 0, sizeof(result));
	if (!lab_parse_eth(&cur, &type_be, &vlans))
		return XDP_PASS;
	result.ethernet = 1;
	result.type = bpf_ntohs(type_be);
	result.tags = vlans.count;
	result.vlan[0] = vlans.outer;
	result.vlan[1] = vlans.inner;
	result.network_at = cur.pos - data;

	if (!lab_parse_ip(&cur, type_be, &above))
		return XDP_PASS;
	result.ip = 1;
	result.version = type_be == bpf_htons(ETH_P_IP) ? 4 : 6;
	result.protocol = above.proto;
	result.cut_off = above.is_cut_off;
	result.above_at = cur.pos - data;

	if (above.is_cut_off || !parse_above(&cur, above.proto))
		return XDP_PASS;
	result.above = 1;
	result.payload_at = cur.pos - data;
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
