/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs held by a BPF link. A link is an object of the kernel's like a program or a map: while
 * somebody has a descriptor of it, or it is pinned, the program stays attached; with the last of
 * them the kernel detaches it. That is what --for builds on.
 */
#ifndef LAB_LINK_H
#define LAB_LINK_H

#include "cli.h"
#include "lab_xdp.h"

/* The id of the link that holds this program on this device, 0 if none does. */
__u32 lab_find_link(int ifindex, __u32 prog_id);

/* Detaches such a program; what is not held by a --for of ours only with force. */
int lab_detach_link(const struct lab_prog *prog, const struct cli_args *args);

/*
 * --for: loads prog, attaches it through a link, and leaves a small process behind that holds the
 * link for args->for_seconds. However that process ends, the kernel detaches the program.
 */
int lab_attach_for(struct xdp_program *prog, const struct cli_args *args);

/*
 * After that: when the process has ended, the pin at path goes too, if it is still that of this
 * map; and its directory, if nothing else is in it.
 */
int lab_unpin_after_for(const char *path, int map_fd);

#endif /* LAB_LINK_H */
