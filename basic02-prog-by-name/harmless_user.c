// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exercise 2: puts a program in the place of what a device runs now. That works, as long as nothing
 * goes wrong. If something does, the device is left without any program, and nobody is told.
 */
#include <errno.h>

#include "cli.h"
#include "lab_xdp.h"
#include "pr.h"

static const struct cli_program this_program = {
	.about = "Takes off what a device runs, and attaches another program.",
	.options = CLI_DEV | CLI_ATTACH,
	.object = "xdp_prog_kern.o",
	.progname = "xdp_pass_func",
};

static int exchange(struct cli_args *args)
{
	struct xdp_program *prog;

	/* Exercise 2: which of these steps may fail, and which of them change the device? */
	args->unload_all = true;
	lab_unload(args, lab_detach);
	if (lab_check_attach(args))
		return 0;
	prog = lab_open(args); /* finds the file, and the program in it */
	if (prog)
		lab_attach(prog, args);
	lab_close(prog);
	return 0;
}

int main(int argc, char **argv)
{
	struct cli_args args;

	if (!cli_parse(&this_program, argc, argv, &args))
		return args.status;
	return cli_exit_status(exchange(&args), &args);
}
