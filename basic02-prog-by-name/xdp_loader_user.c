// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loader of basic02: an ELF file may hold several programs, and a device may run several.
 * choose() finds it in the file by its name; list() and detach() find one among
 * those on a device. Attaching and detaching is what basic01 spelled out: lab_attach(),
 * lab_detach(). (Exercise 3 adds an option, --replace.)
 */
#include <errno.h>
#include <stdio.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "cli.h"
#include "lab_xdp.h"
#include "pr.h"

static const struct cli_program this_program = {
	.about = "Attaches one of the XDP programs in a file to a network device, by name.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST | CLI_CHAIN,
	.object = "xdp_prog_kern.o",
	.progname = "xdp_pass_func",
};

/* The program in the file that is meant: by its function's name, or --progsec by its section's. */
static struct xdp_program *choose(struct bpf_object *obj, const struct cli_args *args)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = obj);
	struct bpf_program *one, *chosen = NULL;
	struct xdp_program *prog;
	int fits = 0;

	bpf_object__for_each_program(one, obj) {
		bool fit = lab_is_chosen(one, args);

		/* Unasked, libbpf loads all of them, and one that is refused spoils it for all. */
		bpf_program__set_autoload(one, fit);
		if (fit) {
			chosen = one;
			fits++;
		}
	}
	errno = ENOENT;
	if (lab_check_choice(obj, chosen, fits, args))
		return NULL;

	/* The section is "xdp" for every one of them: what tells them apart is the name. */
	opts.prog_name = bpf_program__name(chosen);
	prog = xdp_program__create(&opts);
	if (!prog)
		pr_err(-errno, "cannot use %s of %s", opts.prog_name, args->filename);
	return prog;
}

static int load_and_attach(struct cli_args *args)
{
	struct xdp_program *prog;
	struct bpf_object *obj;
	int err;

	err = lab_check_attach(args);
	if (err)
		return err;
	obj = lab_open_file(args);
	if (!obj)
		return -errno;
	prog = choose(obj, args);
	err = prog ? lab_place(prog, args) ?: lab_attach(prog, args) : -errno;
	xdp_program__close(prog);
	bpf_object__close(obj);
	return err;
}

/* What runs on the device: one program that owns it, or the dispatcher and those that it calls. */
static int list(const struct cli_args *args)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(args->ifindex);
	struct xdp_program *one = NULL;

	if (libxdp_get_error(mp) || xdp_multiprog__is_legacy(mp)) {
		xdp_multiprog__close(mp);
		return lab_list(args); /* one or none: nothing to walk along */
	}
	lab_print_heading();
	while ((one = xdp_multiprog__next_prog(one, mp))) { /* in the order in which they run */
		struct lab_prog prog = {
			.id = xdp_program__id(one),
			.mode = xdp_multiprog__attach_mode(mp),
			.holder = LAB_HELD_BY_DISPATCHER,
			.holder_id = xdp_program__id(xdp_multiprog__main_prog(mp)),
			.prio = xdp_program__run_prio(one),
			.chain_on = lab_chain_on(one),
		};

		snprintf(prog.name, sizeof(prog.name), "%s", xdp_program__name(one));
		lab_print_prog(&prog);
	}
	xdp_multiprog__close(mp);
	return 0;
}

/* Takes one program off the device and leaves the others at work. */
static int detach(const struct lab_prog *attached, const struct cli_args *args)
{
	struct xdp_program *one = NULL;
	struct xdp_multiprog *mp;
	int err;

	if (attached->holder != LAB_HELD_BY_DISPATCHER)
		return lab_detach(attached, args);

	mp = xdp_multiprog__get_from_ifindex(args->ifindex);
	err = libxdp_get_error(mp);
	if (err)
		return pr_err(err, "cannot ask about %s", args->dev);
	do
		one = xdp_multiprog__next_prog(one, mp);
	while (one && xdp_program__id(one) != attached->id);

	/* libxdp builds a dispatcher for those that stay, and swaps it in between two packets. */
	err = one ? xdp_program__detach(one, args->ifindex, attached->mode, 0) : -ENOENT;
	if (err)
		pr_err(err, "cannot detach %s from %s", lab_describe(attached), args->dev);
	else
		lab_report_detached(attached, args);
	xdp_multiprog__close(mp);
	return err;
}

int main(int argc, char **argv)
{
	struct cli_args args;
	int err;

	if (!cli_parse(&this_program, argc, argv, &args))
		return args.status;

	if (args.list)
		err = list(&args);
	else if (args.unload || args.unload_all)
		err = lab_unload(&args, detach);
	else
		err = load_and_attach(&args);
	return cli_exit_status(err, &args);
}
