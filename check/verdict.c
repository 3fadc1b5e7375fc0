// SPDX-License-Identifier: GPL-2.0-only
/* The process that runs one check: what it says is kept in the outcome, for the report. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grade.h"

static struct outcome *outcome; /* of the check that this process runs */

void judge(const struct exercise *exercise, struct outcome *fill)
{
	outcome = fill;
	seed_chance(wanted.seed, exercise->name);
	exercise->check();
	end_check(PASSED);
}

void end_check(enum result result)
{
	outcome->result = result;
	_exit(0); /* what the check has open or running ends with its world */
}

#define KEEP(what, fmt)                                                     \
	do {                                                                \
		va_list args;                                               \
		va_start(args, fmt);                                        \
		vsnprintf(outcome->what, sizeof(outcome->what), fmt, args); \
		va_end(args);                                               \
	} while (0)

void sent(const char *fmt, ...)
{
	KEEP(sent, fmt);
}

void expected(const char *fmt, ...)
{
	KEEP(expected, fmt);
}

void say_not_yet(const char *fmt, ...)
{
	KEEP(came, fmt);
	end_check(NOT_YET);
}

void cannot_tell(const char *cure, const char *fmt, ...)
{
	KEEP(came, fmt);
	snprintf(outcome->cure, sizeof(outcome->cure), "%s", cure);
	end_check(CANNOT_TELL);
}

void quote(const char *who, const char *words)
{
	size_t len = strlen(words);

	snprintf(outcome->quoted_of, sizeof(outcome->quoted_of), "%s", who);
	/* of what is too long, the end: that is where it went wrong */
	if (len >= sizeof(outcome->quoted))
		words += len - sizeof(outcome->quoted) + 1;
	snprintf(outcome->quoted, sizeof(outcome->quoted), "%s", words);
}
