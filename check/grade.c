// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grader: runs the checks of one lesson on a copy of the learner's tree, which it reads as a
 * tar archive from stdin, and says what came of it. "lab check" is what people type.
 *
 * It ends with 0 if all that was asked for passed, 1 if something did not, 2 if the command line
 * is wrong, 3 if this machine cannot tell.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "grade.h"
#include "pr.h"

struct wanted wanted = { .built_in = -1, .passed = "" };
struct outcome *outcomes;
char tree[4096];

extern const struct lesson *const __start_lessons[], *const __stop_lessons[];

static const char usage[] =
	"usage: tar -c LESSON | grade LESSON [EXERCISE] [--all] [--seed HEX] [--json | --tap]\n"
	"                             [--time] [--built-in SECONDS] [--summary] [--noise]\n"
	"                             [--one-by-one] [--place OPTIONS] [--passed ,NAME,...]\n"
	"       grade --list\n"
	"Type ./lab check instead, which does the rest.\n";

void give_up(int err, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("lab check: this machine cannot tell: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	if (err)
		fprintf(stderr, ": %s", strerror(err < 0 ? -err : err));
	fputs("\nWhat the machine can do: ./lab doctor\n", stderr);
	exit(3);
}

__attribute__((noreturn)) static void wrong(const char *what, const char *word)
{
	fprintf(stderr, "grade: %s%s\n%s", what, word, usage);
	exit(2);
}

__attribute__((noreturn)) static void list(void)
{
	for (const struct lesson *const *l = __start_lessons; l < __stop_lessons; l++) {
		for (const struct exercise *e = (*l)->exercises; e->name; e++)
			printf("%s %s\n", (*l)->dir, e->name);
	}
	exit(0);
}

static const struct lesson *find_lesson(const char *dir)
{
	for (const struct lesson *const *l = __start_lessons; l < __stop_lessons; l++) {
		if (!strcmp((*l)->dir, dir))
			return *l;
	}
	wrong("there are no checks for the lesson ", dir);
}

bool is_behind(const struct exercise *exercise)
{
	return !wanted.all && !wanted.exercise &&
	       strstr(wanted.passed, text(",%s,", exercise->name));
}

static void check_exercise(void)
{
	for (const struct exercise *e = wanted.lesson->exercises; e->name; e++) {
		if (!wanted.exercise || !strcmp(e->name, wanted.exercise))
			return;
	}
	fprintf(stderr, "grade: %s has no exercise '%s'; it has:", wanted.lesson->dir,
		wanted.exercise);
	for (const struct exercise *e = wanted.lesson->exercises; e->name; e++)
		fprintf(stderr, " %s", e->name);
	fputs("\n", stderr);
	exit(2);
}

static unsigned int read_seed(const char *word)
{
	char *end;
	unsigned long seed = strtoul(word, &end, 16);

	if (*end || end == word || strlen(word) > 8 || word[0] == '-')
		wrong("a seed is up to eight hexadecimal digits, not ", word);
	return seed;
}

/* What takes a value; flags are set by getopt_long() itself. */
enum {
	IS_FLAG,
	SEED = 256,
	BUILT_IN,
	PLACE,
	BEHIND,
	LIST
};

static void take_option(int option)
{
	if (option == SEED)
		wanted.seed = read_seed(optarg);
	else if (option == BUILT_IN)
		wanted.built_in = strtod(optarg, NULL);
	else if (option == PLACE)
		wanted.place = optarg;
	else if (option == BEHIND)
		wanted.passed = optarg;
	else if (option == LIST)
		list();
	else if (option != IS_FLAG)
		exit(2); /* getopt_long() has said why */
}

static void read_command_line(int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, &wanted.all, 1 },
		{ "time", no_argument, &wanted.time, 1 },
		{ "summary", no_argument, &wanted.summary, 1 },
		{ "noise", no_argument, &wanted.noise, 1 },
		{ "one-by-one", no_argument, &wanted.one_by_one, 1 },
		{ "json", no_argument, &wanted.format, AS_JSON },
		{ "tap", no_argument, &wanted.format, AS_TAP },
		{ "seed", required_argument, NULL, SEED },
		{ "built-in", required_argument, NULL, BUILT_IN },
		{ "place", required_argument, NULL, PLACE },
		{ "passed", required_argument, NULL, BEHIND },
		{ "list", no_argument, NULL, LIST },
		{},
	};
	unsigned short seed;
	int option;

	if (getrandom(&seed, sizeof(seed), 0) == sizeof(seed))
		wanted.seed = seed;
	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
		take_option(option);
	if (optind == argc)
		wrong("which lesson?", "");
	if (optind + 2 < argc)
		wrong("too many words: ", argv[argc - 1]);
	wanted.lesson = find_lesson(argv[optind]);
	wanted.exercise = argv[optind + 1];
	check_exercise();
}

/* The grader lies in check/, at the top of the tree that it grades. */
static void find_tree(void)
{
	ssize_t len = readlink("/proc/self/exe", tree, sizeof(tree) - 1);

	if (len < 0)
		give_up(errno, "cannot read /proc/self/exe");
	tree[len] = '\0';
	for (int up = 0; up < 2; up++)
		*strrchr(tree, '/') = '\0';
}

int main(int argc, char **argv)
{
	unsigned int count = 0;

	read_command_line(argc, argv);
	if (geteuid())
		give_up(0, "the grader needs root. Type: ./lab check, which asks for it");
	if (isatty(STDIN_FILENO))
		wrong("no tree on stdin", "");
	find_tree();
	while (wanted.lesson->exercises[count].name)
		count++;
	outcomes = mmap(NULL, (count + 1) * sizeof(*outcomes), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcomes == MAP_FAILED)
		give_up(errno, "no memory");
	pr_keep_library_messages();
	return in_a_world(run_checks);
}
