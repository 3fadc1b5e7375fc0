// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exercise 3 starts here: a loader that works, says so, ends, and then every tail call misses. It
 * loads the same calls_kern.o as calls_user does.
 */
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "cli.h"
#include "lab_map.h"
#include "lab_pin.h"
#include "lab_xdp.h"
#include "pr.h"

#define MAP "targets"

static const struct cli_program this_program = {
	.about = "Attaches a program that goes on in others, and stops.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST,
	.object = "calls_kern.o",
	.progname = "by_size",
};

static const struct lab_map_shape shape = {
	.type = BPF_MAP_TYPE_PROG_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 4,
};

/* Are the slots filled? The kernel is asked, as anybody could ask it. */
static int check_slots(int map_fd)
{
	__u32 id;

	for (__u32 slot = 0; slot < 2; slot++) {
		if (bpf_map_lookup_elem(map_fd, &slot, &id))
			return pr_err(-errno, "cannot read slot %u", slot);
		pr_info("Slot %u: program id %u", slot, id);
	}
	return 0;
}

static int load(struct cli_args *args)
{
	struct xdp_program *prog;
	struct bpf_program *one;
	int map_fd, err;

	lab_need_device("it makes tail calls");
	err = lab_check_attach(args);
	if (err)
		return err;
	prog = lab_open(args);
	if (!prog)
		return -errno;
	bpf_object__for_each_program(one, xdp_program__bpf_obj(prog))
		bpf_program__set_autoload(one, true);
	err = lab_attach(prog, args);
	if (err)
		goto out;
	err = map_fd = lab_find_map(prog, MAP, &shape);
	if (map_fd >= 0)
		err = check_slots(map_fd);
	/* Exercise 3: both slots are filled, so all is well. Is it? */
	if (err)
		lab_take_back(prog, args);
out:
	lab_close(prog);
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
		err = lab_unload(&args, lab_detach) ?: lab_unpin_map(MAP, &shape, &args);
	else
		err = load(&args);
	return cli_exit_status(err, &args);
}
