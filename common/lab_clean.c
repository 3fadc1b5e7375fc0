// SPDX-License-Identifier: GPL-2.0-only
/* The pins of libxdp's that nobody needs any more. */
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xdp/libxdp.h>

#include "lab_clean.h"
#include "lab_dev.h"

#define PINS "/sys/fs/bpf/xdp"

static bool runs(__u32 id, int ifindex)
{
	struct lab_running now;

	return !lab_ask_device(ifindex, &now) &&
	       (now.native == id || now.skb == id || now.offload == id);
}

/* In another network namespace: each of them counts its devices from 1. */
static bool runs_elsewhere(__u32 id, int ifindex)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct stat ours, one;
	bool found = false;
	glob_t nets = {};

	glob("/proc/[0-9]*/ns/net", 0, NULL, &nets);
	glob("/run/netns/*", GLOB_APPEND, NULL, &nets);
	for (size_t i = 0; home >= 0 && !fstat(home, &ours) && i < nets.gl_pathc && !found; i++) {
		int net = open(nets.gl_pathv[i], O_RDONLY | O_CLOEXEC);

		if (net >= 0 && !fstat(net, &one) && one.st_ino != ours.st_ino &&
		    !setns(net, CLONE_NEWNET)) {
			found = runs(id, ifindex);
			(void)setns(home, CLONE_NEWNET);
		}
		if (net >= 0)
			close(net);
	}
	globfree(&nets);
	if (home >= 0)
		close(home);
	return found;
}

/*
 * The pins of dispatchers that are gone. libxdp knows them by the number of their device, here; the
 * pins of another network's device of this number are what keeps its programs at work.
 */
static void clean_references(int ifindex)
{
	DIR *entries = opendir(PINS);
	bool others = false;
	struct dirent *entry;
	unsigned int id;
	int number;

	while (entries && !others && (entry = readdir(entries)))
		others = sscanf(entry->d_name, "dispatch-%d-%u", &number, &id) == 2 &&
			 number == ifindex && !runs(id, ifindex) && runs_elsewhere(id, ifindex);
	if (entries)
		closedir(entries);
	if (!others)
		libxdp_clean_references(ifindex);
}

/*
 * libxdp finds out what the kernel can do with a pin that it removes at once, under a lock. One
 * that is seen by whoever has the lock was left by a process that was killed in between.
 */
static void clean_test_pins(void)
{
	int dir = open(PINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *entries;

	if (dir < 0)
		return;
	entries = flock(dir, LOCK_EX) ? NULL : fdopendir(dup(dir));
	while (entries && (entry = readdir(entries)))
		if (!strncmp(entry->d_name, "prog-test-link-", strlen("prog-test-link-")))
			unlinkat(dir, entry->d_name, 0);
	if (entries)
		closedir(entries);
	close(dir); /* and with it the lock goes, as the copy has */
}

void lab_clean_pins(int ifindex)
{
	clean_references(ifindex);
	clean_test_pins();
}
