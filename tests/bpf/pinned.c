// SPDX-License-Identifier: GPL-2.0-only
/* A map that asks for a pin, and programs of three kinds that use it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} by_name SEC(".maps");

static __always_inline int pass(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&by_name, &key) ? XDP_PASS : XDP_ABORTED;
}

SEC("xdp")
int pins(struct xdp_md *ctx)
{
	return pass();
}

SEC("xdp.frags")
int takes_frags(struct xdp_md *ctx)
{
	return pass();
}

/* The kernel loads it, and attaches it to no device. */
SEC("xdp/devmap")
int for_devmap(struct xdp_md *ctx)
{
	return pass();
}

char _license[] SEC("license") = "GPL";
