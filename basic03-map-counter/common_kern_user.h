/* SPDX-License-Identifier: GPL-2.0-only */
/* What the program counts and the loader reads: both sides must mean the same bytes by it. */
#ifndef BASIC03_COMMON_KERN_USER_H
#define BASIC03_COMMON_KERN_USER_H

#include <linux/bpf.h>
#include <linux/types.h>

/* The value at each key of xdp_stats_map. */
struct datarec {
	__u64 rx_packets; /* Exercise 1: and its bytes */
};

#define XDP_ACTIONS (XDP_REDIRECT + 1) /* XDP_ABORTED is 0, XDP_REDIRECT the last */

#endif /* BASIC03_COMMON_KERN_USER_H */
