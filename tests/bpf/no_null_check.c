// SPDX-License-Identifier: GPL-2.0-only
/* Uses what a lookup returned without comparing it with NULL. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

SEC("xdp")
int unchecked(struct xdp_md *ctx)
{
	__u32 key = ctx->ingress_ifindex;
	__u64 *count = bpf_map_lookup_elem(&seen, &key);

	*count += 1; /* NULL where the key is not there */
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
