// SPDX-License-Identifier: GPL-2.0-only
/* Maps: their shapes, and the places where they are pinned. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>

#include "lab_map.h"
#include "lab_xdp.h"
#include "pr.h"

#define BPFFS "/sys/fs/bpf"

static const char *describe_shape(__u32 type, __u32 key, __u32 value, __u32 entries)
{
	return pr_text("%s, keys of %u bytes, values of %u bytes, %u entries",
		       libbpf_bpf_map_type_str(type) ?: "?", key, value, entries);
}

static bool is_shape(const struct bpf_map_info *info, const struct lab_map_shape *want)
{
	return info->type == want->type && info->key_size == want->key_size &&
	       info->value_size == want->value_size && info->max_entries == want->max_entries;
}

/* A program can be pinned too, and what is told of one could be taken for the shape of a map. */
static int read_shape(int fd, struct bpf_map_info *info)
{
	char path[40], kind[40];
	__u32 len = sizeof(*info);
	ssize_t letters;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	letters = readlink(path, kind, sizeof(kind) - 1);
	kind[letters < 0 ? 0 : letters] = '\0';
	if (letters > 0 && !strstr(kind, "bpf-map"))
		return -EBADF;
	memset(info, 0, len);
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

bool lab_has_shape(int map_fd, const struct lab_map_shape *want)
{
	struct bpf_map_info info;

	return !read_shape(map_fd, &info) && is_shape(&info, want);
}

int lab_check_map(int map_fd, const char *what, const struct lab_map_shape *want)
{
	struct bpf_map_info info;
	int err = read_shape(map_fd, &info);

	if (err == -EBADF)
		return pr_err_because(err, "something else is pinned there, a program perhaps.",
				      pr_text("if nobody needs it any more: rm %s", what),
				      "%s is no map", what);
	if (err)
		return pr_err(err, "cannot ask the kernel about %s", what);
	if (is_shape(&info, want))
		return 0;
	return pr_err_because(-EINVAL,
			      pr_text("it is:   %s\nwanted:  %s",
				      describe_shape(info.type, info.key_size, info.value_size,
						     info.max_entries),
				      describe_shape(want->type, want->key_size, want->value_size,
						     want->max_entries)),
			      *what == '/' ? pr_text("if nobody needs it any more: rm %s", what) :
					     "compile both sides again (make), and load again.",
			      "%s (map id %u) has another shape than this program expects", what,
			      info.id);
}

static int no_such_map(const char *name)
{
	return pr_err_because(-ENOENT, "its programs have no such map.",
			      "choose one that has: --filename FILE", "there is no map %s in %s",
			      name, pr_names.file);
}

int lab_find_map(struct xdp_program *prog, const char *name, const struct lab_map_shape *want)
{
	int fd = bpf_object__find_map_fd_by_name(xdp_program__bpf_obj(prog), name);

	if (fd < 0)
		return no_such_map(name);
	return lab_check_map(fd, name, want) ?: fd;
}

int lab_sum_cpus(int map_fd, const void *key, __u64 *sums, unsigned int count)
{
	int err = 0, cpus = libbpf_num_possible_cpus();
	__u64 *all = cpus > 0 ? calloc(cpus, count * sizeof(*all)) : NULL;

	memset(sums, 0, count * sizeof(*sums));
	if (!all)
		return pr_err(cpus < 0 ? cpus : -ENOMEM, "cannot read the map");
	if (bpf_map_lookup_elem(map_fd, key, all))
		err = errno == ENOENT ? -ENOENT : pr_err(-errno, "cannot read the map");
	for (unsigned int i = 0; i < cpus * count && !err; i++)
		sums[i % count] += all[i];
	free(all);
	return err;
}

/* The name of the network namespace that we are in, as `ip netns` knows it; "" if it has none. */
static const char *netns_name(void)
{
	struct dirent *entry;
	struct stat ours, one;
	const char *name = "";
	DIR *dir;

	if (stat("/proc/self/ns/net", &ours))
		return "";
	dir = opendir("/run/netns");
	while (dir && !*name && (entry = readdir(dir)))
		if (!fstatat(dirfd(dir), entry->d_name, &one, 0) && one.st_ino == ours.st_ino &&
		    one.st_dev == ours.st_dev)
			name = pr_text("%s", entry->d_name);
	if (dir)
		closedir(dir);
	return name;
}

/*
 * The BPF file system keeps names with dots to itself: a dot becomes a comma. What was a comma, or
 * a colon, gets another colon, which no device's name has, so that no two names become one.
 */
static const char *as_pin_name(const char *name)
{
	char text[2 * 64], *to = text;

	for (; *name && to < text + sizeof(text) - 2; name++) {
		*to++ = *name == '.' ? ',' : *name;
		if (*name == ',' || *name == ':')
			*to++ = ':';
	}
	*to = '\0';
	return pr_text("%s", text);
}

int lab_check_bpffs(void)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs) || fs.f_type != BPF_FS_MAGIC)
		return -ENOENT;
	return fs.f_flags & ST_RDONLY ? -EROFS : 0;
}

