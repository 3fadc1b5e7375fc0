/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pr_*: everything that the programs say.
 *
 * Results go to stdout, errors to stderr. An error is three things: what failed, why, and what to
 * do about it. The libraries' own messages are kept back: nothing of them on success, what matters
 * on failure, all of them with -v.
 */
#ifndef LAB_PR_H
#define LAB_PR_H

#include <stdbool.h>
#include <stddef.h>

#define PR_LONGEST (3 * 4096) /* a text may mention paths */

enum pr_level {
	PR_QUIET, /* -q: errors only */
	PR_NORMAL,
	PR_VERBOSE, /* -v: also what the libraries say, as they say it */
};

/* What the texts in explain.c may mention as {self}, {dev}, {prog} and {file}; "" if unknown. */
struct pr_names {
	const char *self;
	const char *dev;
	const char *prog;
	const char *file;
	const char *mode; /* as lab_mode_name() has it; no text mentions it */
};

extern enum pr_level pr_level;
extern bool pr_figures_only; /* --json: stdout is for figures, the rest goes to stderr */
extern struct pr_names pr_names;

/* From here on the messages of libbpf and libxdp are kept instead of printed. */
void pr_keep_library_messages(void);

/* Is this among what they have said since the last result or error? */
bool pr_libraries_said(const char *text);

/* What has been done, on stdout; not with -q. */
__attribute__((format(printf, 1, 2))) void pr_info(const char *fmt, ...);

/* What was asked for, as by --list: on stdout in any case. */
__attribute__((format(printf, 1, 2))) void pr_result(const char *fmt, ...);

/*
 * An error; returns err, so that "return pr_err(err, ...)" reads well. Why it failed and what to
 * do comes from explain(), given err and what the libraries and the kernel said. The fmt names
 * what failed: "cannot attach xdp_pass to eth0", without a full stop.
 */
__attribute__((format(printf, 2, 3))) int pr_err(int err, const char *fmt, ...);

/* An error whose cause and cure the caller knows better. Both are said: neither may be NULL. */
__attribute__((format(printf, 4, 5), nonnull)) int
pr_err_because(int err, const char *why, const char *fix, const char *fmt, ...);

/* Something that is no error but that a person must know; on stderr, also with -q. */
__attribute__((format(printf, 1, 2))) void pr_note(const char *fmt, ...);

/* A string made like printf's, in one of a few static buffers: for the arguments of the above. */
__attribute__((format(printf, 1, 2))) const char *pr_text(const char *fmt, ...);

/* A program of this one's directory, as the person would type it, who typed pr_names.self. */
const char *pr_beside(const char *name);

#endif /* LAB_PR_H */
