/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cli_*: the command line that all loaders share.
 *
 * One table in cli.c holds every option: parsing, --help and the texts of usage errors come from
 * it. A program names those that it has. cli_parse() leaves struct cli_args complete: the device
 * exists, the file name is a path, a bare word has become the program's name.
 */
#ifndef LAB_CLI_H
#define LAB_CLI_H

#include <stdbool.h>

#include <linux/types.h>
#include <xdp/libxdp.h>

/* The options that a program may have, beside those of every program: -h, -q, -v, --version. */
enum {
	CLI_DEV = 1 << 0, /* -d: required */
	CLI_ATTACH = 1 << 1, /* modes, --filename, --progname, --progsec, --for, --force */
	CLI_UNLOAD = 1 << 2, /* -U [ID], --unload-all */
	CLI_LIST = 1 << 3, /* --list */
	CLI_STATS = 1 << 4, /* -i, -n, --json */
	CLI_CHAIN = 1 << 5, /* --prio, --chain-on */
};

/*
 * An option that one program alone has: a row of a table in its _user.c, which ends with an empty
 * row. It takes a word if it has a place for it; with none of the three it is a flag.
 */
struct cli_own_option {
	const char *name; /* "replace" makes --replace */
	const char *arg; /* what --help calls the word: "[ID]"; NULL for a flag */
	const char *help; /* one line */
	bool *given; /* true once the option was there; may be NULL */
	__u32 *id; /* takes the next word as an id, unless it begins with '-': as -U does. Else 0 */
	unsigned long *number; /* takes a whole number from 1 on */
	const char **text; /* takes any word but an empty one */
};

/* What a program tells of itself; in main(). */
struct cli_program {
	const char *about; /* one sentence for --help */
	unsigned int options; /* CLI_… | CLI_… */
	const char *object; /* the lesson's object, beside the program */
	const char *progname; /* the function that it loads unless told otherwise */
	const struct cli_own_option *own; /* what it has besides, or NULL */
};

/* What the command line says. */
struct cli_args {
	int status; /* with which to exit, where cli_parse() says that it is over */
	char **words; /* the command line itself, as main() got it */

	const char *dev;
	int ifindex; /* of dev, in this network namespace */
	enum xdp_attach_mode mode; /* XDP_MODE_UNSPEC: the kernel's choice */

	const char *filename;
	const char *progname; /* NULL: the one program in the file */
	const char *progsec; /* NULL: choose by name */
	bool own_file; /* filename is the lesson's object */

	bool unload;
	__u32 unload_id; /* 0: no id was given */
	bool unload_all;
	bool list;
	bool force;
	unsigned int for_seconds; /* 0: for good */
	unsigned long prio; /* among those that share the device; 0: libxdp's own choice, 50 */
	unsigned int chain_on; /* bits 1 << XDP_…; 0: libxdp's own choice, XDP_PASS */

	double interval; /* seconds between two lines of figures */
	unsigned long count; /* how many times; 0: until it is interrupted */
	bool json;
};

/*
 * Reads the command line into args. False: it is over, exit with args->status, which is 0 after
 * --help and --version, 2 where the command line is wrong, 1 where it names what does not exist.
 */
bool cli_parse(const struct cli_program *program, int argc, char **argv, struct cli_args *args);

/* Has the program, since cli_parse(), the options of this group (CLI_…)? */
bool cli_offers(unsigned int group);

/*
 * Does it say what cannot go with an option that is about the program that runs already: --list,
 * --unload, or how to attach one?
 */
bool cli_says_how(const struct cli_args *args);

/* A command line that is wrong, found later than by cli_parse(): says so, sets args->status. */
__attribute__((format(printf, 2, 3))) int cli_usage_error(struct cli_args *args, const char *fmt,
							  ...);

/* What main() returns: 0, 1 for what could not be done, 2 for a wrong command line. */
int cli_exit_status(int err, const struct cli_args *args);

#endif /* LAB_CLI_H */
