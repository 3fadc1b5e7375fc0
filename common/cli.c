// SPDX-License-Identifier: GPL-2.0-only
/* The options of all loaders, in one table; what derives from it: parsing, help, usage errors. */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "lab_dev.h"
#include "lab_pin.h"
#include "lab_stats.h"
#include "lab_xdp.h"
#include "pr.h"

#define LAB_VERSION "0.1"

enum kind {
	FLAG, /* sets a bool */
	MODE, /* sets the mode */
	LEVEL, /* sets pr_level */
	TEXT, /* takes a word */
	PROGNAME, /* takes a word, which may also stand alone */
	SECONDS, /* takes a whole number of seconds */
	ACTIONS, /* takes names of verdicts, with commas between them */
	FRACTION, /* takes seconds, 0.5 too */
	NUMBER, /* takes a whole number from 1 on */
	UNLOAD, /* takes an id, or none */
	HELP,
	VERSION,
	OWN, /* the program's own: where its word goes says what it is */
};

struct option_row {
	char letter; /* 0: has none */
	const char *name;
	const char *arg; /* what --help calls the word that it takes, or NULL */
	unsigned int group; /* CLI_…; 0: every program has it */
	enum kind kind;
	size_t field; /* in struct cli_args */
	int value; /* for MODE and LEVEL */
	const char *help;
};

#define IN_ARGS(field) offsetof(struct cli_args, field)

/* clang-format off */
static const struct option_row rows[] = {
	{ 'd', "dev", "DEV", CLI_DEV, TEXT, IN_ARGS(dev), 0,
	  "the network device to work on (required)" },
	{ 'S', "skb-mode", NULL, CLI_ATTACH, MODE, IN_ARGS(mode), XDP_MODE_SKB,
	  "attach in skb (generic) mode: slower, works on every device" },
	{ 'N', "native-mode", NULL, CLI_ATTACH, MODE, IN_ARGS(mode), XDP_MODE_NATIVE,
	  "attach in native mode: in the device's driver" },
	{ 'A', "auto-mode", NULL, CLI_ATTACH, MODE, IN_ARGS(mode), XDP_MODE_UNSPEC,
	  "let the kernel choose: native if the driver can (default)" },
	{ 0, "offload-mode", NULL, CLI_ATTACH, MODE, IN_ARGS(mode), XDP_MODE_HW,
	  "run the program on the network card itself" },
	{ 0, "filename", "FILE", CLI_ATTACH, TEXT, IN_ARGS(filename), 0,
	  "load from FILE instead of" },
	{ 0, "progname", "NAME", CLI_ATTACH, PROGNAME, IN_ARGS(progname), 0,
	  "the program to load or unload, by its C function's name" },
	{ 0, "progsec", "NAME", CLI_ATTACH, TEXT, IN_ARGS(progsec), 0,
	  "choose by ELF section instead, for older objects" },
	{ 0, "prio", "N", CLI_CHAIN, NUMBER, IN_ARGS(prio), 0,
	  "among programs that share DEV: the lowest runs first (default 50)" },
	{ 0, "chain-on", "ACTION,...", CLI_CHAIN, ACTIONS, IN_ARGS(chain_on), 0,
	  "the verdicts after which the next program is asked (default pass)" },
	{ 0, "for", "SECONDS", CLI_ATTACH, SECONDS, IN_ARGS(for_seconds), 0,
	  "attach for that long; then the kernel detaches" },
	{ 0, "force", NULL, CLI_ATTACH | CLI_UNLOAD, FLAG, IN_ARGS(force), 0,
	  "even if it may cut you off, or another process holds it" },
	{ 'U', "unload", "[ID]", CLI_UNLOAD, UNLOAD, IN_ARGS(unload), 0,
	  "unload the program with this id, or of --progname" },
	{ 0, "unload-all", NULL, CLI_UNLOAD, FLAG, IN_ARGS(unload_all), 0,
	  "unload all programs on the device" },
	{ 0, "list", NULL, CLI_LIST, FLAG, IN_ARGS(list), 0,
	  "list the programs on the device" },
	{ 'i', "interval", "SECONDS", CLI_STATS, FRACTION, IN_ARGS(interval), 0,
	  "time between two readings, fractions too (default 2)" },
	{ 'n', "count", "N", CLI_STATS, NUMBER, IN_ARGS(count), 0,
	  "stop after N readings (default: at Ctrl-C)" },
	{ 0, "json", NULL, CLI_STATS, FLAG, IN_ARGS(json), 0,
	  "figures as JSON, one object a line" },
	{ 'q', "quiet", NULL, 0, LEVEL, 0, PR_QUIET,
	  "say nothing but errors" },
	{ 'v', "verbose", NULL, 0, LEVEL, 0, PR_VERBOSE,
	  "show what libbpf and libxdp say" },
	{ 'h', "help", NULL, 0, HELP, 0, 0,
	  "show this help" },
	{ 0, "version", NULL, 0, VERSION, 0, 0,
	  "show the versions of this program and of libbpf" },
};
/* clang-format on */

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The parser's place on the command line. */
struct cursor {
	const struct cli_program *program;
	struct cli_args *args;
	char **next; /* the word after this one */
	const char *written; /* the option as the person wrote it */
	const struct cli_own_option *own; /* which one of the program's own it is, for OWN */
	__u64 given; /* the options that were there: bits by the row, then by the own option */
};

