// SPDX-License-Identifier: GPL-2.0-only
/* What the grader has a loader swap: two programs that count each packet, and drop it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Key: 0. Value: the packets that this loading of the object has seen. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} swap_count SEC(".maps");

static int count(void)
{
	__u32 key = 0;
	__u64 *packets = bpf_map_lookup_elem(&swap_count, &key);

	if (packets)
		*packets += 1;
	return XDP_DROP;
}

SEC("xdp")
int swap_one(struct xdp_md *ctx)
{
	return count();
}

SEC("xdp")
int swap_other(struct xdp_md *ctx)
{
	return count();
}

char _license[] SEC("license") = "GPL";
