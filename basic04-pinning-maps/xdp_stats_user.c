// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader of basic04: opens the map that xdp_loader has pinned, and shows what is counted in
 * it. It loads nothing and attaches nothing: two processes, one map, and a path between them.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cli.h"
#include "lab/stats.h"
#include "lab_dev.h"
#include "lab_map.h"
#include "lab_stats.h"
#include "pr.h"

static const struct cli_program this_program = {
	.about = "Shows what the program that xdp_loader attached to a device counts.",
	.options = CLI_DEV | CLI_STATS,
};

static const struct lab_map_shape shape = {
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct datarec),
	.max_entries = XDP_ACTIONS,
};

static int open_map(const struct cli_args *args)
{
	const char *dir = lab_pin_dir(args->dev), *path;
	int fd, err;

	if (!dir)
		return -errno;
	path = pr_text("%s/xdp_stats_map", dir);
	fd = bpf_obj_get(path);
	if (fd < 0 && errno == ENOENT)
		return pr_err_because(-ENOENT, pr_text("%s does not exist.", path),
				      pr_text("attach a program that counts: %s --dev %s",
					      pr_beside("xdp_loader"), args->dev),
				      "nobody has pinned counters for %s", args->dev);
	if (fd < 0)
		return pr_err(-errno, "cannot open %s", path);

	/* Whoever pinned it may have been compiled yesterday: do both mean the same bytes? */
	err = lab_check_map(fd, path, &shape);
	if (err)
		close(fd);
	return err ?: fd;
}

/*
 * A lookup in a per-CPU map brings one value for each CPU that the machine could ever have, those
 * that are off too; rec has room for them all. What people want is their sum.
 */
static int read_action(int map_fd, __u32 action, struct datarec *rec, struct lab_reading *reading)
{
	int cpus = libbpf_num_possible_cpus();

	if (bpf_map_lookup_elem(map_fd, &action, rec))
		return pr_err(-errno, "cannot read the map at %u", action);
	*reading = (struct lab_reading){ .time = lab_clock() };
	for (int cpu = 0; cpu < cpus; cpu++) {
		reading->packets += rec[cpu].rx_packets;
		reading->bytes += rec[cpu].rx_bytes;
	}
	return 0;
}

static int read_all(int map_fd, struct datarec *rec, struct lab_reading readings[XDP_ACTIONS])
{
	int err = 0;

	for (__u32 action = 0; action < XDP_ACTIONS && !err; action++)
		err = read_action(map_fd, action, rec, &readings[action]);
	return err;
}

static int show_stats(int map_fd, struct datarec *rec, const struct cli_args *args)
{
	struct lab_reading before[XDP_ACTIONS], now[XDP_ACTIONS];
	int err, stop = 0;

	lab_say_how_it_ends(args);
	err = read_all(map_fd, rec, before);
	for (unsigned long n = 0; !err && !stop && (!args->count || n < args->count); n++) {
		stop = lab_wait(args);
		if (stop && stop != -EINTR)
			return stop; /* the device has gone, or the reader of the figures */
		/* Exercise 1: does the name still lead to this map? */
		err = read_all(map_fd, rec, now);
		for (__u32 action = 0; action < XDP_ACTIONS && !err; action++) {
			lab_print_figures(args, lab_action_name(action), LAB_PACKETS_AND_BYTES,
					  &before[action], &now[action]);
			before[action] = now[action];
		}
		if (!args->json)
			pr_info("%s", "");
	}
	if (!err)
		err = lab_say_what_stays(args, pr_beside("xdp_loader"));
	return err;
}

static int stats(const struct cli_args *args)
{
	struct datarec *rec;
	int map_fd, err, cpus = libbpf_num_possible_cpus();

	if (lab_check_root())
		return -EPERM;
	map_fd = open_map(args);
	if (map_fd < 0)
		return map_fd;
	rec = cpus > 0 ? calloc(cpus, sizeof(*rec)) : NULL;
	if (!rec) {
		err = pr_err(cpus < 0 ? cpus : -ENOMEM, "cannot read the map");
		goto out;
	}
	lab_catch_signals();
	err = show_stats(map_fd, rec, args);
out:
	free(rec);
	close(map_fd);
	return err;
}

int main(int argc, char **argv)
{
	struct cli_args args;

	if (!cli_parse(&this_program, argc, argv, &args))
		return args.status;
	return cli_exit_status(stats(&args), &args);
}
