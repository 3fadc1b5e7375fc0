// SPDX-License-Identifier: GPL-2.0-only
/* Chance that a seed repeats, and the clock. */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "grade.h"

static uint64_t state;

/* splitmix64: each state is the one before plus a constant, well stirred. */
static uint64_t next(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* An exercise has numbers of its own: the same alone as among others. */
void seed_chance(unsigned int seed, const char *name)
{
	state = seed;
	for (; *name; name++)
		state = next() ^ (unsigned char)*name;
}

unsigned int rnd(unsigned int from, unsigned int to)
{
	return from + next() % ((uint64_t)to - from + 1);
}

void rnd_bytes(void *bytes, size_t len)
{
	for (unsigned char *p = bytes; len; len--)
		*p++ = next();
}

char *text(const char *fmt, ...)
{
	va_list args;
	char *made;

	va_start(args, fmt);
	if (vasprintf(&made, fmt, args) < 0)
		give_up(ENOMEM, "no memory");
	va_end(args);
	return made;
}

double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

void pause_ms(unsigned int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

unsigned int cpu_count(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return CPU_COUNT(&set);
}

int cpu_number(unsigned int nth)
{
	static cpu_set_t set; /* as it was at first: stay_on_cpu() changes it */
	static bool known;

	if (!known)
		known = !sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set) && !nth--)
			return cpu;
	}
	give_up(0, "there is no such CPU");
}

void stay_on_cpu(unsigned int nth)
{
	int cpu = cpu_number(nth);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		give_up(errno, "cannot stay on CPU %d", cpu);
}
