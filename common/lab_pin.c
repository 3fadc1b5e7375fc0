// SPDX-License-Identifier: GPL-2.0-only
/* Pins of a device's maps. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lab_link.h"
#include "lab_pin.h"
#include "pr.h"

struct pinned_at {
	const char *dir; /* shorter than 300, and not changed by others */
	char path[400];
	char fresh[404]; /* where the new one waits before it takes that place */
};

static int find_pin(struct pinned_at *pin, const char *name, const struct cli_args *args)
{
	pin->dir = lab_pin_dir(args->dev);
	if (!pin->dir)
		return -errno;
	snprintf(pin->path, sizeof(pin->path), "%s/%s", pin->dir, name);
	snprintf(pin->fresh, sizeof(pin->fresh), "%s_new", pin->path);
	return 0;
}

/* The map there: a descriptor, -ENOENT without an error, or another errno after one. */
static int open_pin(const char *path, const struct lab_map_shape *shape)
{
	int fd = bpf_obj_get(path), err;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : pr_err(-errno, "cannot open %s", path);
	err = lab_check_map(fd, path, shape);
	if (err)
		close(fd);
	return err ?: fd;
}

int lab_open_pinned(const char *name, const struct lab_map_shape *shape,
		    const struct cli_args *args)
{
	struct pinned_at pin;
	int fd, err = find_pin(&pin, name, args);

	if (err)
		return err;
	fd = open_pin(pin.path, shape);
	if (fd == -ENOENT)
		return pr_err_because(fd, pr_text("%s does not exist.", pin.path),
				      pr_text("attach a program first: %s --dev %s", pr_names.self,
					      args->dev),
				      "nobody has pinned %s for %s", name, args->dev);
	return fd;
}

/* Where a map of ours is to be pinned, and an error if it may not be. */
static int find_place(struct pinned_at *pin, const char *name, const struct lab_map_shape *shape,
		      const struct cli_args *args)
{
	int fd, err = find_pin(pin, name, args);

	if (err)
		return err;
	fd = open_pin(pin->path, shape);
	if (fd >= 0)
		close(fd);
	return fd < 0 && fd != -ENOENT ? fd : 0;
}

int lab_check_pin(const char *name, const struct lab_map_shape *shape, const struct cli_args *args)
{
	struct pinned_at pin;

	return find_place(&pin, name, shape, args);
}

int lab_pin_map(int map_fd, const char *name, const struct lab_map_shape *shape,
		const struct cli_args *args)
{
	struct pinned_at pin;
	int err = find_place(&pin, name, shape, args);

	if (err)
		return err;
	if (mkdir(pin.dir, 0700) && errno != EEXIST)
		return pr_err(-errno, "cannot make the directory %s", pin.dir);
	unlink(pin.fresh); /* left by a loader that was killed right here */
	if (bpf_obj_pin(map_fd, pin.fresh))
		return pr_err(-errno, "cannot pin %s at %s", name, pin.fresh);
	if (rename(pin.fresh, pin.path)) { /* in one step */
		err = pr_err(-errno, "cannot pin %s at %s", name, pin.path);
		unlink(pin.fresh);
		return err;
	}
	pr_info("  pinned: %s", pin.path);
	return args->for_seconds ? lab_unpin_after_for(pin.path, map_fd) : 0;
}

int lab_unpin_map(const char *name, const struct lab_map_shape *shape, const struct cli_args *args)
{
	struct pinned_at pin;
	int fd, err = find_pin(&pin, name, args);

	if (err)
		return err;
	unlink(pin.fresh);
	fd = bpf_obj_get(pin.path);
	if (fd < 0 && errno != ENOENT)
		err = pr_err(-errno, "cannot open %s", pin.path);
	else if (fd >= 0 && !lab_has_shape(fd, shape))
		pr_note("%s is not of this loader's making and stays.", pin.path);
	else if (fd >= 0 && !lab_map_in_use(fd, args->ifindex) && !unlink(pin.path))
		pr_info("  unpinned: %s", pin.path);
	rmdir(pin.dir); /* fails, rightly, where pins are left in it */
	if (fd >= 0)
		close(fd);
	return err;
}
