// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <signal.h>

/* The program drops each packet while it is attached, and no longer. */
static void check_verdict(void)
{
	struct program *program = load("xdp_pass_kern.o", "xdp_prog_simple");
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	unsigned int count = rnd(3, 9), came;
	__u32 verdict;

	sent("a frame of %u bytes, by BPF_PROG_TEST_RUN", frame.len);
	expected("%s", verdict_name(XDP_DROP));
	verdict = verdict_on(program, &frame);
	if (verdict != XDP_DROP)
		not_yet("%s", verdict_name(verdict));

	lay_wire();
	sent("%u frames of %u bytes, after ./xdp_pass_user --dev %s", count, frame.len, wire.dev);
	expected("none of them behind %s", wire.dev);
	run("./xdp_pass_user", "--dev", wire.dev);
	for (unsigned int n = 0; n < count; n++)
		send_frame(&frame);
	came = arrived(0);
	if (came)
		not_yet("%u of %u came through", came, count);

	sent("%u frames more, after ./xdp_pass_user --dev %s --unload-all", count, wire.dev);
	expected("all of them behind %s", wire.dev);
	run("./xdp_pass_user", "--dev", wire.dev, "--unload-all");
	for (unsigned int n = 0; n < count; n++)
		send_frame(&frame);
	came = arrived(count);
	if (came != count)
		not_yet("%u of %u came through", came, count);
}

LESSON("basic01-xdp-pass", { "verdict", check_verdict });
