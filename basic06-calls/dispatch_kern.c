// SPDX-License-Identifier: GPL-2.0-only
/* Exercises 1 and 2 start here: IPv4 and IPv6 pass, everything else is dropped. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum family {
	IPV4,
	IPV6,
	OTHER,
};

SEC("xdp")
int dispatch(struct xdp_md *ctx)
{
	void *data_end = (void *)(long)ctx->data_end;
	void *data = (void *)(long)ctx->data;
	struct ethhdr *eth = data;
	__u32 family = OTHER;

	/* Exercise 1: a function of its own, which says of which family the packet is. */
	if (data + sizeof(*eth) <= data_end) { /* the verifier: compared, so it may be read */
		if (eth->h_proto == bpf_htons(ETH_P_IP))
			family = IPV4;
		else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
			family = IPV6;
	}

	if (family == OTHER)
		return XDP_DROP;

	/* Exercise 2: go on in the program of this family. */
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
