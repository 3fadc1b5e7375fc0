// SPDX-License-Identifier: GPL-2.0-only
/* A program that jumps to itself: how often does it run? Exercise 4 asks; depth.txt answers. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int again(struct xdp_md *ctx);

/* In its only slot: this very program. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(max_entries, 1);
	__array(values, int(struct xdp_md *));
} myself SEC(".maps") = {
	.values = { (void *)&again },
};

__u64 runs;

SEC("xdp")
int again(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&runs, 1);
	bpf_tail_call(ctx, &myself, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
