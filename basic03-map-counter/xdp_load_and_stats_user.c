// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loader of basic03: attaches a program that counts, and reads its counters while it runs. A
 * map is memory in the kernel that both sides reach: the program by a pointer, we by a descriptor
 * and a system call. Opening, attaching and unloading were the subject of basic01 and basic02.
 */
#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "cli.h"
#include "common_kern_user.h"
#include "lab_stats.h"
#include "lab_xdp.h"
#include "pr.h"

static const struct cli_program this_program = {
	.about = "Attaches an XDP program that counts packets, and shows what it counts.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST | CLI_CHAIN | CLI_STATS,
	.object = "xdp_prog_kern.o",
	.progname = "xdp_stats1",
};

/* The descriptor of the map that was loaded along with the program, by its name in the source. */
static int find_map(struct xdp_program *prog)
{
	int fd = bpf_object__find_map_fd_by_name(xdp_program__bpf_obj(prog), "xdp_stats_map");

	if (fd < 0)
		return pr_err_because(fd, "the program that was loaded does not count.",
				      "choose one that does: --progname xdp_stats1",
				      "there is no map xdp_stats_map");
	return fd;
}

/*
 * Are the bytes in the map what we take them for? Where the two sides were not compiled together,
 * a lookup would fill our record with something else, or write past its end.
 */
static int check_map(int map_fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(map_fd, &info, &len))
		return pr_err(-errno, "cannot ask about the map");
	if (info.type == BPF_MAP_TYPE_ARRAY && info.key_size == sizeof(__u32) &&
	    info.value_size == sizeof(struct datarec) && info.max_entries == XDP_ACTIONS)
		return 0;
	return pr_err_because(
		-EINVAL,
		pr_text("its type is %s, its keys have %u bytes, its values %u, %u of them;\n"
			"wanted are type array, 4 bytes, %zu bytes, %d of them.",
			libbpf_bpf_map_type_str(info.type) ?: "?", info.key_size, info.value_size,
			info.max_entries, sizeof(struct datarec), XDP_ACTIONS),
		"compile both sides again (make), or have check_map() expect such a map.",
		"xdp_stats_map (id %u) has another shape than this loader expects", info.id);
}

/* One reading: a system call, which copies the value at this key to us. */
static int read_map(int map_fd, __u32 key, struct lab_reading *reading)
{
	struct datarec rec; /* Exercise 4: one for each CPU, to be added up */

	if (bpf_map_lookup_elem(map_fd, &key, &rec))
		return pr_err(-errno, "cannot read the map at %u", key);
	reading->time = lab_clock(); /* right here: rates are no better than their times */
	reading->packets = rec.rx_packets;
	/* Exercise 1: and the bytes; show_stats() prints them. */
	return 0;
}

/* A rate is the difference of two readings, divided by the time that really lies between them. */
static int show_stats(int map_fd, const struct cli_args *args)
{
	struct lab_reading before = {}, now = {}; /* Exercise 2: for each of the actions */
	int err, stop = 0;

	lab_say_how_it_ends(args);
	err = read_map(map_fd, XDP_PASS, &before);
	for (unsigned long n = 0; !err && !stop && (!args->count || n < args->count); n++) {
		stop = lab_wait(args);
		if (stop && stop != -EINTR)
			return stop; /* the device has gone, or the reader of the figures */
		err = read_map(map_fd, XDP_PASS, &now);
		if (!err)
			lab_print_figures(args, "XDP_PASS", LAB_PACKETS, &before, &now);
		before = now;
	}
	if (!err)
		err = lab_say_what_stays(args, pr_names.self);
	return err;
}

static int load_and_stats(struct cli_args *args)
{
	struct xdp_program *prog;
	int map_fd, err;

	err = lab_check_attach(args);
	if (err)
		return err;
	prog = lab_open(args);
	if (!prog)
		return -errno;
	lab_hold_signals(); /* Ctrl-C waits until it is attached */
	err = lab_attach(prog, args);
	if (err)
		goto out;
	lab_catch_signals(); /* from here on Ctrl-C ends the reading, not the program */

	err = map_fd = find_map(prog);
	if (map_fd >= 0)
		err = check_map(map_fd);
	if (err)
		lab_take_back(prog, args); /* nothing is left half done */
	else
		err = show_stats(map_fd, args);
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
		err = lab_unload(&args, lab_detach);
	else
		err = load_and_stats(&args);
	return cli_exit_status(err, &args);
}
