// SPDX-License-Identifier: GPL-2.0-only
/* An XDP program that counts the packets that it passes, in a map that user space can read. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "common_kern_user.h"

/* Exercise 4: a record for each CPU. */

/* Key: an action, XDP_PASS for example. Value: what was answered with it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct datarec);
	__uint(max_entries, XDP_ACTIONS);
} xdp_stats_map SEC(".maps");

SEC("xdp")
int xdp_stats1(struct xdp_md *ctx)
{
	/* Exercise 2: IPv6 passes, all else is dropped; each counts under its own verdict. */
	__u32 key = XDP_PASS; /* on the stack: the helper wants to be told where it is */
	struct datarec *rec;

	rec = bpf_map_lookup_elem(&xdp_stats_map, &key);
	if (!rec) /* cannot be, in an array; but the verifier wants every pointer checked */
		return XDP_ABORTED;

	/* Every CPU that receives packets runs this, on the same record: add in one step. */
	__sync_fetch_and_add(&rec->rx_packets, 1);
	/* Exercise 1: and the bytes of the packet. */

	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
