// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line: the table of options holds together, and each line of words means one thing or
 * is refused. Seed: the number in $LAB_SEED, or the time.
 */
#include <stdlib.h>
#include <time.h>

#include "liblab.c" /* its table too */
#include "tap.h"

static const struct cli_program loader = {
	.about = "A loader.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST | CLI_CHAIN,
	.object = "prog.o",
	.progname = "default_prog",
};
static const struct cli_program reader = {
	.about = "A reader.",
	.options = CLI_DEV | CLI_STATS,
};
static const struct cli_program everything = {
	.about = "Both.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST | CLI_STATS | CLI_CHAIN,
	.object = "prog.o",
};

static bool replace, dry_run;
static __u32 replace_id;
static unsigned long times;
static const char *label;
static const struct cli_own_option own_options[] = {
	{ .name = "replace",
	  .arg = "[ID]",
	  .help = "in its place",
	  .given = &replace,
	  .id = &replace_id },
	{ .name = "dry-run", .help = "only look", .given = &dry_run },
	{ .name = "times", .arg = "N", .help = "how often", .number = &times },
	{ .name = "label", .arg = "TEXT", .help = "a name for it", .text = &label },
	{}
};
static const struct cli_program with_own = {
	.about = "A loader with options of its own.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD,
	.object = "prog.o",
	.own = own_options,
};

struct parsed {
	bool go_on;
	struct cli_args args;
	char said[4096]; /* on stdout and stderr together */
};

/* Gives the program these words, which NULL ends; what it says is kept. */
static struct parsed *parse_words(const struct cli_program *program, char **words)
{
	static struct parsed parsed;
	FILE *out = stdout, *err = stderr;
	char *text = NULL;
	size_t len;
	int argc = 0;

	while (words[argc])
		argc++;
	pr_level = PR_NORMAL;
	replace = dry_run = false;
	replace_id = times = 0;
	label = NULL;
	stdout = stderr = open_memstream(&text, &len);
	parsed.go_on = cli_parse(program, argc, words, &parsed.args);
	fclose(stdout);
	stdout = out;
	stderr = err;
	snprintf(parsed.said, sizeof(parsed.said), "%s", text);
	free(text);
	return &parsed;
}

/* The same with a line whose words blanks part; one that is given as '' is empty. */
static struct parsed *parse(const struct cli_program *program, const char *line)
{
	static char copy[512];
	char *words[40] = { "./self" }, *rest = copy, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	while ((word = strsep(&rest, " ")) && argc < 39)
		words[argc++] = strcmp(word, "''") ? word : "";
	words[argc] = NULL;
	return parse_words(program, words);
}

static bool usage(const struct cli_program *program, const char *line, const char *text)
{
	const struct parsed *parsed = parse(program, line);

	return ok(!parsed->go_on && parsed->args.status == 2 && strstr(parsed->said, text) &&
			  strstr(parsed->said, "usage: see ./self --help"),
		  "refused: %s: %s", line, text);
}