static bool program_has(const struct cli_program *program, const struct option_row *row)
{
	return !row->group || row->group & program->options;
}

static bool is_there(const struct cli_own_option *own)
{
	return own && own->name;
}

/* The program's own option, as a row like those of the table. */
static struct option_row row_of(const struct cli_own_option *own)
{
	return (struct option_row){
		.name = own->name, .arg = own->arg, .kind = OWN, .help = own->help
	};
}

int cli_usage_error(struct cli_args *args, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("Error: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n  usage: see %s --help\n", pr_names.self);
	args->status = 2;
	return -EINVAL;
}

static void print_row(const struct cli_program *program, const struct option_row *row)
{
	char left[40];

	snprintf(left, sizeof(left), "%c%c%s--%s %s", row->letter ? '-' : ' ', row->letter ?: ' ',
		 row->letter ? ", " : "  ", row->name, row->arg ?: "");
	printf("  %-26s %s%s%s\n", left, row->help, row->field == IN_ARGS(filename) ? " " : "",
	       row->field == IN_ARGS(filename) ? program->object : "");
}

static void print_help(const struct cli_program *program)
{
	const struct cli_own_option *own = program->own;

	printf("Usage: %s %s[OPTION…]%s\n\n%s\n\n", pr_names.self,
	       program->options & CLI_DEV ? "--dev DEV " : "",
	       program->options & CLI_ATTACH ? " [PROGRAM]" : "", program->about);
	for (size_t i = 0; i < ROWS; i++) {
		for (; !rows[i].group && is_there(own); own++) { /* before those of every program */
			struct option_row row = row_of(own);

			print_row(program, &row);
		}
		if (program_has(program, &rows[i]))
			print_row(program, &rows[i]);
	}
	if (program->options & CLI_ATTACH && program->progname)
		printf("\nWithout --progname it loads %s.\n", program->progname);
}

/* A whole number from 1 to max, or 0 where the word is none. */
static unsigned long read_number(const char *word, unsigned long max)
{
	unsigned long value;
	char *end;

	if (!word || *word < '0' || *word > '9')
		return 0;
	errno = 0;
	value = strtoul(word, &end, 10);
	return *end || errno || value > max ? 0 : value;
}

/* The word behind an option that takes an id or none: attached to it, or the next, or NULL. */
static const char *find_id(struct cursor *at, const char *word)
{
	if (!word && *at->next && **at->next != '-')
		word = *at->next++;
	if (!word && *at->next && (*at->next)[1] >= '0' && (*at->next)[1] <= '9')
		word = *at->next++; /* -5 is nobody's option: meant as an id */
	return word;
}

static int set_id(struct cursor *at, __u32 *field, const char *word, const char *by_name)
{
	word = find_id(at, word);
	if (!word)
		return 0;
	*field = read_number(word, UINT32_MAX);
	if (!*field)
		return cli_usage_error(at->args,
				       "'%s' is no program id, which is a number from 1 to %u%s",
				       word, UINT32_MAX, by_name);
	return 0;
}

