// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loader of basic04: attaches a program, and pins its map, so that other processes can open it
 * by a path after this one has ended. A pin is a name in the BPF file system: it keeps the map
 * alive like a descriptor does, and opening it gives a new descriptor.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <xdp/libxdp.h>

#include "cli.h"
#include "lab/stats.h"
#include "lab_link.h"
#include "lab_map.h"
#include "lab_xdp.h"
#include "pr.h"

#define MAP "xdp_stats_map"

static const struct cli_program this_program = {
	.about = "Attaches an XDP program and pins its counters, for xdp_stats to read.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST | CLI_CHAIN,
	.object = "xdp_prog_kern.o",
	.progname = "xdp_pass_func",
};

static const struct lab_map_shape shape = {
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct datarec),
	.max_entries = XDP_ACTIONS,
};

/* Where the map of this device is pinned. */
struct pin {
	const char *dir; /* /sys/fs/bpf/DEV, shorter than 300 */
	char path[320]; /* …/xdp_stats_map */
	char fresh[320]; /* where the new one waits before it takes that place */
};

static int find_pin(struct pin *pin, const struct cli_args *args)
{
	pin->dir = lab_pin_dir(args->dev);
	if (!pin->dir)
		return -errno;
	snprintf(pin->path, sizeof(pin->path), "%s/" MAP, pin->dir);
	snprintf(pin->fresh, sizeof(pin->fresh), "%s/" MAP "_new", pin->dir);
	return 0;
}

/*
 * Is what an earlier loader left at our path ours to replace? It may be gone, it may be a map like
 * ours; anything else is somebody's, and stays.
 */
static int check_old_pin(const struct pin *pin)
{
	int err, fd = bpf_obj_get(pin->path);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return pr_err(-errno, "cannot open what is pinned at %s", pin->path);
	err = lab_check_map(fd, pin->path, &shape);
	close(fd);
	return err;
}

/* Pins under another name first: renaming replaces the old pin in one step, or not at all. */
static int pin_map(int map_fd, const struct pin *pin)
{
	if (mkdir(pin->dir, 0700) && errno != EEXIST)
		return pr_err(-errno, "cannot make the directory %s", pin->dir);
	unlink(pin->fresh); /* left by a loader that was killed right here */
	if (bpf_obj_pin(map_fd, pin->fresh))
		return pr_err(-errno, "cannot pin " MAP " at %s", pin->fresh);
	if (rename(pin->fresh, pin->path)) {
		int err = pr_err(-errno, "cannot pin " MAP " at %s", pin->path);

		unlink(pin->fresh);
		return err;
	}
	pr_info("  pinned: %s", pin->path);
	return 0;
}

static int load_and_pin(struct cli_args *args)
{
	struct xdp_program *prog;
	struct pin pin;
	int map_fd, err;

	err = lab_check_attach(args) ?: find_pin(&pin, args) ?: check_old_pin(&pin);
	if (err)
		return err;
	prog = lab_open(args);
	if (!prog)
		return -errno;
	/* Exercise 2: not only what another program here is using: any map that is pinned. */
	err = lab_share_map(prog, MAP, pin.path, args);
	lab_hold_signals(); /* Ctrl-C waits until both are done: attached, and pinned */
	err = err ?: lab_attach(prog, args);
	if (err)
		goto out;

	err = map_fd = lab_find_map(prog, MAP, &shape);
	if (map_fd >= 0)
		err = pin_map(map_fd, &pin);
	if (!err && args->for_seconds)
		err = lab_unpin_after_for(pin.path, map_fd); /* the pin ends with the program */
	if (err)
		lab_take_back(prog, args); /* nothing is left half done */
out:
	lab_release_signals();
	lab_close(prog);
	return err;
}

/* A pin is removed like a file. The map goes when nobody holds it any more: no pin, no program. */
static int remove_pin(const struct cli_args *args)
{
	struct pin pin;
	int err, map_fd;

	err = find_pin(&pin, args);
	if (err)
		return err;
	unlink(pin.fresh); /* there is one if a loader was killed before the renaming */
	map_fd = bpf_obj_get(pin.path);
	if (map_fd < 0 && errno != ENOENT) {
		err = pr_err(-errno, "cannot open what is pinned at %s", pin.path);
	} else if (map_fd >= 0 && !lab_has_shape(map_fd, &shape)) {
		pr_note("%s is not of this loader's making and stays.", pin.path);
	} else if (map_fd >= 0 && /* Exercise 3: is it ours, then? */
		   !lab_map_in_use(map_fd, args->ifindex)) {
		if (unlink(pin.path) && errno != ENOENT)
			err = pr_err(-errno, "cannot remove %s", pin.path);
		else
			pr_info("  unpinned: %s", pin.path);
	} /* else there is none, or another program on the device counts in it */
	rmdir(pin.dir); /* fails, rightly, where pins are left in it */
	if (map_fd >= 0)
		close(map_fd);
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
		err = lab_unload(&args, lab_detach) ?: remove_pin(&args);
	else
		err = load_and_pin(&args);
	return cli_exit_status(err, &args);
}
