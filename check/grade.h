/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the grader know of each other; checks need check.h alone. */
#ifndef GRADE_H
#define GRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "check.h"

enum result {
	NOT_RUN, /* an earlier one failed, or nobody asked */
	PASSED,
	NOT_YET,
	CANNOT_TELL,
};

#define QUOTE_MAX 2048

/* Filled by the process that runs a check, read by the one that reports; in shared memory. */
struct outcome {
	enum result result;
	char sent[512];
	char expected[512];
	char came[1024]; /* or why the lab cannot tell */
	char cure[512];
	char quoted_of[128];
	char quoted[QUOTE_MAX];
	double seconds;
	bool too_many; /* processes: set by the one that watches them */
};

enum {
	AS_TEXT,
	AS_JSON,
	AS_TAP
};

/* What the command line asks for. */
struct wanted {
	const struct lesson *lesson;
	const char *exercise; /* NULL: all */
	int all; /* go on after a failure */
	unsigned int seed;
	int format; /* AS_… */
	int time, summary, noise; /* what else to print, or to do */
	int one_by_one; /* no checks side by side */
	const char *passed; /* the exercises that have passed before: ",bytes,verdicts," */
	const char *place; /* what lab check was told of where to run: "--vm"; or NULL */
	double built_in; /* seconds that the build took; negative: not told */
};

extern struct wanted wanted;

/* Has it passed before? Then it keeps nobody from the next ones, unless all is to be told. */
bool is_behind(const struct exercise *exercise);

extern struct outcome *outcomes; /* one for each exercise of the lesson */
extern char tree[]; /* the top of the tree, an absolute path without a slash at its end */

/* verdict.c: in the process that runs a check */
void judge(const struct exercise *exercise, struct outcome *outcome);
__attribute__((noreturn)) void end_check(enum result result);

/* chance.c */
void seed_chance(unsigned int seed, const char *name);

/* world.c: runs work() as process 1 of a world of its own; its exit status */
int in_a_world(int (*work)(void));
/* A fresh network, /proc, /sys, /run, /tmp and bpffs, for this process and its children. */
void enter_fresh_world(void);

/* turns.c: process 1 of the world: all checks that were asked for; the grader's exit status */
int run_checks(void);

/* learner.c */
unsigned int count_processes(void);

/* frames.c: the last four bytes of each frame of ours */
unsigned int our_mark(void);

/* wire.c: frames that nobody asked for, all the time */
void make_noise(void);

/* report.c */
void report_begin(void);
void report(unsigned int number, const struct exercise *exercise, const struct outcome *outcome);
void report_end(double seconds);

/* A grader that is broken or a machine that lacks something: explained on stderr, exit 3. */
__attribute__((format(printf, 2, 3), noreturn)) void give_up(int err, const char *fmt, ...);

#endif /* GRADE_H */
