// SPDX-License-Identifier: GPL-2.0-only
/* A map of the name that packet01's loader looks for, and of another shape. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 8);
} blocked_ports SEC(".maps");

SEC("xdp")
int other_ports(struct xdp_md *ctx)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&blocked_ports, &key) ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
