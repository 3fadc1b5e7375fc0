/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Maps: found by name, checked for their shape (basic03 spells that out), and the places in the
 * BPF file system where a device's maps are pinned (basic04 spells the pinning out).
 */
#ifndef LAB_MAP_H
#define LAB_MAP_H

#include <stdbool.h>

#include <linux/types.h>
#include <xdp/libxdp.h>

#include "cli.h"

struct lab_map_shape {
	__u32 type; /* BPF_MAP_TYPE_… */
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
};

/* The descriptor of a loaded program's map, once its shape is right; else a negative errno. */
int lab_find_map(struct xdp_program *prog, const char *name, const struct lab_map_shape *want);

bool lab_has_shape(int map_fd, const struct lab_map_shape *want);

/* 0, or an error that puts both shapes side by side; what is the map's name, or its pin's path. */
int lab_check_map(int map_fd, const char *what, const struct lab_map_shape *want);

/*
 * Programs that share a device count in one map: if the map that is pinned at path is in use there,
 * and has the shape of prog's own, prog gets it in the place of its own. Before it is loaded.
 * An error where there is no map of that name in prog's file.
 */
int lab_share_map(struct xdp_program *prog, const char *name, const char *path,
		  const struct cli_args *args);

/*
 * Can anything be pinned? 0; -ENOENT, no BPF file system is mounted on /sys/fs/bpf; -EROFS, it is
 * read-only, so that pins can not even be opened.
 */
int lab_check_bpffs(void);

/*
 * The directory for the pins of a device: /sys/fs/bpf/DEV, or /sys/fs/bpf/ENV:DEV inside the test
 * network ENV, so that the veth0 of one network is not that of another; with a comma for each dot.
 * NULL after an error, where lab_check_bpffs() says so. The directory need not exist.
 */
const char *lab_pin_dir(const char *dev);

/*
 * Numbers of which a map has a set for each CPU, added up (basic04 spells it out): its values are
 * count of them. 0, or -ENOENT, without an error, where there is nothing at this key.
 */
int lab_sum_cpus(int map_fd, const void *key, __u64 *sums, unsigned int count);

/* Is any program that runs on this device using this map? */
bool lab_map_in_use(int map_fd, int ifindex);

#endif /* LAB_MAP_H */
