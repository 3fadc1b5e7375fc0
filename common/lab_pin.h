/* SPDX-License-Identifier: GPL-2.0-only */
/* Pins of a device's maps, in the directory that lab_pin_dir() names (basic04 spells them out). */
#ifndef LAB_PIN_H
#define LAB_PIN_H

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

#endif /* LAB_PIN_H */