#define MEANS(program, line, condition)                                                            \
	do {                                                                                       \
		const struct parsed *parsed = parse(program, line);                                \
		const struct cli_args *args = &parsed->args;                                       \
                                                                                                   \
		ok(parsed->go_on && args->status == 0 && (condition), "%s: %s", line, #condition); \
	} while (0)

static bool is(const char *word, const char *expected)
{
	return word ? expected && !strcmp(word, expected) : !expected;
}

static void test_table(void)
{
	bool single = true, complete = true, fits = true, told = true;
	const struct parsed *help = parse(&everything, "--help");

	for (size_t i = 0; i < ROWS; i++) {
		char with_name[40];
		bool wordless;

		for (size_t j = 0; j < i; j++)
			single &= strcmp(rows[i].name, rows[j].name) &&
				  (!rows[i].letter || rows[i].letter != rows[j].letter);
		wordless = rows[i].kind == FLAG || rows[i].kind == MODE || rows[i].kind == LEVEL ||
			   rows[i].kind == HELP || rows[i].kind == VERSION;
		complete &= *rows[i].help && wordless == !rows[i].arg;
		fits &= strlen(rows[i].name) + strlen(rows[i].arg ?: "") <= 20;
		snprintf(with_name, sizeof(with_name), "--%s %s", rows[i].name, rows[i].arg ?: "");
		told &= strstr(help->said, with_name) && strstr(help->said, rows[i].help);
	}
	ok(single, "no letter and no name stands for two options");
	ok(complete, "what takes a word says so, and each has its help");
	ok(fits, "all fit in the help's left column");
	ok(told, "each is in the help");
	ok(!help->go_on && help->args.status == 0, "--help ends with status 0");
	help = parse(&reader, "-h");
	ok(!strstr(help->said, "--unload") && !strstr(help->said, "--filename") &&
		   strstr(help->said, "--interval"),
	   "the help has only what the program has");
	ok(!parse(&loader, "--version")->go_on &&
		   strstr(parse(&loader, "--version")->said, "libbpf "),
	   "--version names libbpf's too");
}

static void test_lines(void)
{
	MEANS(&loader, "--dev lo", args->ifindex == 1 && is(args->progname, "default_prog"));
	MEANS(&loader, "-dlo", is(args->dev, "lo") && args->own_file);
	MEANS(&loader, "--dev=lo xdp_drop", is(args->progname, "xdp_drop"));
	MEANS(&loader, "xdp_drop -d lo", is(args->progname, "xdp_drop"));
	MEANS(&loader, "-d lo -- --odd", is(args->progname, "--odd"));
	MEANS(&loader, "-d lo --progsec xdp", is(args->progsec, "xdp") && !args->progname);
	MEANS(&loader, "-d lo --filename o.o", is(args->filename, "o.o") && !args->own_file);
	MEANS(&loader, "-d lo --filename o.o", !args->progname);
	MEANS(&loader, "-Sd lo", args->mode == XDP_MODE_SKB);
	MEANS(&loader, "-N -d lo -N", args->mode == XDP_MODE_NATIVE);
	MEANS(&loader, "-A --dev lo", args->mode == XDP_MODE_UNSPEC);
	MEANS(&loader, "--offload-mode -d lo", args->mode == XDP_MODE_HW);
	MEANS(&loader, "-d lo --for 30 --force", args->for_seconds == 30 && args->force);
	MEANS(&loader, "-qd lo", pr_level == PR_QUIET);
	MEANS(&loader, "-d lo -v", pr_level == PR_VERBOSE);
	MEANS(&loader, "-d lo -U 745", args->unload && args->unload_id == 745);
	MEANS(&loader, "-d lo -U745", args->unload && args->unload_id == 745);
	MEANS(&loader, "-d lo --unload=745", args->unload && args->unload_id == 745);
	MEANS(&loader, "--unload 745 -d lo", args->unload && args->unload_id == 745);
	MEANS(&loader, "-U -d lo", args->unload && !args->unload_id && !args->progname);
	MEANS(&loader, "-d lo -U", args->unload && !args->unload_id && !args->progname);
	MEANS(&loader, "-d lo --unload --progname p", args->unload && is(args->progname, "p"));
	MEANS(&loader, "-d lo -U 4294967295", args->unload_id == 4294967295U);
	MEANS(&loader, "-d lo --unload-all --force", args->unload_all && args->force);
	MEANS(&loader, "-d lo --list -q", args->list);
	MEANS(&loader, "-d lo", !args->prio && !args->chain_on);
	MEANS(&loader, "-d lo --prio 7", args->prio == 7);
	MEANS(&loader, "-d lo --chain-on pass", args->chain_on == 1 << XDP_PASS);
	MEANS(&loader, "-d lo --chain-on=XDP_DROP,pass", args->chain_on == 06);
	MEANS(&loader, "-d lo --chain-on Tx,ABORTED,redirect", args->chain_on == 031);
	MEANS(&reader, "-d lo", args->interval == 2 && args->count == 0 && !args->json);
	MEANS(&reader, "-d lo -i 0.25 -n 3 --json", args->interval == 0.25 && args->count == 3);
	MEANS(&reader, "-i.5 -d lo", args->interval == 0.5);
	MEANS(&reader, "--interval=86400 -d lo", args->interval == 86400);
}

static void test_usage(void)
{
	static const char *const ids[] = { "abc", "-5", "0",   "99999999999", "4294967296",
					   "7x",  "+7", "0x7", "1.0",	      "''" };
	static const char *const fractions[] = { "0", "-1",   "abc", "nan",   "inf",
						 "",  "1e99", "1s",  "0.0001" };
	static const char *const numbers[] = { "0", "-1", "x", "1.5", "99999999999999999999999" };
	char line[100];

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		snprintf(line, sizeof(line), "-d lo -U %s", ids[i]);
		usage(&loader, line, "is no program id");
	}
	for (size_t i = 0; i < sizeof(fractions) / sizeof(fractions[0]); i++) {
		snprintf(line, sizeof(line), "-d lo --interval=%s", fractions[i]);
		usage(&reader, line, *fractions[i] ? "wants seconds" : "wants a value");
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(line, sizeof(line), "-d lo -n %s", numbers[i]);
		usage(&reader, line, "-n wants a whole number");
		snprintf(line, sizeof(line), "-d lo --for %s", numbers[i]);
		usage(&loader, line, "--for wants a whole number");
	}
	usage(&loader, "-d lo ''", "an empty word names no program");
	usage(&loader, "-S", "which device?");
	usage(&loader, "--dev", "--dev wants a value: DEV");
	usage(&loader, "--dev=", "--dev wants a value: DEV");
	usage(&loader, "-d lo --unknown", "there is no option --unknown");
	usage(&loader, "-d lo -Sx", "there is no option -x");
	usage(&loader, "-d lo --interval 1", "there is no option --interval");
	usage(&loader, "-d lo --de x", "there is no option --de");
	usage(&loader, "-d lo --list=yes", "--list takes no value");
	usage(&loader, "-d lo one two", "two program names");
	usage(&loader, "-d lo --progname one two", "two program names");
	usage(&reader, "-d lo one", "what is 'one' for?");
	usage(&loader, "-d lo -U 5 --progname p", "one of them is enough");
	usage(&loader, "-d lo -U 5 --unload-all", "one or the other");
	usage(&loader, "-d lo --unload-all p", "takes no program's name");
	usage(&loader, "-d lo --progsec s p", "one or the other");
	usage(&loader, "-d lo -U --for 3", "for loading");
}

