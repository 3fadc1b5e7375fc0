/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Figures that a learner's program prints for people, in whatever shape: they are numbers in a
 * line. And the map from which it has them.
 */
#ifndef FIGURES_H
#define FIGURES_H

#include "check.h"

/*
 * Is there a whole number in the line that is one of these? 1,234 is one; -5 and 0.5 are none, nor
 * are the digits of XDP_V2.
 */
bool has_number(const char *line, unsigned long long from, unsigned long long to);

/* The number right before this word: 12.5 in "XDP_PASS 3 packets 12.5 pps". False: none there. */
bool number_before(const char *line, const char *word, double *number);

/* The map of this name that the programs on wire.dev use; NULL if they use none. */
struct map *map_in_use(const char *name);

/* Gives all records at a key of this map random values, on each CPU others. */
void fill_map(const struct map *map, __u32 key);

/* Waits until something runs on wire.dev; not_yet() if the program has ended, or it takes long. */
void wait_for_program(struct run *run);

#endif /* FIGURES_H */