const char *lab_pin_dir(const char *dev)
{
	int err = lab_check_bpffs();
	static char path[300];
	const char *env;

	if (err) {
		pr_err_because(
			err,
			err == -EROFS ?
				BPFFS ", where pins live, is mounted read-only." :
				"pins live in a BPF file system, and none is mounted on " BPFFS ".",
			err == -EROFS ?
				"mount -o remount,rw " BPFFS :
				"mount -t bpf bpf " BPFFS
				"\n(in a shell of `ip netns exec`, leave it and use testenv.sh enter)",
			"cannot reach the pins of %s", dev);
		errno = -err;
		return NULL;
	}
	env = netns_name();
	/* /sys/fs/bpf/xdp is libxdp's: a device of that name gets another */
	snprintf(path, sizeof(path), BPFFS "/%s%s%s", as_pin_name(env),
		 *env || !strcmp(dev, "xdp") ? ":" : "", as_pin_name(dev));
	return path;
}

static bool prog_uses(__u32 prog_id, __u32 map_id)
{
	__u32 ids[64];
	struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (unsigned long)ids };
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog_id);
	bool found = false;

	if (fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.nr_map_ids = 0;
	close(fd);
	for (__u32 i = 0; i < info.nr_map_ids && i < 64; i++)
		found |= ids[i] == map_id;
	return found;
}

static bool is_like(const struct bpf_map *map, int fd)
{
	const struct lab_map_shape shape = { bpf_map__type(map), bpf_map__key_size(map),
					     bpf_map__value_size(map), bpf_map__max_entries(map) };

	return lab_has_shape(fd, &shape);
}

int lab_share_map(struct xdp_program *prog, const char *name, const char *path,
		  const struct cli_args *args)
{
	int lock = open(BPFFS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_map *map;
	int err = 0, fd;

	/* Of two loaders, the second waits until the first has pinned its map, and ended. */
	if (flock(lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		pr_note("another process, a loader perhaps, has locked " BPFFS ": waiting for it.");
		(void)flock(lock, LOCK_EX);
	}
	map = bpf_object__find_map_by_name(xdp_program__bpf_obj(prog), name);
	if (!map)
		return no_such_map(name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return 0; /* nothing to share */
	if (is_like(map, fd) && lab_map_in_use(fd, args->ifindex))
		err = bpf_map__reuse_fd(map, fd);
	close(fd);
	return err ? pr_err(err, "cannot share the map at %s", path) : 0;
}

bool lab_map_in_use(int map_fd, int ifindex)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int count = lab_programs(ifindex, progs);
	bool found = false;

	if (bpf_obj_get_info_by_fd(map_fd, &info, &len))
		return false;
	for (int i = 0; i < count; i++)
		found |= prog_uses(progs[i].id, info.id);
	return found;
}
