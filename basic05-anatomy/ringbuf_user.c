// SPDX-License-Identifier: GPL-2.0-only
/* Exercise 4 starts here: attaches report, and shall print one line for each of its events. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "cli.h"
#include "common_kern_user.h"
#include "lab_global.h"
#include "lab_stats.h"
#include "lab_xdp.h"
#include "pr.h"

static const struct cli_program this_program = {
	.about = "Attaches a program that reports every packet, and prints what it reports.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST | CLI_CHAIN,
	.object = "ringbuf_kern.o",
	.progname = "report",
};

/* Until somebody types Ctrl-C. */
static int print_events(struct bpf_object *obj, const struct cli_args *args)
{
	const volatile __u64 *dropped = lab_global(obj, "dropped", sizeof(*dropped));
	unsigned long received = 0;
	int stop = 0;

	if (!dropped)
		return -errno;
	/* Exercise 4: open the ring, with a function that prints one event and counts it. */
	while (!stop)
		stop = lab_wait(args); /* Exercise 4: wait for events instead */
	printf("%lu events received, %" PRIu64 " dropped\n", received, (uint64_t)*dropped);
	return stop == -EINTR ? 0 : stop;
}

static int load_and_print(struct cli_args *args)
{
	struct xdp_program *prog;
	int err;

	err = lab_check_attach(args);
	if (err)
		return err;
	prog = lab_open(args);
	if (!prog)
		return -errno;
	lab_hold_signals(); /* Ctrl-C waits until it is attached */
	err = lab_attach(prog, args);
	if (!err) {
		lab_catch_signals();
		err = print_events(xdp_program__bpf_obj(prog), args);
		lab_take_back(prog, args); /* a report that nobody reads is of no use */
	}
	lab_close(prog);
	return err;
}

int main(int argc, char **argv)
{
	struct cli_args args;
	int err;

	if (!cli_parse(&this_program, argc, argv, &args))
		return args.status;

	if (args.list)
		err = lab_list(&args);
	else if (args.unload || args.unload_all)
		err = lab_unload(&args, lab_detach);
	else
		err = load_and_print(&args);
	return cli_exit_status(err, &args);
}
