/* SPDX-License-Identifier: GPL-2.0-only */
/* What programs count and statistics tools read, from basic04 on: both sides include this. */
#ifndef LAB_STATS_SHARED_H
#define LAB_STATS_SHARED_H

#include <linux/bpf.h>
#include <linux/types.h>

/* One of these for each action, and on each CPU: the values of xdp_stats_map. */
struct datarec {
	__u64 rx_packets;
	__u64 rx_bytes;
};

#define XDP_ACTIONS (XDP_REDIRECT + 1) /* XDP_ABORTED is 0, XDP_REDIRECT the last */

#endif /* LAB_STATS_SHARED_H */
