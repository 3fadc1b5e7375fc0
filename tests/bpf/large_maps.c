// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps with many entries that take little memory: a tree that grows, or, with RING, a buffer whose
 * entries are bytes. No kernel makes that one, as a ring buffer has no keys.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
#ifdef RING
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__type(key, __u32);
#else
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u64);
#endif
	__uint(max_entries, 1 << 28);
} large SEC(".maps");

SEC("xdp")
int uses_large(struct xdp_md *ctx)
{
	__u64 key = ctx->rx_queue_index;

	return bpf_map_lookup_elem(&large, &key) ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
