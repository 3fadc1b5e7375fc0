// SPDX-License-Identifier: GPL-2.0-only
/* Two filters that look into packets: one knows a protocol, the other a list of ports. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lab/parse.h"
#include "lab/stats.h"

/*
 * Key: a destination port of TCP and UDP, as a plain number; it is blocked while it is in here.
 * Value: what was dropped because of it, a record for each CPU.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__type(key, __u16);
	__type(value, struct datarec);
	__uint(max_entries, 1024);
} blocked_ports SEC(".maps");

/* The first step of both: past Ethernet, VLAN tags and IP. False where there is no IP. */
static __always_inline bool find_above(struct lab_cursor *cur, struct lab_above *above)
{
	__be16 type_be;

	return lab_parse_eth(cur, &type_be, NULL) && lab_parse_ip(cur, type_be, above);
}

SEC("xdp")
int xdp_tcp_drop(struct xdp_md *ctx)
{
	struct lab_cursor cur = lab_cursor(ctx);
	struct lab_above above;

	if (!find_above(&cur, &above))
		return XDP_PASS; /* what we do not understand is not ours to drop */

	return above.proto == IPPROTO_TCP ? XDP_DROP : XDP_PASS;
}

/* TCP and UDP begin alike: the port it comes from, the port it goes to. False: it has no ports. */
static __always_inline bool find_port(struct lab_cursor *cur, const struct lab_above *above,
				      __u16 *port)
{
	struct tcphdr *tcp;
	struct udphdr *udp;

	if (above->is_cut_off) /* the ports are in the first fragment */
		return false;
	if (above->proto == IPPROTO_TCP && (tcp = lab_parse_tcp(cur))) {
		*port = bpf_ntohs(tcp->dest);
		return true;
	}
	if (above->proto == IPPROTO_UDP && (udp = lab_parse_udp(cur))) {
		*port = bpf_ntohs(udp->dest);
		return true;
	}
	return false;
}

SEC("xdp")
int xdp_port_drop(struct xdp_md *ctx)
{
	struct lab_cursor cur = lab_cursor(ctx);
	struct lab_above above;
	struct datarec *rec;
	__u16 port;

	if (!find_above(&cur, &above) || !find_port(&cur, &above, &port))
		return XDP_PASS;

	rec = bpf_map_lookup_elem(&blocked_ports, &port);
	if (!rec) /* not in the list */
		return XDP_PASS;

	rec->rx_packets++;
	rec->rx_bytes += ctx->data_end - ctx->data;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
