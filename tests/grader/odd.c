// SPDX-License-Identifier: GPL-2.0-only
/* What a learner's program may do by mistake: odd WHAT. Its exit status is 0 if it was let. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int hang(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	puts("From now on nothing ends me.");
	fflush(stdout);
	for (;;)
		pause();
}

static int crash(void)
{
	volatile int *nowhere = NULL;

	return *nowhere;
}

static int forks(void)
{
	for (;;) {
		if (fork() < 0)
			usleep(1000);
	}
}

static int flood(void)
{
	static char line[1000];

	memset(line, 'x', sizeof(line) - 1);
	for (int n = 0; n < 30000; n++) {
		puts(line);
		fprintf(stderr, "%s\n", line);
	}
	return 0;
}

/* A process that outlives its parent and has nothing to do with it any more. */
static int daemonize(void)
{
	if (!fork()) {
		setsid();
		if (!fork())
			hang();
	}
	return 0;
}

/* What of the machine can it change? */
static int vandalize(void)
{
	if (!unlink("odd.c") || !unlink("odd") || open("new", O_CREAT | O_WRONLY, 0600) >= 0)
		return 1;
	if (open("/etc/xdp-lab-was-here", O_CREAT | O_WRONLY, 0600) >= 0 || errno != EROFS)
		return 2;
	if (!mkdir("/usr/xdp-lab-was-here", 0700) || errno != EROFS)
		return 3;
	return mkdir("/tmp/scratch", 0700) ? 4 : 0; /* that one is its own */
}

/* Is there a way to another network? A descriptor, a process, a name, a disk, a device. */
static int escape(void)
{
	struct stat own, other;
	struct dirent *entry;
	char path[300];
	DIR *dir = opendir("/proc");

	for (int fd = 3; fd < 1024; fd++) {
		if (fd != dirfd(dir) && fcntl(fd, F_GETFD) >= 0)
			return 1;
	}
	stat("/proc/self/ns/mnt", &own);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/ns/pid", entry->d_name);
		if (!stat(path, &other) && !stat("/proc/self/ns/pid", &own) &&
		    own.st_ino != other.st_ino)
			return 2;
	}
	dir = opendir("/run/netns");
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			return 3;
	}
	return if_nametoindex("eth0") || !access("/dev/vda", F_OK) || !access("/dev/sda", F_OK);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *what;
		int (*act)(void);
	} acts[] = {
		{ "hang", hang },     { "crash", crash },	  { "forks", forks },
		{ "flood", flood },   { "daemonize", daemonize }, { "vandalize", vandalize },
		{ "escape", escape },
	};

	for (size_t n = 0; argc == 2 && n < sizeof(acts) / sizeof(acts[0]); n++) {
		if (!strcmp(argv[1], acts[n].what))
			return acts[n].act();
	}
	return 2;
}
