// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpu_time COMMAND [ARG...]: runs it with its output thrown away, and says how many microseconds
 * of processor time it took, in the program and in the kernel. It starts the command without
 * copying itself, so that next to nothing of its own counts.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

static long micros(struct timeval time)
{
	return time.tv_sec * 1000000L + time.tv_usec;
}

int main(int argc, char **argv)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (argc < 2 || posix_spawnp(&pid, argv[1], &actions, NULL, argv + 1, environ)) {
		fprintf(stderr, "cpu_time: cannot run %s\n", argc < 2 ? "nothing" : argv[1]);
		return 1;
	}
	posix_spawn_file_actions_destroy(&actions);
	if (wait4(pid, &status, 0, &usage) != pid || status) {
		fprintf(stderr, "cpu_time: %s failed\n", argv[1]);
		return 1;
	}
	printf("%ld\n", micros(usage.ru_utime) + micros(usage.ru_stime));
	return 0;
}
