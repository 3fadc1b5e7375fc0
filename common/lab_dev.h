/* SPDX-License-Identifier: GPL-2.0-only */
/* The network device that a loader works on: does it exist, and may we touch it? */
#ifndef LAB_DEV_H
#define LAB_DEV_H

#include <stdbool.h>

/* The device's number in this network namespace, or -ENODEV after an error that lists those. */
int lab_ifindex(const char *dev);

/* Root, or the capabilities that stand for it? 0, or an error that says what to type. */
int lab_check_root(void);

/*
 * Would a program on this device stop traffic that the machine needs, your own login among it?
 * 0 if not; else -EPERM after an error that names the default route that leads over it.
 */
int lab_check_route(const char *dev, int ifindex);

#endif /* LAB_DEV_H */
