// SPDX-License-Identifier: GPL-2.0-only
/* Everything that the programs say; what the libraries say is kept until it is of use. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "explain.h"
#include "pr.h"

enum pr_level pr_level = PR_NORMAL;
bool pr_figures_only;
struct pr_names pr_names = { .self = "", .dev = "", .prog = "", .file = "", .mode = "" };

static char *kept; /* the libraries' messages, one after the other */
static size_t kept_len;

static void keep(const char *text, size_t len)
{
	char *more = realloc(kept, kept_len + len + 1);

	if (!more)
		return; /* out of memory: the error itself is still reported */
	memcpy(more + kept_len, text, len + 1);
	kept = more;
	kept_len += len;
}

static void forget_library_words(void)
{
	free(kept);
	kept = NULL;
	kept_len = 0;
}

/* How the libraries go about it: for those who asked, and never the reason of an error. */
static int show_detail(const char *fmt, va_list ap)
{
	if (pr_level != PR_VERBOSE)
		return 0;
	fputs("  ", stderr);
	return vfprintf(stderr, fmt, ap);
}

static int keep_message(const char *fmt, va_list ap)
{
	char *text;
	int len = vasprintf(&text, fmt, ap);

	if (len < 0)
		return 0;
	if (strstr(text, "'ulimit -l'")) {
		free(text); /* libbpf's guess at EPERM, which misleads on every kernel we support */
		return len;
	}
	if (pr_level == PR_VERBOSE)
		fprintf(stderr, "  %s%s", text, len && text[len - 1] == '\n' ? "" : "\n");
	keep(text, len);
	free(text);
	return len;
}

static int from_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_DEBUG)
		return show_detail(fmt, ap);
	return keep_message(fmt, ap);
}

static int from_libxdp(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBXDP_DEBUG)
		return show_detail(fmt, ap);
	return keep_message(fmt, ap);
}

void pr_keep_library_messages(void)
{
	libbpf_set_print(from_libbpf);
	libxdp_set_print(from_libxdp);
}

bool pr_libraries_said(const char *text)
{
	return kept && strstr(kept, text);
}

void pr_info(const char *fmt, ...)
{
	va_list ap;

	forget_library_words(); /* what it took to get here is of no use any more */
	if (pr_level == PR_QUIET)
		return;
	va_start(ap, fmt);
	vfprintf(pr_figures_only ? stderr : stdout, fmt, ap);
	va_end(ap);
	fputc('\n', pr_figures_only ? stderr : stdout);
}

void pr_result(const char *fmt, ...)
{
	va_list ap;

	forget_library_words();
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void pr_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("Note: ", stderr);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

const char *pr_text(const char *fmt, ...)
{
	static char ring[8][PR_LONGEST];
	static unsigned int next;
	char *text = ring[next++ % 8];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(ring[0]), fmt, ap);
	va_end(ap);
	if (len >= (int)sizeof(ring[0]))
		strcpy(text + sizeof(ring[0]) - sizeof("..."), "...");
	return text;
}

/* In the directory of this program. */
static const char *in_directory_of(const char *program, const char *name)
{
	static char path[PR_LONGEST]; /* not of pr_text()'s, which are soon used again */
	const char *slash = strrchr(program, '/');
	int len = slash ? slash + 1 - program : 0;

	if (len == 2 && !strncmp(program, "./", 2) && !strncmp(name, "../", 3))
		len = 0;
	snprintf(path, sizeof(path), "%.*s%s", len, program, name);
	return path;
}

const char *pr_beside(const char *name)
{
	const char *path = in_directory_of(pr_names.self, name);
	char program[4096];
	ssize_t len;

	if (!strchr(path, '/') || !access(path, F_OK))
		return path;
	len = readlink("/proc/self/exe", program, sizeof(program) - 1); /* called by a link */
	if (len < 0)
		return path;
	program[len] = '\0';
	return in_directory_of(program, name);
}

/* One labelled line, or several: later lines of the text are set in under the first. */
static void print_labelled(const char *label, const char *text)
{
	if (!text || !*text)
		return; /* of a verifier log that names no line of C */
	fprintf(stderr, "  %s ", label);
	for (; *text; text++) {
		fputc(*text, stderr);
		if (*text == '\n')
			fputs("       ", stderr);
	}
	fputc('\n', stderr);
}

/* The libraries' words, set in. */
static void print_library_words(const char *said)
{
	while (said && *said) {
		int len = strcspn(said, "\n");

		if (len)
			fprintf(stderr, "       | %.*s\n", len, said);
		said += len + (said[len] == '\n');
	}
}

static void print_error(const char *fmt, va_list ap)
{
	fflush(stdout); /* what was said before comes before */
	fputs("Error: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int pr_err(int err, const char *fmt, ...)
{
	struct explained_log log;
	struct explained text;
	va_list ap;

	va_start(ap, fmt);
	print_error(fmt, ap);
	va_end(ap);
	explain(err, kept ?: "", &text);
	print_labelled("why:", text.why);
	if (text.refused && explain_log(kept, &log)) {
		print_labelled("at: ", log.source);
		print_labelled("fix:", text.fix);
		fprintf(stderr, "  The end of the verifier's log (-v shows all of it):\n");
		print_library_words(log.tail);
		explain_log_free(&log);
	} else {
		if (pr_level != PR_VERBOSE && !*text.fix)
			print_library_words(kept);
		print_labelled("fix:",
			       *text.fix ? text.fix :
					   pr_text("find out more: -v shows what the libraries do, "
						   "`%s doctor` what works here.",
						   pr_beside("../lab")));
	}
	forget_library_words();
	return err;
}

int pr_err_because(int err, const char *why, const char *fix, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error(fmt, ap);
	va_end(ap);
	print_labelled("why:", why);
	print_labelled("fix:", fix);
	forget_library_words();
	return err;
}
