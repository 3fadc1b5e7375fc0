// SPDX-License-Identifier: GPL-2.0-only
/*
 * The world in which checks run: mounts, processes and network of its own, the learner's tree as
 * it was handed over, and everything else read-only. When the grader ends, in whatever way, the
 * kernel takes all of it away.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grade.h"

static void mount_fresh(const char *type, const char *where, const char *options)
{
	if (mount(type, where, type, MS_NOSUID, options))
		give_up(errno, "cannot mount a %s at %s", type, where);
}

/* Nothing that the machine has mounted can be written to. */
static void make_read_only(void)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		give_up(errno, "cannot make the mounts private");
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)))
		give_up(errno, "cannot make the mounts read-only");
}

/* The devices that every program may use, and no disk. */
static void make_dev(void)
{
	static const struct {
		const char *path;
		unsigned int minor;
	} devices[] = {
		{ "/dev/null", 3 },   { "/dev/zero", 5 },    { "/dev/full", 7 },
		{ "/dev/random", 8 }, { "/dev/urandom", 9 },
	};

	mount_fresh("tmpfs", "/dev", "mode=755,size=1m");
	umask(0);
	for (size_t n = 0; n < sizeof(devices) / sizeof(devices[0]); n++) {
		if (mknod(devices[n].path, S_IFCHR | 0666, makedev(1, devices[n].minor)))
			give_up(errno, "cannot make %s", devices[n].path);
	}
	umask(022);
}

static void make_path(const char *path)
{
	char *made = text("%s", path);

	for (char *p = made + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(made, 0755);
		*p = '/';
	}
	mkdir(made, 0755);
}

/* The tree lies where it always lies, but is the copy on stdin, and only to be read. */
static void unpack_tree(void)
{
	pid_t pid;
	int status;

	make_path(tree); /* it is gone if it lies below /tmp */
	mount_fresh("tmpfs", tree, "mode=755,size=128m");
	pid = fork();
	if (!pid) {
		execlp("tar", "tar", "-x", "--no-same-owner", "-f", "-", "-C", tree, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		give_up(0, "the copy of the tree did not arrive");
	if (mount(NULL, tree, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL))
		give_up(errno, "cannot make the tree read-only");
}

static void close_stdin(void)
{
	int fd = open("/dev/null", O_RDONLY);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		give_up(errno, "cannot open /dev/null");
	close(fd);
}

static void furnish(void)
{
	sigset_t child;

	make_read_only();
	mount_fresh("proc", "/proc", NULL);
	make_dev();
	mount_fresh("tmpfs", "/tmp", "mode=1777,size=64m");
	unpack_tree();
	close_stdin();
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL); /* waited for, see wait_for() */
}

/* Fresh /tmp and /run. The tree may lie in one of them, and stays where it is. */
static void make_tmp(void)
{
	int fd = open(tree, O_PATH | O_CLOEXEC);

	mount_fresh("tmpfs", "/tmp", "mode=1777,size=64m");
	mount_fresh("tmpfs", "/run", "mode=755,size=16m");
	mkdir("/run/netns", 0755);
	mkdir("/run/xdp-lab", 0755);
	make_path(tree);
	if (fd < 0 || mount(text("/proc/self/fd/%d", fd), tree, NULL, MS_BIND, NULL))
		give_up(errno, "cannot keep the tree");
	close(fd);
}

void enter_fresh_world(void)
{
	static const char off[] = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
	int fd;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC))
		give_up(errno, "cannot make a network namespace");
	mount_fresh("proc", "/proc", NULL);
	make_tmp();
	mount_fresh("sysfs", "/sys", NULL);
	mount_fresh("bpf", "/sys/fs/bpf", "mode=700");
	/* Where there is none, watch_event() says so. */
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	fd = open(off, O_WRONLY | O_CLOEXEC); /* no frame comes unasked */
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			give_up(errno, "cannot write to %s", off);
		close(fd);
	}
}

/* Process 1 dies with the process that made it, however that ends. */
static int be_process_1(int alive[2], int (*work)(void))
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid(); /* Ctrl-C ends the one that waits for us, and thereby all of us at once */
	close(alive[1]);
	if (read(alive[0], &byte, 1) != 1)
		return 3; /* it was dead before we asked to be told */
	close(alive[0]);
	signal(SIGPIPE, SIG_IGN);
	furnish();
	return work();
}

int in_a_world(int (*work)(void))
{
	int alive[2], status;
	pid_t pid;

	if (pipe2(alive, O_CLOEXEC))
		give_up(errno, "no pipe");
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS))
		give_up(errno, "cannot make namespaces");
	pid = fork();
	if (pid < 0)
		give_up(errno, "cannot start a process");
	if (!pid)
		exit(be_process_1(alive, work));
	if (write(alive[1], "", 1) != 1 || waitpid(pid, &status, 0) != pid)
		give_up(errno, "lost the process that grades");
	if (!WIFEXITED(status))
		give_up(0, "the process that grades was killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}
