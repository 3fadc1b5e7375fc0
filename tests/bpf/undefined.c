// SPDX-License-Identifier: GPL-2.0-only
/* Calls a function that is defined nowhere, or, with KERNEL, one that no kernel has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifdef KERNEL
extern int bpf_no_such_function(struct xdp_md *ctx) __ksym;
#else
int bpf_no_such_function(struct xdp_md *ctx);
#endif

SEC("xdp")
int calls(struct xdp_md *ctx)
{
	return bpf_no_such_function(ctx);
}

char _license[] SEC("license") = "GPL";
