// SPDX-License-Identifier: GPL-2.0-only
/* Asks for a map that no machine has the memory for. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4000000000);
	__type(key, __u32);
	__type(value, __u64[4]);
} everything SEC(".maps");

SEC("xdp")
int huge(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index;

	return bpf_map_lookup_elem(&everything, &key) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
