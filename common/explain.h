/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explain: an error number and the libraries' words, in words for people.
 *
 * The texts stand in one table, in explain.c. A text may hold {dev}, {prog}, {file} and {self}
 * (from pr_names), {error} (strerror), {kernel} (the kernel's own sentence), {reason} (the
 * verifier's) and {name} (what is in quotes beside the libraries' words).
 */
#ifndef LAB_EXPLAIN_H
#define LAB_EXPLAIN_H

#include <stdbool.h>

#include "pr.h"

struct explained {
	char why[PR_LONGEST];
	char fix[PR_LONGEST]; /* "" where the cause is all that is known */
	bool refused; /* by the verifier: explain_log() tells more */
};

/* said: what the libraries printed since they were last asked for something, all of it. */
void explain(int err, const char *said, struct explained *out);

/* A verifier log taken apart: copies, to be released with explain_log_free(). */
struct explained_log {
	char *reason; /* the verifier's own sentence */
	char *source; /* the line of C that it stopped at, or NULL */
	char *tail; /* the last lines, in their order */
};

/* Finds the last verifier log in what the libraries said; false where there is none. */
bool explain_log(const char *said, struct explained_log *log);

void explain_log_free(struct explained_log *log);

#endif /* LAB_EXPLAIN_H */
