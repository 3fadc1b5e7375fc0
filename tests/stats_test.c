// SPDX-License-Identifier: GPL-2.0-only
/* Rates: right where a counter wraps, where no time has passed, and where it was cut short. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "lab_stats.h"
#include "tap.h"

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-6 * fmax(1, fabs(b));
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
	return done();
}
