// SPDX-License-Identifier: GPL-2.0-only
/* Hello World, from every packet: a global variable, a knob, and a line in the kernel's trace. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The knob. The loader may turn it before the program is loaded; nobody can afterwards. */
const volatile __u32 greet = 1;

/* A map without a map: libbpf makes one for all variables that begin as zero. */
__u32 counter;

SEC("xdp")
int hello(struct xdp_md *ctx)
{
	/* There is one for all CPUs: add in one step, as in any other map. */
	__sync_fetch_and_add(&counter, 1);

	/* Exercise 3: a line for each packet is too many, and tells too little. */
	if (greet)
		bpf_printk("Hello World %d", counter);

	return XDP_PASS;
}

/* bpf_printk() is only for programs under the GPL. */
char _license[] SEC("license") = "GPL";
