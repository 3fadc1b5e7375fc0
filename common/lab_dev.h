/* SPDX-License-Identifier: GPL-2.0-only */
/* The network device that a loader works on: does it exist, and may we touch it? */
#ifndef LAB_DEV_H
#define LAB_DEV_H

#include <stdbool.h>

#include <linux/types.h>

/* The device's number in this network namespace, or -ENODEV after an error that lists those. */
int lab_ifindex(const char *dev);

/* Root, or the capabilities that stand for it? 0, or an error that says what to type. */
int lab_check_root(void);

/* The ids of the programs that a device itself runs, one in each mode at most; 0 is none. */
struct lab_running {
	__u32 native, skb, offload;
};

/*
 * Asks the kernel of this one device. The library's call (see basic01) has it tell of all that
 * there are, which takes a while where there are many. 0 or a negative errno.
 */
int lab_ask_device(int ifindex, struct lab_running *running);

/*
 * Would a program on this device stop traffic that the machine needs, your own login among it?
 * 0 if not; else -EPERM after an error that names the default route that leads over it.
 */
int lab_check_route(const char *dev, int ifindex);

#endif /* LAB_DEV_H */
