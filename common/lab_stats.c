// SPDX-License-Identifier: GPL-2.0-only
/* Figures that are read again and again: the time between, the rates, and how they are printed. */
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <linux/bpf.h>

#include "lab_stats.h"
#include "lab_xdp.h"
#include "pr.h"

const char *lab_action_name(unsigned int action)
{
	static const char *const names[] = {
		[XDP_ABORTED] = "XDP_ABORTED",	 [XDP_DROP] = "XDP_DROP",
		[XDP_PASS] = "XDP_PASS",	 [XDP_TX] = "XDP_TX",
		[XDP_REDIRECT] = "XDP_REDIRECT",
	};

	return action < sizeof(names) / sizeof(names[0]) ? names[action] : "XDP_UNKNOWN";
}

static double read_clock(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

double lab_clock(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

struct lab_rate lab_rate_between(const struct lab_reading *before, const struct lab_reading *now)
{
	struct lab_rate rate = { .period = now->time - before->time };

	if (rate.period <= 0)
		return (struct lab_rate){};
	/* Unsigned, so that the difference is right over the wrap from 2^64 - 1 to 0. */
	rate.pps = (now->packets - before->packets) / rate.period;
	rate.mbit = (now->bytes - before->bytes) / rate.period * 8 / 1e6;
	return rate;
}

/* 1234567 as 1,234,567: printf's ' flag would need a locale for it. */
static const char *grouped(__u64 number)
{
	char digits[24], text[32], *to = text;
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, (uint64_t)number);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = digits[i];
	}
	*to = '\0';
	return pr_text("%s", text);
}

/* The name of a device may hold anything but blanks and slashes. */
static const char *json_string(const char *name)
{
	char text[6 * IF_NAMESIZE + 3], *to = text;

	*to++ = '"';
	for (; *name && to < text + sizeof(text) - 8; name++)
		if (*name == '"' || *name == '\\' || *name < ' ' || *name > '~')
			to += sprintf(to, "\\u%04x", (unsigned char)*name);
		else
			*to++ = *name;
	strcpy(to, "\"");
	return pr_text("%s", text);
}

void lab_print_figures(const struct cli_args *args, const char *action, enum lab_figures figures,
		       const struct lab_reading *before, const struct lab_reading *now)
{
	struct lab_rate rate = lab_rate_between(before, now);

	if (args->json) {
		printf("{\"time\":%.3f,\"dev\":%s,\"action\":\"%s\",\"packets\":%" PRIu64
		       ",\"pps\":%.1f,",
		       read_clock(CLOCK_REALTIME), json_string(args->dev), action,
		       (uint64_t)now->packets, rate.pps);
		if (figures == LAB_PACKETS_AND_BYTES)
			printf("\"bytes\":%" PRIu64 ",\"mbit_per_s\":%.3f,", (uint64_t)now->bytes,
			       rate.mbit);
		printf("\"period\":%.3f}\n", rate.period);
		return;
	}
	printf("%-12s %11s packets %9s pps", action, grouped(now->packets),
	       grouped((long long)(rate.pps + 0.5)));
	if (figures == LAB_PACKETS_AND_BYTES)
		printf(" %14s bytes %9.3f Mbit/s", grouped(now->bytes), rate.mbit);
	printf("  period %.3f s\n", rate.period);
}

/* ---- Waiting ---- */

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

void lab_catch_signals(void)
{
	const struct sigaction action = { .sa_handler = stop }; /* interrupts the nap */

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_DFL);
	lab_release_all_signals();
}

/* The same device, not another one that took its number or its name. */
static bool device_is_there(const struct cli_args *args)
{
	char name[IF_NAMESIZE];

	return if_indextoname(args->ifindex, name) && !strcmp(name, args->dev);
}

/* What has been shown may be lost: a disk may be full. */
static bool is_lost(void)
{
	return fflush(stdout) || ferror(stdout);
}

int lab_check_output(void)
{
	if (!is_lost())
		return 0;
	return pr_err_because(-EIO, "the disk is full, or nobody is there to read it.",
			      "df shows which disk is full; what reads a pipe must read all of it.",
			      "cannot write what was asked for");
}

static bool stays; /* what this program has attached, when it ends */

int lab_must_stop(const struct cli_args *args)
{
	if (is_lost())
		return stays ? lab_say_what_stays(args, pr_names.self) : lab_check_output();
	if (stopped)
		return -EINTR;
	if (!device_is_there(args))
		return pr_err_because(-ENODEV, "somebody removed or renamed it.",
				      "ip link shows the devices that there are.",
				      "%s is gone, and its figures with it", args->dev);
	return 0;
}

int lab_wait(const struct cli_args *args)
{
	double end = lab_clock() + args->interval, left = args->interval;
	int stop = lab_must_stop(args);

	while (!stop && left > 0) {
		double nap = left < 0.25 ? left : 0.25;
		struct timespec ts = { .tv_sec = 0, .tv_nsec = nap * 1e9 };

		nanosleep(&ts, NULL);
		stop = lab_must_stop(args);
		left = end - lab_clock();
	}
	return stop;
}

void lab_say_how_it_ends(const struct cli_args *args)
{
	stays = cli_offers(CLI_UNLOAD); /* else it shows what another one has attached */
	if (!args->count)
		pr_info("Every %g s what was counted; Ctrl-C ends it.", args->interval);
}

int lab_say_what_stays(const struct cli_args *args, const char *loader)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int err = lab_check_output(), count = lab_programs(args->ifindex, progs);
	void (*say)(const char *fmt, ...) = err ? pr_note : pr_info;
	bool ends = args->for_seconds;

	for (int i = 0; i < count; i++)
		say("%s stays on %s%s: %s --dev %s --unload %u", lab_describe(&progs[i]), args->dev,
		    ends ? " until its time is up; sooner" : "; to remove it", loader, args->dev,
		    progs[i].id);
	if (!count)
		say("No program is left on %s.", args->dev);
	return err ?: lab_check_output();
}
