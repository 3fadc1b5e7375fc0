// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loader of basic01: how a compiled BPF program gets into the kernel and onto a device, and
 * how it gets off again. Read attach() and detach(): the rest of the lab does the same with one
 * call each, lab_attach() and lab_detach() of common/lab_xdp.h.
 *
 * lab_*, cli_* and pr_* are ours and live in common/; xdp_* and bpf_* are the libraries.
 */
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include "cli.h"
#include "lab_link.h"
#include "lab_xdp.h"
#include "pr.h"

static const struct cli_program this_program = {
	.about = "Attaches an XDP program to a network device, or takes it off again.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST,
	.object = "xdp_pass_kern.o",
	.progname = "xdp_prog_simple",
};

static const enum xdp_attach_mode modes[] = {
	[XDP_ATTACHED_DRV] = XDP_MODE_NATIVE,
	[XDP_ATTACHED_SKB] = XDP_MODE_SKB,
	[XDP_ATTACHED_HW] = XDP_MODE_HW,
	[XDP_ATTACHED_MULTI] = XDP_MODE_UNSPEC,
};

/* What do we have now? The kernel knows best, of program and device. (Exercise 2) */
static int ask_kernel(struct xdp_program *prog, const struct cli_args *args)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, device);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int err;

	if (bpf_obj_get_info_by_fd(xdp_program__fd(prog), &info, &len))
		return pr_err(-errno, "cannot ask the kernel about the program");
	err = bpf_xdp_query(args->ifindex, 0, &device);
	if (err)
		return pr_err(err, "cannot ask the kernel about %s", args->dev);

	/* If the device runs another id than ours, that is the dispatcher, which calls ours. */
	return lab_print_attached(xdp_program__name(prog), info.id, modes[device.attach_mode],
				  device.prog_id, args);
}

static int attach(struct bpf_object *obj, const struct cli_args *args)
{
	struct xdp_program *prog;
	int err;

	/* A file may hold several programs: choosing one is the subject of basic02. */
	prog = lab_choose(obj, args);
	if (!prog)
		return -errno;
	if (args->for_seconds) {
		err = lab_attach_for(prog, args); /* through a link, which lets go by itself */
		goto out;
	}

	lab_hold_signals(); /* Ctrl-C waits until it is attached and we have said so */
	/*
	 * Load and attach, in one call. The bytecode goes into the kernel, where the verifier
	 * follows every path through it and the JIT compiles it to machine code; then the device
	 * is told to run it for each packet that it receives. Where the kernel allows it, libxdp
	 * first puts a dispatcher there, so that several programs can share the device.
	 */
	err = xdp_program__attach(prog, args->ifindex, args->mode, 0);
	if (err)
		err = lab_not_attached(err, xdp_program__name(prog), args);
	else
		err = ask_kernel(prog, args);
	lab_release_signals();
out:
	/* We let go of the program. The device still holds it: it runs on when we are gone. */
	xdp_program__close(prog);
	return err;
}

static int load_and_attach(struct cli_args *args)
{
	struct bpf_object *obj;
	int err;

	/* Root? Would it cut us off? Is the device free? */
	err = lab_check_attach(args);
	if (err)
		return err;

	/* Open: libbpf reads the ELF file that clang made. The kernel knows nothing of it yet. */
	obj = lab_open_file(args);
	if (!obj)
		return -errno;
	err = attach(obj, args);
	bpf_object__close(obj);
	return err;
}

/* Called once for each program that --unload or --unload-all means. */
static int detach(const struct lab_prog *attached, const struct cli_args *args)
{
	struct xdp_program *prog;
	int err;

	if (attached->holder == LAB_HELD_BY_LINK)
		return lab_detach_link(attached, args); /* only its link can let go of it */

	/* Everything in the kernel's BPF world has an id, by which others find it too. */
	prog = xdp_program__from_id(attached->id);
	err = libxdp_get_error(prog); /* this pointer says why it is none: it is never NULL */
	if (err)
		return pr_err(err, "cannot find %s", lab_describe(attached));

	/*
	 * From the device, or out of the dispatcher's chain: libxdp sees which. The mode has to be
	 * the one in which it is attached: the kernel keeps a slot for each, and told to empty the
	 * wrong one it does nothing and reports success.
	 */
	err = xdp_program__detach(prog, args->ifindex, attached->mode, 0);
	if (err)
		pr_err(err, "cannot detach %s from %s", lab_describe(attached), args->dev);
	else
		lab_report_detached(attached, args);
	xdp_program__close(prog);
	return err;
}

int main(int argc, char **argv)
{
	struct cli_args args;
	int err;

	if (!cli_parse(&this_program, argc, argv, &args))
		return args.status;

	if (args.list)
		err = lab_list(&args);
	else if (args.unload || args.unload_all)
		err = lab_unload(&args, detach);
	else
		err = load_and_attach(&args);
	return cli_exit_status(err, &args);
}
