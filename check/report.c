// SPDX-License-Identifier: GPL-2.0-only
/* What the person reads: words, JSON or TAP. */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grade.h"

static int column; /* the width of the longest name of an exercise */

/* "basic03" of "basic03-map-counter": what people type */
static const char *short_name(void)
{
	return text("%.*s", (int)strcspn(wanted.lesson->dir, "-"), wanted.lesson->dir);
}

static char *read_page(void)
{
	int fd = open(text("%s/%s/README.md", tree, wanted.lesson->dir), O_RDONLY | O_CLOEXEC);
	static char page[256 * 1024];
	ssize_t len = fd < 0 ? 0 : read(fd, page, sizeof(page) - 1);

	page[len < 0 ? 0 : len] = '\0';
	close(fd);
	return page;
}

/* The page's first line below the heading of the exercise. */
static const char *title(unsigned int number, const struct exercise *exercise)
{
	static char *page;
	const char *at;

	if (!page)
		page = read_page();
	at = strstr(page, text("\n### Exercise %u: %s\n", number, exercise->name));
	if (!at)
		return "";
	at = strchr(at + 1, '\n');
	at += strspn(at, "\n");
	return text("%.*s", (int)strcspn(at, "\n"), at);
}

static const char *again(const struct exercise *exercise)
{
	return text("./lab check %s %s --seed %04x%s%s", short_name(), exercise->name, wanted.seed,
		    wanted.place ? " " : "", wanted.place ?: "");
}

static const char *idea(const struct exercise *exercise)
{
	return text("./lab hint %s %s", short_name(), exercise->name);
}

static const char *const results[] = {
	[NOT_RUN] = "not run",
	[PASSED] = "passed",
	[NOT_YET] = "not yet",
	[CANNOT_TELL] = "cannot tell",
};

/* ---- Words ---- */

#define WIDTH 100

#define GLUE '\x1f' /* a blank at which no line ends */

/* How much of this line fits; a word that is longer than the line goes over its end. */
static int that_fits(const char *line, int room)
{
	int len = strcspn(line, "\n"), fits;

	if (len <= room)
		return len;
	for (fits = room; fits > 0 && line[fits] != ' '; fits--)
		;
	return fits ?: (int)strcspn(line, " \n");
}

/* "sent     …", and further lines below the first */
static void say(const char *what, const char *words)
{
	int indent = 13 + column + 9, len;

	for (const char *line = words; *line; line += len + !!line[len]) {
		len = that_fits(line, WIDTH - indent);
		printf("           %-*s  %-8s ", column, "", line == words ? what : "");
		for (int n = 0; n < len; n++)
			putchar(line[n] == GLUE ? ' ' : line[n]);
		putchar('\n');
	}
}

/* The end of what somebody else said, twelve lines at most. */
static void say_quoted(const struct outcome *outcome)
{
	const char *line = outcome->quoted + strlen(outcome->quoted);

	if (!outcome->quoted[0])
		return;
	for (int lines = 0; line > outcome->quoted; line--) {
		if (line[-1] == '\n' && *line && ++lines > 11)
			break;
	}
	say("", text("%s says:", outcome->quoted_of));
	for (int len; *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		printf("    | %.*s\n", len, line);
	}
}

static void report_text(unsigned int number, const struct exercise *exercise,
			const struct outcome *outcome)
{
	static const char *const words[] = {
		[NOT_RUN] = "-",
		[PASSED] = "ok",
		[NOT_YET] = "not yet",
		[CANNOT_TELL] = "cannot tell",
	};
	bool behind = outcome->result == NOT_YET && is_behind(exercise);

	/* "cannot tell" is longer than the rest, and stands out */
	printf("  %-8s %-*s  %s\n", behind ? "not now" : words[outcome->result], column,
	       exercise->name, title(number, exercise));
	if (behind) {
		say("before", "it has passed, so the next ones are judged all the same");
		say("again", text("%s", again(exercise)));
	} else if (outcome->result == NOT_YET) {
		if (outcome->sent[0])
			say("sent", text("%s (seed%c%04x)", outcome->sent, GLUE, wanted.seed));
		if (outcome->expected[0])
			say("expected", outcome->expected);
		say("came", outcome->came);
		say_quoted(outcome);
		say("again", text("%s", again(exercise)));
		say("idea", text("%s", idea(exercise)));
	} else if (outcome->result == CANNOT_TELL) {
		say("because", outcome->came);
		say_quoted(outcome);
		say("cure", outcome->cure);
		say("", "This is not your program's fault, and counts neither way.");
	}
}

