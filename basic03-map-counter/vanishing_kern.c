// SPDX-License-Identifier: GPL-2.0-only
/* Exercise 3, vanishing: this program counts packets, and some of them vanish. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct count {
	__u64 packets;
};

/* Key: 0, there is no other. Value: all packets that the program has seen, on all CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct count);
	__uint(max_entries, 1);
} vanishing_map SEC(".maps");

SEC("xdp")
int xdp_vanishing(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct count *count;

	count = bpf_map_lookup_elem(&vanishing_map, &key);
	if (!count)
		return XDP_ABORTED;

	count->packets++; /* Exercise 3: what if two CPUs do this at once? */
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
