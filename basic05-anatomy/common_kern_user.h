/* SPDX-License-Identifier: GPL-2.0-only */
/* What ringbuf_kern.c reports of each packet, and ringbuf_user.c prints. */
#ifndef BASIC05_COMMON_KERN_USER_H
#define BASIC05_COMMON_KERN_USER_H

#include <linux/types.h>

/* One record in the ring buffer `events`. */
struct event {
	__u64 ns; /* when, in nanoseconds: what bpf_ktime_get_ns() says */
	__u32 ifindex; /* where: the device's number */
	__u16 len; /* how long it was, Ethernet header included */
	__u16 proto; /* the ethertype as people write it: 0x86dd for IPv6 */
};

#endif /* BASIC05_COMMON_KERN_USER_H */
