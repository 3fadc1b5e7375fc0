// SPDX-License-Identifier: GPL-2.0-only
/* Checks for the harness itself: each does what a check, or a learner's program, may do. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "grade.h"

static void check_nothing(void)
{
}

static void check_hang(void)
{
	run("./odd", "hang");
}

static void check_stubborn(void)
{
	struct run *odd = start("./odd", "hang");

	next_line(odd, 5000); /* it ignores it from now on */
	stop(odd, SIGINT);
}

static void check_crash(void)
{
	run("./odd", "crash");
}

static void check_forks(void)
{
	run("./odd", "forks");
}

static void check_flood(void)
{
	struct run *odd = run("./odd", "flood");

	expected("a part of what it printed");
	if (odd->status || strlen(odd->out) < 100000 || strlen(odd->out) > 1000000)
		not_yet("status %d, %zu bytes", odd->status, strlen(odd->out));
}

static void check_vandal(void)
{
	struct run *odd = run("./odd", "vandalize");

	if (odd->status)
		not_yet("it could do what it should not: %d", odd->status);
}

static void check_escape(void)
{
	struct run *odd = run("./odd", "escape");

	if (odd->status)
		not_yet("there is a way out: %d", odd->status);
}

static void check_daemon(void)
{
	run("./odd", "daemonize");
}

/* We, process 1, and nobody whom an earlier check has left. */
static void check_alone(void)
{
	unsigned int count = count_processes();

	if (count != 2)
		not_yet("%u processes", count);
}

static void check_missing(void)
{
	run("./nosuch");
}

static void check_broken(void)
{
	abort();
}

static void check_cannot(void)
{
	cannot_tell("another machine", "this one is too %s", "small");
}

static void check_refused(void)
{
	load("no_null_check.o", "unchecked");
}

static void check_unnamed(void)
{
	load("no_null_check.o", "xdp_nosuch");
}

static void check_unbuilt(void)
{
	load("nosuch.o", "xdp_nosuch");
}

/* Frames of each kind arrive whole, one time each, and nothing else is counted. */
static void check_wire(void)
{
	static const int families[] = { AF_INET, AF_INET6 };
	unsigned int count = 0, came;

	lay_wire();
	for (unsigned int n = 0; n < 2; n++) {
		struct frame frames[] = {
			frame_udp(families[n], rnd(1, 65535), rnd(1, 65535), rnd(80, 1514)),
			frame_tcp(families[n], rnd(1, 65535), rnd(1, 65535), rnd(80, 1514)),
			frame_echo(families[n], rnd(0, 65535), rnd(80, 1514)),
			frame_of(ETHERTYPE_NOBODYS, 64),
		};

		for (unsigned int m = 0; m < sizeof(frames) / sizeof(frames[0]); m++, count++)
			send_frame(&frames[m]);
	}
	sent("%u frames", count);
	expected("%u behind %s, none at the other end", count, wire.dev);
	came = arrived(count);
	if (came != count || returned(0) || arrived(0))
		not_yet("%u", came);
}

/* A file of the wire's in /sys: the number there, or what is to be written to it. */
static unsigned long setting(const char *dev, const char *name, const char *new)
{
	int fd = open(text("/sys/class/net/%s/%s", dev, name), new ? O_WRONLY : O_RDONLY);
	char old[32] = "";

	if (fd < 0 || (new ? write(fd, new, strlen(new)) : read(fd, old, sizeof(old) - 1)) <= 0)
		give_up(errno, "%s of %s", name, dev);
	close(fd);
	return strtoul(old, NULL, 10);
}

/* It is known how many frames a slow program has met, also where the queue before it runs over. */
static void check_fire(void)
{
	const struct frame frame = frame_of(ETHERTYPE_NOBODYS, 64);
	struct program *slow = load("slow.o", "slow");
	unsigned long taken, seen = 0, lost = 0;

	lay_wire();
	if (bpf_xdp_attach(wire.ifindex, slow->fd, XDP_FLAGS_DRV_MODE, NULL))
		give_up(errno, "cannot attach");
	/* Else a frame has been dropped before the next one is sent. Before, there was no queue. */
	setting(wire.dev, "threaded", "1");
	open_fire(&frame);
	for (double end = seconds() + 4; !lost && seconds() < end; pause_ms(20))
		lost = setting(wire.peer, "statistics/tx_dropped", NULL);
	taken = cease_fire();
	for (double end = seconds() + 2; seen < taken && seconds() < end; pause_ms(20))
		seen = map_number(map_of(slow, "seen"), 0, NULL);
	sent("%lu frames", taken);
	expected("each of them counted");
	if (seen != taken)
		not_yet("%lu", seen);
	expected("more than the queue had room for");
	if (!lost)
		not_yet("none was lost");
}

/* The same seed, the same numbers; the outcome shows them. */
static void check_chance(void)
{
	sent("%u %u", rnd(0, 1000000), rnd(7, 7));
	not_yet("nothing: %u", rnd(0, 1000000));
}

LESSON_WITH_ALONE("odd-programs", "alone", { "nothing", check_nothing }, { "hang", check_hang },
		  { "stubborn", check_stubborn }, { "crash", check_crash },
		  { "forks", check_forks }, { "flood", check_flood }, { "vandal", check_vandal },
		  { "escape", check_escape }, { "daemon", check_daemon }, { "alone", check_alone },
		  { "missing", check_missing }, { "broken", check_broken },
		  { "cannot", check_cannot }, { "refused", check_refused },
		  { "unnamed", check_unnamed }, { "unbuilt", check_unbuilt },
		  { "wire", check_wire }, { "fire", check_fire }, { "chance", check_chance });
