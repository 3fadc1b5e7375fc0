// SPDX-License-Identifier: GPL-2.0-only
/* Passes everything. Exercise 3 has it drop every second ping over IPv6. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "lab/parse.h"

#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129

SEC("xdp")
int pings(struct xdp_md *ctx)
{
	struct lab_cursor cur = lab_cursor(ctx);
	__be16 type_be;

	if (!lab_parse_eth(&cur, &type_be, NULL))
		return XDP_PASS;

	/* Exercise 3: drop echo requests of ICMPv6 whose sequence number is even. */
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
