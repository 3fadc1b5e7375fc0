/* SPDX-License-Identifier: GPL-2.0-only */
/* Pins of a device's maps, in the directory that lab_pin_dir() names (basic04 spells them out). */
#ifndef LAB_PIN_H
#define LAB_PIN_H

#include <bpf/libbpf.h>

#include "cli.h"
#include "lab_map.h"

/* Before anything is attached: can it be pinned, and has what is pinned there this shape? */
int lab_check_pin(const char *name, const struct lab_map_shape *shape, const struct cli_args *args);

/*
 * Pins the map as …/NAME and says so; what was pinned there has to be of this shape, and goes. With
 * --for the pin ends with the program.
 */
int lab_pin_map(int map_fd, const char *name, const struct lab_map_shape *shape,
		const struct cli_args *args);

/* The descriptor of the map that is pinned there, if its shape is right; else a negative errno. */
int lab_open_pinned(const char *name, const struct lab_map_shape *shape,
		    const struct cli_args *args);

/* After unloading: removes the pin, if no program on the device uses that map any more. */
int lab_unpin_map(const char *name, const struct lab_map_shape *shape, const struct cli_args *args);

/*
 * Maps that ask for a pin themselves (LIBBPF_PIN_BY_NAME): libbpf makes those while it loads. Each
 * device gets its own, …/by-name/NAME. 0, or a negative errno after an error.
 */
int lab_place_pins(struct bpf_object *obj, const struct cli_args *args);

/* After attaching: says which there are. With --for they end with the program. */
void lab_tell_pins(const struct cli_args *args);

/* After unloading, or if loading failed: those that no program on the device uses go. */
void lab_drop_pins(const struct cli_args *args);

#endif /* LAB_PIN_H */
