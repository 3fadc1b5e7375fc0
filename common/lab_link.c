// SPDX-License-Identifier: GPL-2.0-only
/* Programs held by a BPF link, and the small process behind --for that holds one. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "lab_link.h"
#include "pr.h"

#define KEEPER_NAME "xdp-lab-for" /* what ps shows of the process behind --for */

/* ---- Finding links ---- */

static bool read_link(int fd, struct bpf_link_info *info)
{
	__u32 len = sizeof(*info);

	memset(info, 0, len);
	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, info, &len);
}

__u32 lab_find_link(int ifindex, __u32 prog_id)
{
	__u32 id = 0, found = 0;

	while (!found && !bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info;
		int fd = bpf_link_get_fd_by_id(id);

		if (read_link(fd, &info) && info.type == BPF_LINK_TYPE_XDP &&
		    info.prog_id == prog_id && info.xdp.ifindex == (__u32)ifindex)
			found = id;
		if (fd >= 0)
			close(fd);
	}
	return found;
}

/* A process that has a descriptor of a link. */
struct owner {
	int pid; /* 0: none that can be seen from here */
	char name[32];
};

static bool fd_is_link(const char *pid, const char *fd, __u32 link_id)
{
	char path[600], line[80];
	bool found = false;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	info = fopen(path, "re");
	if (!info)
		return false;
	while (!found && fgets(line, sizeof(line), info))
		found = !strncmp(line, "link_id:", 8) && strtoul(line + 8, NULL, 10) == link_id;
	fclose(info);
	return found;
}

static bool has_link(const char *pid, __u32 link_id)
{
	char path[300], target[40];
	bool found = false;
	struct dirent *fd;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	fds = opendir(path);
	while (!found && fds && (fd = readdir(fds))) {
		ssize_t len = readlinkat(dirfd(fds), fd->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		found = strstr(target, "bpf_link") && fd_is_link(pid, fd->d_name, link_id);
	}
	if (fds)
		closedir(fds);
	return found;
}

static void read_name(struct owner *owner)
{
	char path[40];
	FILE *comm;

	snprintf(path, sizeof(path), "/proc/%d/comm", owner->pid);
	comm = fopen(path, "re");
	if (!comm || !fgets(owner->name, sizeof(owner->name), comm))
		strcpy(owner->name, "?");
	owner->name[strcspn(owner->name, "\n")] = '\0';
	if (comm)
		fclose(comm);
}

static struct owner find_owner(__u32 link_id)
{
	struct owner owner = {};
	DIR *procs = opendir("/proc");
	struct dirent *proc;

	while (!owner.pid && procs && (proc = readdir(procs)))
		if (isdigit(proc->d_name[0]) && has_link(proc->d_name, link_id))
			owner.pid = strtol(proc->d_name, NULL, 10);
	if (procs)
		closedir(procs);
	if (owner.pid)
		read_name(&owner);
	return owner;
}

/* ---- Taking a program from its link ---- */

static int refuse_foreign(const struct lab_prog *prog, const struct owner *owner,
			  const struct cli_args *args)
{
	const char *who =
		"no process that can be seen from here holds it: a pin, or another container.";
	const char *why;
	bool blind = access("/proc/self", F_OK);

	if (owner->pid)
		who = pr_text("it belongs to process %d (%s), which counts on it.", owner->pid,
			      owner->name);
	why = pr_text("link %u holds it, and is none of this lab's:\n%s", prog->holder_id, who);
	if (blind)
		why = pr_text("link %u holds it. Whose it is, /proc would tell: it is not mounted.",
			      prog->holder_id);
	return pr_err_because(-EPERM, why,
			      pr_text("%s, or: %s --dev %s --unload %u --force",
				      blind ? "mount -t proc proc /proc" : "end that process",
				      pr_names.self, args->dev, prog->id),
			      "%s on %s is left alone", lab_describe(prog), args->dev);
}

int lab_detach_link(const struct lab_prog *prog, const struct cli_args *args)
{
	struct owner owner = find_owner(prog->holder_id);
	int err = 0, fd;

	if (strcmp(owner.name, KEEPER_NAME) && !args->force)
		return refuse_foreign(prog, &owner, args);
	fd = bpf_link_get_fd_by_id(prog->holder_id);
	if (fd < 0 || bpf_link_detach(fd))
		err = -errno;
	if (fd >= 0)
		close(fd);
	if (err)
		return pr_err(err, "cannot detach link %u from %s", prog->holder_id, args->dev);
	lab_report_detached(prog, args);
	return 0;
}

/* ---- --for ---- */

/* Loads without attaching; the program's descriptor, which the object owns. */
static int load(struct xdp_program *prog)
{
	struct bpf_object *obj = xdp_program__bpf_obj(prog);
	struct bpf_program *chosen;
	int err;

	chosen = bpf_object__find_program_by_name(obj, xdp_program__name(prog));
	bpf_program__set_type(chosen, BPF_PROG_TYPE_XDP);
	err = bpf_object__load(obj);
	return err ?: bpf_program__fd(chosen);
}

static int create_link(int prog_fd, const struct cli_args *args)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int fd;

	if (args->mode == XDP_MODE_SKB)
		opts.flags = XDP_FLAGS_SKB_MODE;
	else if (args->mode == XDP_MODE_NATIVE)
		opts.flags = XDP_FLAGS_DRV_MODE;
	else if (args->mode == XDP_MODE_HW)
		opts.flags = XDP_FLAGS_HW_MODE;
	fd = bpf_link_create(prog_fd, args->ifindex, BPF_XDP, &opts);
	/* Why not, the kernel says over netlink alone: it refuses the same there, in words. */
	if (fd < 0 && fd != -EBUSY &&
	    !bpf_xdp_attach(args->ifindex, prog_fd, opts.flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL))
		bpf_xdp_detach(args->ifindex, opts.flags, NULL);
	return fd;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts); /* goes on while the machine sleeps */
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Has somebody detached the link, or has the device gone? */
static bool link_is_idle(int link_fd)
{
	struct bpf_link_info info;

	return !read_link(link_fd, &info) || !info.xdp.ifindex;
}