static void test_twice(void)
{
	static const char *const others[] = {
		"-U 3", "-S",	   "-A",   "--filename f", "--for 3",	     "--progsec s",
		"p",	"--force", "-i 1", "--json",	   "--chain-on pass"
	};
	char line[100];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(line, sizeof(line), "-d lo --list %s", others[i]);
		usage(&everything, line, "--list only looks");
	}
	usage(&with_own, "-d lo --list", "there is no option --list");
	usage(&loader, "-d lo -S -N", "--skb-mode and --native-mode: one or the other");
	usage(&loader, "-NAd lo", "--native-mode and --auto-mode: one or the other");
	usage(&loader, "-d lo -qv", "--quiet and --verbose: one or the other");
	usage(&loader, "-d lo --dev lo", "--dev twice");
	usage(&loader, "-d lo -U 5 -U 6", "--unload twice");
	usage(&loader, "-d lo --filename a --filename=b", "--filename twice");
	usage(&reader, "-d lo -n 1 -n 2", "--count twice");
	usage(&with_own, "-d lo --times 1 --times 2", "--times twice");
	MEANS(&with_own, "-d lo --dry-run --dry-run --force --force", dry_run && args->force);
}

static void test_chain_usage(void)
{
	static const char *const actions[] = {
		"",	     ",", "pass,",	",pass",	"pas",	  "XDP_",
		"pass+drop", "1", "pass,,drop", "XDP_XDP_PASS", "unknown"
	};
	char line[100];

	usage(&loader, "-d lo --prio 0", "--prio wants a whole number");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		snprintf(line, sizeof(line), "-d lo --chain-on=%s", actions[i]);
		usage(&loader, line, *actions[i] ? "--chain-on wants verdicts" : "wants a value");
	}
	usage(&loader, "-d lo -U --prio 3", "for loading");
	usage(&loader, "-d lo --for 3 --prio 3", "for itself");
	usage(&loader, "-d lo --for 3 --chain-on pass", "for itself");
	usage(&reader, "-d lo --prio 3", "there is no option --prio");
}

/* A program's own options keep to the rules of the others. */
static void test_own(void)
{
	static const char *const ids[] = { "abc", "-5", "0", "4294967296", "''" };
	const struct parsed *help = parse(&with_own, "--help");
	char line[100];

	ok(strstr(help->said, "      --replace [ID]         in its place\n") &&
		   strstr(help->said, "--dry-run ") && strstr(help->said, "--times N ") &&
		   strstr(help->said, "--label TEXT ") &&
		   strstr(help->said, "--replace") < strstr(help->said, "-q, --quiet"),
	   "the help has a program's own options, before those of every program");
	MEANS(&with_own, "-d lo", !replace && !replace_id && !dry_run && !times && !label);
	MEANS(&with_own, "-d lo --replace 745", args->dev && replace && replace_id == 745);
	MEANS(&with_own, "--replace=745 -d lo", args->dev && replace && replace_id == 745);
	MEANS(&with_own, "--replace -d lo p", is(args->progname, "p") && replace && !replace_id);
	MEANS(&with_own, "-d lo --replace", args->dev && replace && !replace_id);
	MEANS(&with_own, "-d lo --replace --progname p", is(args->progname, "p") && replace);
	MEANS(&with_own, "-d lo --dry-run p", is(args->progname, "p") && dry_run && !replace);
	MEANS(&with_own, "-d lo --times 3 --label -x", is(label, "-x") && args->dev && times == 3);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		snprintf(line, sizeof(line), "-d lo --replace %s", ids[i]);
		usage(&with_own, line,
		      "is no program id, which is a number from 1 to 4294967295\n");
	}
	usage(&with_own, "-d lo --dry-run=1", "--dry-run takes no value");
	usage(&with_own, "-d lo --times", "--times wants a value: N");
	usage(&with_own, "-d lo --times 0", "--times wants a whole number");
	usage(&with_own, "-d lo --label=", "--label wants a value: TEXT");
	usage(&with_own, "-d lo --replac 5", "there is no option --replac");
	usage(&loader, "-d lo --replace", "there is no option --replace");
}

