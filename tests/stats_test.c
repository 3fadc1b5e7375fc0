// SPDX-License-Identifier: GPL-2.0-only
/* Rates: right where a counter wraps, where no time has passed, and where it was cut short. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "liblab.c"
#include "tap.h"

static bool near(double a, double b)
{
	double most = 1e-6 * (b > 1 ? b : 1);

	return a - b < most && b - a < most;
}

/* A line of ten million packets a second, after hours, fits a terminal. */
static void test_width(void)
{
	struct lab_reading a = { .time = 0 };
	struct lab_reading b = { .time = 2, .packets = 19999998, .bytes = 2499999750 };
	const struct cli_args args = { .dev = "lo" };
	FILE *real = stdout;
	char *line = NULL;
	size_t len;

	stdout = open_memstream(&line, &len);
	lab_print_figures(&args, "XDP_REDIRECT", LAB_PACKETS_AND_BYTES, &a, &b);
	fclose(stdout);
	stdout = real;
	ok(len <= 101 && strstr(line, " 9,999,999 pps ") && strstr(line, "period 2.000 s\n"),
	   "a line of figures has %zu columns, 100 at most", len - 1);
	free(line);
}

int main(void)
{
	struct lab_reading a = { .time = 100, .packets = 1000, .bytes = 64000 };
	struct lab_reading b = { .time = 102, .packets = 3000, .bytes = 314000 };
	struct lab_rate rate = lab_rate_between(&a, &b);

	ok(near(rate.period, 2) && near(rate.pps, 1000) && near(rate.mbit, 1), "two seconds");

	b.time = 100.25;
	rate = lab_rate_between(&a, &b);
	ok(near(rate.period, 0.25) && near(rate.pps, 8000), "an interval that was cut short");

	b.time = 100;
	rate = lab_rate_between(&a, &b);
	ok(rate.pps == 0 && rate.mbit == 0, "no time: no rate, and no division by it");
	b.time = 99;
	rate = lab_rate_between(&a, &b);
	ok(rate.pps == 0 && rate.period == 0, "time that goes back: no rate");

	a = (struct lab_reading){ .time = 1, .packets = UINT64_MAX - 4, .bytes = UINT64_MAX };
	b = (struct lab_reading){ .time = 2, .packets = 5, .bytes = 124 };
	rate = lab_rate_between(&a, &b);
	ok(near(rate.pps, 10), "ten packets over the wrap of the counter");
	ok(near(rate.mbit, 125 * 8 / 1e6), "and their bytes");

	ok(!strcmp(lab_action_name(2), "XDP_PASS") && !strcmp(lab_action_name(4), "XDP_REDIRECT"),
	   "actions have their names");
	ok(!strcmp(lab_action_name(5), "XDP_UNKNOWN") &&
		   !strcmp(lab_action_name(~0U), "XDP_UNKNOWN"),
	   "and what is none is called so");
	test_width();
	return done();
}
