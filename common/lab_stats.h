/* SPDX-License-Identifier: GPL-2.0-only */
/* Figures that are read again and again: the time between, the rates, and how they are printed. */
#ifndef LAB_STATS_H
#define LAB_STATS_H

#include <stdbool.h>

#include <linux/types.h>

#include "cli.h"

/* What was read at one moment. */
struct lab_reading {
	double time; /* seconds, from a clock that only goes forward */
	__u64 packets;
	__u64 bytes;
};

struct lab_rate {
	double period; /* the seconds that really lie between the two readings */
	double pps;
	double mbit; /* Mbit/s */
};

/* "XDP_PASS"; "XDP_UNKNOWN" past the last. */
const char *lab_action_name(unsigned int action);

/* The clock for lab_reading.time. */
double lab_clock(void);

/* Right also where a counter has wrapped, and where no time has passed. */
struct lab_rate lab_rate_between(const struct lab_reading *before, const struct lab_reading *now);

enum lab_figures {
	LAB_PACKETS, /* the program counts packets only */
	LAB_PACKETS_AND_BYTES,
};

/* One line for one action: text, or a JSON object. */
void lab_print_figures(const struct cli_args *args, const char *action, enum lab_figures figures,
		       const struct lab_reading *before, const struct lab_reading *now);

/*
 * From here on SIGINT and SIGTERM end lab_wait() instead of the process, and a closed pipe ends the
 * process. Signals that lab_hold_signals() has let wait come now.
 */
void lab_catch_signals(void);

/*
 * Waits args->interval. 0: go on; -EINTR: somebody wants us to stop. After an error: -ENODEV, the
 * device has gone; -EIO, what was printed so far cannot be written.
 */
int lab_wait(const struct cli_args *args);

/* The same answer at once: for who waits for something else. */
int lab_must_stop(const struct cli_args *args);

/* -EIO, after an error, where what was printed so far cannot be written. */
int lab_check_output(void);

/*
 * Says how long it goes on, before the first figures come. From here on lab_wait() says, too, what
 * this program leaves on the device, where the figures cannot be written.
 */
void lab_say_how_it_ends(const struct cli_args *args);

/*
 * The last line: what stays on the device, and how to remove it with this program, or another.
 * -EIO, after an error, where the figures could not be written.
 */
int lab_say_what_stays(const struct cli_args *args, const char *loader);

#endif /* LAB_STATS_H */