/* ---- JSON: a line for each exercise ---- */

static void json(const char *key, const char *value)
{
	printf("%s\"%s\":\"", strcmp(key, "lesson") ? "," : "{", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else if (*value == '\n')
			fputs("\\n", stdout);
		else if (iscntrl((unsigned char)*value))
			printf("\\u%04x", (unsigned char)*value);
		else
			putchar(*value);
	}
	putchar('"');
}

static void report_json(unsigned int number, const struct exercise *exercise,
			const struct outcome *outcome)
{
	json("lesson", wanted.lesson->dir);
	json("exercise", exercise->name);
	json("title", title(number, exercise));
	json("result", results[outcome->result]);
	json("seed", text("%04x", wanted.seed));
	if (outcome->result == NOT_YET) {
		json("sent", outcome->sent);
		json("expected", outcome->expected);
		json("came", outcome->came);
		json("again", again(exercise));
		json("idea", idea(exercise));
	} else if (outcome->result == CANNOT_TELL) {
		json("because", outcome->came);
		json("cure", outcome->cure);
	}
	if (outcome->quoted[0] && outcome->result != PASSED) {
		json("said_by", outcome->quoted_of);
		json("said", outcome->quoted);
	}
	printf(",\"seconds\":%.3f}\n", outcome->seconds);
}

/* ---- TAP ---- */

static void tap_note(const char *what, const char *words)
{
	for (int len; *words; words += len + (words[len] == '\n')) {
		len = strcspn(words, "\n");
		printf("# %-8s %.*s\n", what, len, words);
		what = "";
	}
}

static void report_tap(unsigned int number, const struct exercise *exercise,
		       const struct outcome *outcome)
{
	bool failed = outcome->result == NOT_YET;

	printf("%sok %u - %s %s: %s", failed ? "not " : "", number, short_name(), exercise->name,
	       title(number, exercise));
	if (outcome->result == CANNOT_TELL)
		printf(" # SKIP cannot tell: %.*s", (int)strcspn(outcome->came, "\n"),
		       outcome->came);
	else if (outcome->result == NOT_RUN)
		printf(" # SKIP an earlier exercise is not yet right");
	putchar('\n');
	if (!failed)
		return;
	tap_note("sent", outcome->sent);
	tap_note("expected", outcome->expected);
	tap_note("came", outcome->came);
	tap_note("", outcome->quoted);
	tap_note("again", again(exercise));
}

/* ---- All three ---- */

void report_begin(void)
{
	unsigned int count = 0;

	for (const struct exercise *e = wanted.lesson->exercises; e->name; e++, count++) {
		int len = strlen(e->name);

		column = len > column ? len : column;
	}
	if (wanted.format == AS_TEXT)
		printf("%s\n", wanted.lesson->dir);
	else if (wanted.format == AS_TAP && !wanted.exercise)
		printf("1..%u\n", count);
	fflush(stdout);
}

void report(unsigned int number, const struct exercise *exercise, const struct outcome *outcome)
{
	if (wanted.format == AS_JSON)
		report_json(number, exercise, outcome);
	else if (wanted.format == AS_TAP)
		report_tap(wanted.exercise ? 1 : number, exercise, outcome);
	else
		report_text(number, exercise, outcome);
	fflush(stdout);
}

void report_end(double graded_in)
{
	if (wanted.format == AS_TAP && wanted.exercise)
		puts("1..1");
	if (wanted.time && wanted.format == AS_TEXT) {
		if (wanted.built_in >= 0)
			printf("  built in %.2f s,", wanted.built_in);
		printf("  graded in %.2f s\n", graded_in);
	}
	if (wanted.summary) {
		static const char *const words[] = { "-", "passed", "failed", "lab" };

		printf("summary\t%s", wanted.lesson->dir);
		for (const struct exercise *e = wanted.lesson->exercises; e->name; e++)
			printf("\t%s=%s", e->name,
			       words[outcomes[e - wanted.lesson->exercises].result]);
		putchar('\n');
	}
	fflush(stdout);
}
