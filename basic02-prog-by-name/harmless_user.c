// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exercise 2: a loader as scripts for deployment have it. What runs on the device goes, the new
 * program comes; libxdp's dispatcher is not asked, so it owns the device. All of that works, as
 * long as nobody makes a mistake.
 */
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cli.h"
#include "lab_dev.h"
#include "lab_xdp.h"
#include "pr.h"

static struct cli_args args; /* what the command line says */

/* clang-format off */
static const struct cli_own_option own[] = {
	{ .name = "filename", .arg = "FILE", .text = &args.filename,
	  .help = "load from FILE instead of xdp_prog_kern.o" },
	{ .name = "progname", .arg = "NAME", .text = &args.progname,
	  .help = "the program to put on the device, by its C function's name" },
	{},
};
/* clang-format on */

static const struct cli_program this_program = {
	.about = "Puts an XDP program on a network device, in the place of what runs there.",
	.options = CLI_DEV | CLI_UNLOAD | CLI_LIST,
	.object = "xdp_prog_kern.o",
	.progname = "xdp_pass_func",
	.own = own,
};

/* The program in the file that is meant; it alone will be loaded. */
static struct bpf_program *choose(struct bpf_object *obj)
{
	struct bpf_program *one, *chosen = NULL;

	bpf_object__for_each_program(one, obj) {
		bpf_program__set_autoload(one, false);
		if (!chosen || lab_is_chosen(one, &args))
			chosen = one; /* the first one is better than none */
	}
	if (chosen)
		bpf_program__set_autoload(chosen, true);
	return chosen;
}

static int deploy(void)
{
	struct bpf_program *prog;
	struct bpf_object *obj;

	/* Exercise 2: which of these steps may fail, and which of them change the device? */
	args.unload_all = true;
	lab_unload(&args, lab_detach);

	obj = lab_open_file(&args);
	if (!obj)
		return -errno;
	prog = choose(obj);
	if (!prog)
		return -ENOENT;
	bpf_object__load(obj);
	bpf_xdp_attach(args.ifindex, bpf_program__fd(prog), 0, NULL);
	pr_info("%s runs on %s now.", bpf_program__name(prog), args.dev);
	bpf_object__close(obj);
	return 0;
}

int main(int argc, char **argv)
{
	int err = 0;

	if (!cli_parse(&this_program, argc, argv, &args))
		return args.status;

	if (args.list)
		err = lab_list(&args);
	else if (args.unload || args.unload_all)
		err = lab_unload(&args, lab_detach);
	else if (lab_check_root() || (!args.force && lab_check_route(args.dev, args.ifindex)))
		err = -EPERM;
	else
		deploy();
	return cli_exit_status(err, &args);
}