static void test_device(void)
{
	const struct parsed *parsed = parse(&loader, "--dev none");

	ok(!parsed->go_on && parsed->args.status == 1 &&
		   strstr(parsed->said, "there is no device") && strstr(parsed->said, " lo"),
	   "an unknown device: status 1, and those that there are");
	parsed = parse(&loader, "--dev a_name_that_is_longer_than_devices_have");
	ok(!parsed->go_on && parsed->args.status == 1, "a name that no device can have");
}

static char *random_word(void)
{
	static const char *const known[] = {
		"-d",		"lo",	       "--dev",	     "--dev=lo",
		"-U",		"5",	       "-5",	     "--unload",
		"--unload-all", "--",	       "-",	     "",
		"-i",		"--interval=", "nan",	     "0x1p-9",
		"-n",		"--json",      "=",	     "--=",
		"-=",		"--list",      "--progname", "%s%n",
		"--progsec=%d", "--for",       "4294967296", "-SNAq",
		"-qvU",		"-Sd",	       "--force",    "-v",
		"--filename",	"/dev/null",   "--dev=%s",   "\xff\xfe",
		"-\xc3",	"prog",	       "--replace",  "--times",
		"--prio",	"--chain-on",  "pass,drop",  "--chain-on=",
	};
	size_t len = rand() % 60, which = rand() % 50;
	char *word;

	if (which < sizeof(known) / sizeof(known[0]))
		return strdup(known[which]);
	if (which == 49)
		len = 70000;
	word = malloc(len + 1);
	for (size_t i = 0; i < len; i++)
		word[i] = 1 + rand() % 255;
	word[len] = '\0';
	return word;
}

/* What holds for every command line that is accepted. */
static bool makes_sense(const struct cli_args *args)
{
	return args->dev && args->ifindex > 0 && !(args->unload && args->unload_all) &&
	       !(args->unload_id && !args->unload) && !(args->progname && args->progsec) &&
	       !(args->unload_id && args->progname) && args->interval >= 0.001 &&
	       args->interval <= 86400 && !(args->list && (args->unload || args->unload_all));
}

static void test_random(unsigned int seed)
{
	static const struct cli_program *const programs[] = { &loader, &reader, &everything,
							      &with_own };
	int accepted = 0, wrong = 0, silent = 0, lines = 5000;

	srand(seed);
	for (int i = 0; i < lines; i++) {
		char *words[12] = { strdup("./self") };
		const struct parsed *parsed;
		int argc = 1 + rand() % 10;

		for (int j = 1; j < argc; j++)
			words[j] = random_word();
		parsed = parse_words(programs[rand() % 4], words);
		accepted += parsed->go_on;
		wrong += parsed->go_on ? !makes_sense(&parsed->args) : parsed->args.status > 2;
		silent += !parsed->go_on && !*parsed->said;
		for (int j = 0; j < argc; j++)
			free(words[j]);
	}
	ok(!wrong && !silent, "%d lines of random words (seed %u): %d wrong, %d refused silently",
	   lines, seed, wrong, silent);
	ok(accepted > 10 && accepted < lines / 2, "some of them, %d, are accepted", accepted);
}

int main(void)
{
	const char *seed = getenv("LAB_SEED");
	char *none[] = { NULL };

	test_table();
	test_lines();
	test_usage();
	test_twice();
	test_chain_usage();
	test_own();
	test_device();
	ok(!parse_words(&loader, none)->go_on, "no words at all, not even the program's own name");
	test_random(seed ? strtoul(seed, NULL, 10) : (unsigned long)time(NULL));
	return done();
}