static int set_fraction(struct cursor *at, double *field, const char *word)
{
	char *end;

	*field = strtod(word, &end);
	if (end == word || *end || !(*field >= 0.001 && *field <= 86400))
		return cli_usage_error(at->args, "%s wants seconds, from 0.001 to 86400, not '%s'",
				       at->written, word);
	return 0;
}

static int set_number(struct cursor *at, const struct option_row *row, void *field,
		      const char *word)
{
	unsigned long max = row->kind == SECONDS ? 31536000 : 1000000000;
	unsigned long value = read_number(word, max);

	if (!value)
		return cli_usage_error(at->args, "%s wants a whole number from 1 to %lu, not '%s'",
				       at->written, max, word);
	if (row->kind == SECONDS)
		*(unsigned int *)field = value;
	else
		*(unsigned long *)field = value;
	return 0;
}

/* "pass", "XDP_PASS": the number of this verdict, or -1. */
static int find_action(const char *word, size_t len)
{
	static const size_t prefix = sizeof("XDP_") - 1;

	if (len > prefix && !strncasecmp(word, "XDP_", prefix)) {
		word += prefix;
		len -= prefix;
	}
	for (int action = 0; action <= XDP_REDIRECT; action++) {
		const char *name = lab_action_name(action) + prefix;

		if (strlen(name) == len && !strncasecmp(name, word, len))
			return action;
	}
	return -1;
}

static int set_actions(struct cursor *at, unsigned int *field, const char *word)
{
	const char *one = word;

	for (*field = 0;;) {
		size_t len = strcspn(one, ",");
		int action = find_action(one, len);

		if (action < 0)
			return cli_usage_error(at->args,
					       "%s wants verdicts, such as pass,drop: of aborted, "
					       "drop, pass, tx, redirect; not '%s'",
					       at->written, word);
		*field |= 1U << action;
		if (!one[len])
			return 0;
		one += len + 1;
	}
}

static int set_progname(struct cursor *at, const char *word)
{
	if (!*word)
		return cli_usage_error(at->args, "an empty word names no program");
	if (at->args->progname)
		return cli_usage_error(at->args, "two program names, '%s' and '%s': one at a time",
				       at->args->progname, word);
	at->args->progname = word;
	return 0;
}

static int set_own(struct cursor *at, const char *word)
{
	const struct cli_own_option *own = at->own;
	static const struct option_row number = { .kind = NUMBER };

	if (own->given)
		*own->given = true;
	if (own->id)
		return set_id(at, own->id, word, "");
	if (own->number)
		return set_number(at, &number, own->number, word);
	if (own->text)
		*own->text = word;
	return 0;
}

static int print_version(void)
{
	printf("%s (xdp-lab) " LAB_VERSION ", libbpf %s\n", pr_names.self,
	       libbpf_version_string() + 1);
	return -ECANCELED; /* nothing more to do; status stays 0 */
}

/* The word of an option that must have one: attached to it, or the next. */
static int find_word(struct cursor *at, const struct option_row *row, const char **word)
{
	if (*word && !row->arg)
		return cli_usage_error(at->args, "%s takes no value", at->written);
	if (!row->arg || row->kind == UNLOAD || (row->kind == OWN && at->own->id))
		return 0; /* has none, or may do without */
	if (!*word)
		*word = *at->next ? *at->next++ : NULL;
	if (!*word || !**word)
		return cli_usage_error(at->args, "%s wants a value: %s", at->written, row->arg);
	return 0;
}

/* Of two words for one thing, or two modes, one would be forgotten: nobody would know which. */
static int check_once(struct cursor *at, const struct option_row *row)
{
	size_t bit = row->kind == OWN ? ROWS + (size_t)(at->own - at->program->own) :
					(size_t)(row - rows);

	for (size_t i = 0; i < ROWS && row->kind != OWN; i++)
		if (i != bit && at->given & 1ULL << i && rows[i].kind == row->kind &&
		    rows[i].field == row->field)
			return cli_usage_error(at->args, "--%s and --%s: one or the other",
					       rows[i].name, row->name);
	if (row->arg && row->kind != PROGNAME && at->given & 1ULL << bit)
		return cli_usage_error(at->args, "--%s twice: once is enough", row->name);
	at->given |= 1ULL << bit;
	return 0;
}