/*
 * What --for leaves behind needs one descriptor, which becomes 3, and nothing else of ours: no
 * terminal, no session, no network namespace, no directory.
 */
static void live_alone(const char *name, int fd)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGQUIT };
	int null, init_net;
	sigset_t none;

	setsid();
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		signal(ends[i], SIG_IGN); /* forgets one that waits: it was for the loader */
		signal(ends[i], SIG_DFL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, name);
	init_net = open("/proc/1/ns/net", O_RDONLY);
	if (init_net >= 0)
		(void)setns(init_net, CLONE_NEWNET); /* so that ours can go when it is deleted */
	if (chdir("/") || dup2(fd, 3) < 0)
		_exit(1);
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(null, i);
	syscall(SYS_close_range, 4, ~0U, 0);
}

/* The process behind --for. Whatever ends it closes the link, and with it the kernel detaches. */
static void keep_link(int link_fd, unsigned int seconds)
{
	const struct timespec nap = { .tv_nsec = 250 * 1000 * 1000 };
	double end = now() + seconds;

	live_alone(KEEPER_NAME, link_fd);
	while (now() < end && !link_is_idle(3))
		nanosleep(&nap, NULL);
	_exit(0);
}

static int keeper_pid; /* of this program's --for */

/* The process behind a pin that is to go with --for: it waits for the keeper's end. */
static void unpin_after(int pidfd, const char *path, __u32 map_id)
{
	struct pollfd keeper = { .fd = 3, .events = POLLIN };
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char dir[400];
	int fd;

	live_alone("xdp-lab-unpin", pidfd);
	while (poll(&keeper, 1, -1) < 0 && errno == EINTR)
		;
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || info.id != map_id)
		_exit(0); /* another loader has put its own map there */
	unlink(path);
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	rmdir(dir);
	*strrchr(dir, '/') = '\0'; /* the device's, perhaps; what is mounted stays */
	rmdir(dir);
	_exit(0);
}

int lab_unpin_after_for(const char *path, int map_fd)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int pid = -1, pidfd = syscall(SYS_pidfd_open, keeper_pid, 0);

	fflush(NULL);
	if (pidfd >= 0 && !bpf_obj_get_info_by_fd(map_fd, &info, &len))
		pid = fork();
	if (!pid)
		unpin_after(pidfd, path, info.id);
	if (pid < 0)
		pr_err(-errno, "cannot start the process that removes %s", path);
	if (pidfd >= 0)
		close(pidfd);
	return pid < 0 ? -ECHILD : 0;
}

static void report_end(int keeper, const struct cli_args *args)
{
	time_t end = time(NULL) + args->for_seconds;
	char clock[40];

	strftime(clock, sizeof(clock),
		 args->for_seconds < 24 * 60 * 60 ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S",
		 localtime(&end));
	pr_info("  ends by itself in %u s, at %s; sooner with: kill %d", args->for_seconds, clock,
		keeper);
}

/* Leaves the keeper behind, ready to outlive us; once we end, the link is its alone. */
static int start_keeper(int link_fd, const struct cli_args *args)
{
	int pid, ready[2];
	char none;

	fflush(NULL);
	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		keep_link(link_fd, args->for_seconds);
	if (pid < 0)
		pid = -errno;
	close(ready[1]);
	while (read(ready[0], &none, 1) < 0 && errno == EINTR)
		; /* it ends when the keeper has closed all that it inherited */
	close(ready[0]);
	return pid;
}

static int attach_for(struct xdp_program *prog, const struct cli_args *args)
{
	int link_fd, keeper, prog_fd = load(prog);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int err;

	if (prog_fd < 0)
		return pr_err(prog_fd, "cannot load %s", xdp_program__name(prog));
	link_fd = create_link(prog_fd, args);
	if (link_fd < 0)
		return lab_not_attached(link_fd, xdp_program__name(prog), args);
	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len)) {
		err = pr_err(-errno, "cannot ask for the id of %s", xdp_program__name(prog));
		goto out; /* closing the link detaches */
	}
	err = keeper = keeper_pid = start_keeper(link_fd, args);
	if (keeper < 0) {
		pr_err(err, "cannot start the process that holds %s", xdp_program__name(prog));
		goto out;
	}
	err = lab_report_attached(xdp_program__name(prog), info.id, args);
	if (err)
		kill(keeper, SIGTERM);
	else
		report_end(keeper, args);
out:
	close(link_fd);
	return err;
}

int lab_attach_for(struct xdp_program *prog, const struct cli_args *args)
{
	int err;

	lab_hold_signals(); /* Ctrl-C waits until it is attached and we have said so */
	err = attach_for(prog, args);
	lab_release_signals();
	return err;
}
