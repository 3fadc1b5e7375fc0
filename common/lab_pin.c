// SPDX-License-Identifier: GPL-2.0-only
/* Pins of a device's maps. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

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

/* ---- Maps that ask for a pin themselves ---- */

static bool with_pins; /* the object that was opened has such maps */

static const char *find_asked(const struct cli_args *args)
{
	static char path[320];
	const char *dir = lab_pin_dir(args->dev);

	if (!dir)
		return NULL;
	snprintf(path, sizeof(path), "%s/by-name", dir);
	return path;
}

int lab_place_pins(struct bpf_object *obj, const struct cli_args *args)
{
	const char *dir = NULL;
	struct bpf_map *map;
	int err = 0;

	bpf_object__for_each_map(map, obj) {
		if (err || !bpf_map__pin_path(map))
			continue;
		dir = dir ?: find_asked(args);
		if (!dir)
			return -errno;
		with_pins = true;
		err = bpf_map__set_pin_path(map, pr_text("%s/%s", dir, bpf_map__name(map)));
	}
	/* libbpf makes the last directory of a path, and no more. */
	if (!err && with_pins && mkdir(lab_pin_dir(args->dev), 0700) && errno != EEXIST)
		err = -errno;
	return err ? pr_err(err, "cannot pin the maps of %s", pr_names.file) : 0;
}

typedef void pin_fn(const char *path, int map_fd, const struct cli_args *args);

static void for_each_asked(pin_fn *what, const struct cli_args *args)
{
	const char *dir = find_asked(args);
	DIR *pins = dir ? opendir(dir) : NULL;
	struct dirent *pin;

	while (pins && (pin = readdir(pins))) {
		char path[600];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, pin->d_name);
		fd = *pin->d_name == '.' ? -1 : bpf_obj_get(path);
		if (fd < 0)
			continue;
		what(path, fd, args);
		close(fd);
	}
	if (pins)
		closedir(pins);
}

static void tell_pin(const char *path, int map_fd, const struct cli_args *args)
{
	pr_info("  pinned: %s", path);
	if (args->for_seconds)
		lab_unpin_after_for(path, map_fd);
}

void lab_tell_pins(const struct cli_args *args)
{
	if (with_pins)
		for_each_asked(tell_pin, args);
}

static void drop_pin(const char *path, int map_fd, const struct cli_args *args)
{
	if (!lab_map_in_use(map_fd, args->ifindex) && !unlink(path) &&
	    (args->unload || args->unload_all))
		pr_info("  unpinned: %s", path);
}

void lab_drop_pins(const struct cli_args *args)
{
	if (!with_pins && (!(args->unload || args->unload_all) || lab_check_bpffs()))
		return;
	for_each_asked(drop_pin, args);
	if (!rmdir(find_asked(args)) || with_pins)
		rmdir(lab_pin_dir(args->dev));
}