static int take_option(struct cursor *at, const struct option_row *row, const char *word)
{
	void *field = (char *)at->args + row->field;
	int err = find_word(at, row, &word) ?: check_once(at, row);

	if (err)
		return err;
	switch (row->kind) {
	case FLAG:
		*(bool *)field = true;
		return 0;
	case MODE:
		at->args->mode = row->value;
		return 0;
	case LEVEL:
		pr_level = row->value;
		return 0;
	case TEXT:
		*(const char **)field = word;
		return 0;
	case PROGNAME:
		return set_progname(at, word);
	case ACTIONS:
		return set_actions(at, field, word);
	case FRACTION:
		return set_fraction(at, field, word);
	case SECONDS:
	case NUMBER:
		return set_number(at, row, field, word);
	case UNLOAD:
		at->args->unload = true;
		return set_id(at, &at->args->unload_id, word,
			      "; by name: --unload --progname NAME");
	case OWN:
		return set_own(at, word);
	case HELP:
		print_help(at->program);
		return -ECANCELED;
	case VERSION:
		return print_version();
	}
	return 0;
}

static bool is_named(const char *name, const char *text, size_t len)
{
	return strlen(name) == len && !strncmp(name, text, len);
}

/* --name, --name=word */
static int take_long(struct cursor *at, const char *text)
{
	const struct cli_own_option *own = at->program->own;
	size_t len = strcspn(text, "=");
	const char *word = text[len] ? text + len + 1 : NULL;

	at->written = pr_text("--%.*s", (int)len, text);
	for (size_t i = 0; i < ROWS; i++)
		if (program_has(at->program, &rows[i]) && is_named(rows[i].name, text, len))
			return take_option(at, &rows[i], word);
	for (; is_there(own); own++) {
		struct option_row row = row_of(own);

		at->own = own;
		if (is_named(own->name, text, len))
			return take_option(at, &row, word);
	}
	return cli_usage_error(at->args, "there is no option %s", at->written);
}

static const struct option_row *find_letter(const struct cli_program *program, char letter)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].letter == letter && program_has(program, &rows[i]))
			return &rows[i];
	return NULL;
}

/* -x, -xy (two options), -xWORD, -x WORD */
static int take_letters(struct cursor *at, const char *text)
{
	for (; *text; text++) {
		const struct option_row *row = find_letter(at->program, *text);
		int err;

		at->written = pr_text("-%c", *text);
		if (!row)
			return cli_usage_error(at->args, "there is no option %s", at->written);
		if (row->arg)
			return take_option(at, row, text[1] ? text + 1 : NULL);
		err = take_option(at, row, NULL);
		if (err)
			return err;
	}
	return 0;
}

static int take_words(struct cursor *at)
{
	bool options = true;
	int err = 0;

	while (!err && *at->next) {
		const char *word = *at->next++;

		if (options && !strcmp(word, "--")) {
			options = false;
		} else if (options && !strncmp(word, "--", 2)) {
			err = take_long(at, word + 2);
		} else if (options && word[0] == '-' && word[1]) {
			err = take_letters(at, word + 1);
		} else if (!(at->program->options & CLI_ATTACH)) {
			err = cli_usage_error(at->args, "what is '%s' for?", word);
		} else {
			err = set_progname(at, word);
		}
	}
	return err;
}

/* Has it, beside --list, nothing but what says where to look, and how to tell? */
static bool only_looks(const struct cursor *at)
{
	__u64 others = at->given;

	for (size_t i = 0; i < ROWS; i++)
		if (!rows[i].group || rows[i].group & (CLI_DEV | CLI_LIST))
			others &= ~(1ULL << i);
	return !others && !at->args->progname;
}

