// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loader of basic06: attaches one program that goes on in others, and exchanges those while
 * packets flow. The array that says who they are is pinned: without a holder in user space, the
 * kernel empties it.
 */
#include <errno.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "cli.h"
#include "lab_dev.h"
#include "lab_map.h"
#include "lab_pin.h"
#include "lab_xdp.h"
#include "pr.h"

#define SLOTS 4
#define MAP "targets"

static const char *slot_word;
static bool clear;

static const struct cli_own_option own_options[] = {
	{ .name = "slot", .arg = "N", .text = &slot_word, .help = "put PROGRAM into this slot" },
	{ .name = "clear", .given = &clear, .help = "with --slot: empty it" },
	{},
};

static const struct cli_program this_program = {
	.about = "Attaches a program that goes on in others, and exchanges those.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST,
	.object = "calls_kern.o",
	.progname = "by_size",
	.own = own_options,
};

static const struct lab_map_shape shape = {
	.type = BPF_MAP_TYPE_PROG_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = SLOTS,
};

/* Opens the file. Where only one program of it is meant, the others are loaded along with it. */
static struct xdp_program *open_all(const struct cli_args *args)
{
	struct xdp_program *prog = lab_open(args);
	struct bpf_program *one;

	if (prog) {
		bpf_object__for_each_program(one, xdp_program__bpf_obj(prog))
			bpf_program__set_autoload(one, true);
	}
	return prog;
}

static int load_and_pin(struct cli_args *args)
{
	struct xdp_program *prog;
	int map_fd, err;

	/* What libxdp's dispatcher calls is of another kind, and may not share our targets. */
	lab_need_device("it makes tail calls");
	err = lab_check_attach(args) ?: lab_check_pin(MAP, &shape, args);
	if (err)
		return err;
	prog = open_all(args);
	if (!prog)
		return -errno;
	lab_hold_signals(); /* Ctrl-C waits until both are done: attached, and pinned */
	err = lab_attach(prog, args); /* libbpf fills the slots before: as the file says */
	if (err)
		goto out;

	err = map_fd = lab_find_map(prog, MAP, &shape);
	if (map_fd >= 0)
		err = lab_pin_map(map_fd, MAP, &shape, args);
	if (err)
		lab_take_back(prog, args); /* nothing is left half done */
out:
	lab_release_signals();
	lab_close(prog);
	return err;
}

static int not_put(int err, const char *name, __u32 slot)
{
	if (err != -EINVAL)
		return pr_err(err, "cannot put %s into slot %u", name, slot);
	return pr_err_because(err,
			      "it is of another kind than the program that calls: of that, too, its "
			      "section tells.",
			      "put it into the same section, such as xdp, and compile again.",
			      "cannot put %s into slot %u", name, slot);
}

/* What one writes into a slot is a program's descriptor; what one reads there is its id. */
static int put(int map_fd, __u32 slot, const struct cli_args *args)
{
	struct xdp_program *prog = open_all(args);
	struct bpf_object *obj = prog ? xdp_program__bpf_obj(prog) : NULL;
	int fd, err;

	if (!prog)
		return -errno;
	err = bpf_object__load(obj);
	if (err) {
		pr_err(err, "cannot load %s", args->filename);
		goto out;
	}
	fd = bpf_program__fd(bpf_object__find_program_by_name(obj, xdp_program__name(prog)));
	if (bpf_map_update_elem(map_fd, &slot, &fd, BPF_ANY))
		err = not_put(-errno, xdp_program__name(prog), slot);
	else
		pr_info("Slot %u: %s", slot, xdp_program__name(prog));
out:
	lab_close(prog); /* now the slot alone holds it */
	return err;
}

/* Packets flow meanwhile: each of them sees the slot as it was, or as it is. */
static int change_slot(struct cli_args *args)
{
	__u32 slot = slot_word[0] - '0';
	int map_fd, err = 0;

	if (cli_says_how(args) || (clear && (!args->own_file || args->progsec ||
					     args->progname != this_program.progname)))
		return cli_usage_error(args, "--slot is about the program that runs already: leave "
					     "out the rest");
	if (slot >= SLOTS || slot_word[1])
		return cli_usage_error(args, "--slot takes a number from 0 to %d, not '%s'",
				       SLOTS - 1, slot_word);
	if (!clear && args->progname == this_program.progname)
		return cli_usage_error(args, "which program for slot %u? Name it, or say --clear",
				       slot);
	if (lab_check_root())
		return -EPERM;
	map_fd = lab_open_pinned(MAP, &shape, args);
	if (map_fd < 0)
		return map_fd;
	if (!clear)
		err = put(map_fd, slot, args);
	else if (!bpf_map_delete_elem(map_fd, &slot) || errno == ENOENT)
		pr_info("Slot %u: empty", slot);
	else
		err = pr_err(-errno, "cannot empty slot %u", slot);
	close(map_fd);
	return err;
}

int main(int argc, char **argv)
{
	struct cli_args args;
	int err;

	if (!cli_parse(&this_program, argc, argv, &args))
		return args.status;

	if (clear && !slot_word)
		err = cli_usage_error(&args, "--clear: which slot? Name it with --slot");
	else if (slot_word)
		err = change_slot(&args);
	else if (args.list)
		err = lab_list(&args);
	else if (args.unload || args.unload_all)
		err = lab_unload(&args, lab_detach) ?: lab_unpin_map(MAP, &shape, &args);
	else
		err = load_and_pin(&args);
	return cli_exit_status(err, &args);
}
