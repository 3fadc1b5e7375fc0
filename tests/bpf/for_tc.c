// SPDX-License-Identifier: GPL-2.0-only
/* Not for XDP: a program for traffic control, and nothing else. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int for_tc(struct __sk_buff *skb)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