/* What one option alone cannot tell. */
static int check_together(const struct cursor *at)
{
	const struct cli_program *program = at->program;
	struct cli_args *args = at->args;
	bool unload = args->unload || args->unload_all;

	if (program->options & CLI_DEV && !args->dev)
		return cli_usage_error(args, "which device? Name it with --dev");
	if (args->unload && args->unload_all)
		return cli_usage_error(args, "--unload and --unload-all: one or the other");
	if (args->unload_id && args->progname)
		return cli_usage_error(args,
				       "--unload with an id and with a program's name: one of "
				       "them is enough");
	if (args->unload_all && args->progname)
		return cli_usage_error(args,
				       "--unload-all takes no program's name; one program: "
				       "--unload --progname %s",
				       args->progname);
	if (args->progname && args->progsec)
		return cli_usage_error(args, "--progname and --progsec: one or the other");
	if (unload && (args->for_seconds || args->filename || args->progsec))
		return cli_usage_error(args, "--for, --filename and --progsec are for loading, not "
					     "for unloading");
	if (unload && (args->prio || args->chain_on))
		return cli_usage_error(args, "--prio and --chain-on are for loading");
	if (args->for_seconds && (args->prio || args->chain_on))
		return cli_usage_error(args, "--for needs the device for itself; --prio and "
					     "--chain-on are for programs that share one");
	if (args->list && !only_looks(at))
		return cli_usage_error(args, "--list only looks: leave out the rest");
	return 0;
}

/* By its own name: it may have been called by another (ip link property add ... altname ...). */
static int find_device(struct cli_args *args)
{
	static char name[IF_NAMESIZE];

	args->ifindex = lab_ifindex(args->dev);
	if (args->ifindex < 0)
		return args->ifindex;
	if (if_indextoname(args->ifindex, name))
		args->dev = pr_names.dev = name;
	return 0;
}

/* The lesson's object lies beside the program, wherever that was called from. */
static const char *find_object(const char *name)
{
	static char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (len < 0)
		return name;
	path[len] = '\0';
	slash = strrchr(path, '/') + 1;
	if ((size_t)snprintf(slash, path + sizeof(path) - slash, "%s", name) >=
	    (size_t)(path + sizeof(path) - slash))
		return name;
	return path;
}

static void fill_defaults(const struct cli_program *program, struct cli_args *args)
{
	args->own_file = !args->filename && program->object;
	if (!args->interval)
		args->interval = 2;
	if (!args->own_file)
		return;
	args->filename = find_object(program->object);
	if (!args->progname && !args->progsec && !args->unload && !args->unload_all)
		args->progname = program->progname;
}

/* Has what was asked for arrived? Who stops reading a pipe has read enough. */
static bool was_written(void)
{
	struct stat out;

	if (!fflush(stdout) && !ferror(stdout))
		return true;
	if (!fstat(STDOUT_FILENO, &out) && S_ISFIFO(out.st_mode))
		return true;
	return !lab_check_output();
}

static unsigned int offered; /* the groups of options that the program has */

bool cli_offers(unsigned int group)
{
	return offered & group;
}

bool cli_parse(const struct cli_program *program, int argc, char **argv, struct cli_args *args)
{
	struct cursor at = { .program = program, .args = args, .next = argv + (argc > 0) };

	memset(args, 0, sizeof(*args));
	args->words = argv;
	setlinebuf(stdout); /* a pipe sees each line when it is written */
	signal(SIGPIPE, SIG_IGN); /* and if nobody reads it, what was begun is finished */
	pr_names.self = argc > 0 ? argv[0] : "xdp-lab";
	offered = program->options;
	pr_keep_library_messages();
	if (take_words(&at) || check_together(&at)) {
		if (!args->status && !was_written()) /* --help, --version */
			args->status = 1;
		return false;
	}

	fill_defaults(program, args);
	pr_figures_only = args->json;
	pr_names.dev = args->dev ?: "";
	pr_names.prog = args->progname ?: "the program";
	pr_names.file = args->filename ?: "";
	pr_names.mode = lab_mode_name(args->mode);
	if (args->dev)
		args->status = find_device(args) != 0;
	return !args->status;
}

bool cli_says_how(const struct cli_args *args)
{
	return args->list || args->unload || args->unload_all || args->for_seconds || args->force ||
	       args->prio || args->chain_on || args->mode != XDP_MODE_UNSPEC;
}

int cli_exit_status(int err, const struct cli_args *args)
{
	if (err)
		lab_drop_pins(args);
	lab_release_all_signals();
	if (!err && args->list && !was_written())
		err = -EIO;
	return err ? args->status ?: 1 : 0;
}
