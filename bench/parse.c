// SPDX-License-Identifier: GPL-2.0-only
/*
 * parse OBJECT RUNS: how long the two parsers of parse_kern.c take for a packet, in turns, once it
 * is sure that both find the same. The exit status is 1 if the one on lab/parse.h takes more than
 * 1.3 times as long, in the median of the runs, for any of the packets; 2: could not be done.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../check/packet.h"

#define REPEAT 200000
#define MAX_RUNS 1001
#define LIMIT 1.3

enum {
	NOTHING_AT_ALL,
	WITH_CURSOR,
	BY_HAND,
	PROGRAMS
};

static const char *const names[PROGRAMS] = { "nothing", "with_cursor", "by_hand" };
static int fds[PROGRAMS];
static const volatile unsigned int *port;

static const struct sample {
	const char *what;
	const char *hex; /* what is behind the addresses; zeros follow */
} samples[] = {
	{ "TCP, IPv4",
	  "0800 4500 0028 00004000 40060000 0a000001 0a000002 1f90 1f40 00000000 00000000 5002" },
	{ "TCP, IPv6",
	  "86dd 60000000 0014 06 40 fc00000000000000 0000000000000001 fc00000000000000 "
	  "0000000000000002 1f90 1f40 00000000 00000000 5002" },
	{ "UDP, IPv4 with options, two tags",
	  "88a8 0001 8100 0064 0800 4800 0040 00004000 40110000 0a000001 0a000002 94040000 "
	  "01010101 01010101 1f90 1f40 0020 0000" },
	{ "TCP, IPv6 with three extension headers",
	  "86dd 60000000 0034 00 40 fc00000000000000 0000000000000001 fc00000000000000 "
	  "0000000000000002 3c00010400000000 2b00010400000000 0602010400000000 0000000000000000 "
	  "0000000000000000 1f90 1f40 00000000 00000000 5002" },
	{ "none of them: ARP", "0806 0001 0800 0604 0001" },
};

static unsigned int frame_of(const struct sample *sample, unsigned char frame[128])
{
	unsigned int len = 12, byte;

	memset(frame, 0, 128);
	for (const char *at = sample->hex; *at; at++)
		if (*at != ' ' && sscanf(at++, "%2x", &byte) == 1)
			frame[len++] = byte;
	return 118;
}

/* Nanoseconds for one of so many runs, by our own clock: the kernel's answer has no fraction. */
static double run(int which, const unsigned char *frame, unsigned int len, unsigned int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = len,
		    .repeat = repeat);
	struct timespec from, to;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	if (bpf_prog_test_run_opts(fds[which], &opts)) {
		perror("parse: cannot run a program");
		abort();
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return ((to.tv_sec - from.tv_sec) * 1e9 + to.tv_nsec - from.tv_nsec) / repeat;
}

static bool agree(const unsigned char *frame, unsigned int len)
{
	unsigned int found;

	run(WITH_CURSOR, frame, len, 1);
	found = *port;
	run(BY_HAND, frame, len, 1);
	return found == *port;
}

static bool agree_on_odd_frames(unsigned long count)
{
	static unsigned char frame[ODD_MAX];

	odd_seed(1);
	for (unsigned long n = 0; n < count; n++)
		if (!agree(frame, odd_frame(frame)))
			return false;
	return true;
}

static int compare(const void *left, const void *right)
{
	double difference = *(const double *)left - *(const double *)right;

	return (difference > 0) - (difference < 0);
}

/* Is it fast enough for this packet? */
static bool measure(const struct sample *sample, unsigned int runs)
{
	static double times[PROGRAMS][MAX_RUNS];
	unsigned char frame[128];
	unsigned int len = frame_of(sample, frame);
	double median[PROGRAMS], times_longer, alone;

	for (unsigned int n = 0; n < runs; n++)
		for (int which = 0; which < PROGRAMS; which++)
			times[which][n] = run(which, frame, len, REPEAT);
	for (int which = 0; which < PROGRAMS; which++) {
		qsort(times[which], runs, sizeof(double), compare);
		median[which] = times[which][runs / 2];
	}
	times_longer = median[WITH_CURSOR] / median[BY_HAND];
	alone = (median[WITH_CURSOR] - median[NOTHING_AT_ALL]) /
		(median[BY_HAND] - median[NOTHING_AT_ALL]);
	printf("%-40s %8.1f %8.1f %8.1f %8.2f %8.2f%s\n", sample->what, median[NOTHING_AT_ALL],
	       median[BY_HAND], median[WITH_CURSOR], times_longer, alone,
	       times_longer > LIMIT ? "  TOO SLOW" : "");
	return times_longer <= LIMIT;
}

static int load(const char *path)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	int map_fd;

	if (!obj || bpf_object__load(obj))
		return -1;
	for (int which = 0; which < PROGRAMS; which++)
		fds[which] = bpf_program__fd(bpf_object__find_program_by_name(obj, names[which]));
	map_fd = bpf_object__find_map_fd_by_name(obj, ".bss");
	port = mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, map_fd, 0);
	return port == MAP_FAILED ? -1 : 0;
}

int main(int argc, char **argv)
{
	unsigned int runs = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	bool fast = true;

	if (!runs || runs > MAX_RUNS) {
		fprintf(stderr, "usage: parse OBJECT RUNS (1 to %d)\n", MAX_RUNS);
		return 2;
	}
	if (load(argv[1])) {
		perror("parse: cannot load the programs");
		return 2;
	}
	if (!agree_on_odd_frames(200000)) {
		fprintf(stderr, "parse: the two parsers do not find the same\n");
		return 2;
	}
	printf("nanoseconds of processor time a packet, medians of %u runs of %d, in turns;\n"
	       "net: without what it takes to run a program that does nothing\n%-40s",
	       runs, REPEAT, "");
	printf(" %8s %8s %8s %8s %8s\n", "nothing", "by hand", "parse.h", "times", "net");
	for (unsigned int n = 0; n < sizeof(samples) / sizeof(samples[0]); n++)
		fast &= measure(&samples[n], runs);
	return fast ? 0 : 1;
}
