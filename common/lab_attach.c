// SPDX-License-Identifier: GPL-2.0-only
/* Putting a program on a device: may we, does it work, and what has come of it? */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lab_dev.h"
#include "lab_link.h"
#include "lab_map.h"
#include "lab_pin.h"
#include "lab_xdp.h"
#include "pr.h"

#define BPFFS "/sys/fs/bpf"

static bool kernel_can_share(void)
{
	static enum {
		UNKNOWN,
		YES,
		NO
	} answer;
	struct bpf_insn none = {};
	int fd;

	/*
	 * An extension program without a target is refused by every kernel: with EINVAL by those
	 * that know the kind, with EPERM by those that do not want it. No library call asks this.
	 */
	if (answer == UNKNOWN) {
		fd = bpf_prog_load(BPF_PROG_TYPE_EXT, "probe", "GPL", &none, 1, NULL);
		answer = fd == -EPERM ? NO : YES;
		if (fd >= 0)
			close(fd);
	}
	return answer == YES;
}

/* libxdp pins what the dispatcher calls. */
bool lab_can_share(void)
{
	return kernel_can_share() && !lab_check_bpffs();
}

static const char *why_no_pins(void)
{
	return lab_check_bpffs() == -EROFS ? BPFFS " is mounted read-only" :
					     "no BPF file system is mounted on " BPFFS;
}

#define TRIES "XDP_LAB_TRIES" /* in the environment: how often this has begun again */

static const char *cannot_share; /* why not the program that is to be attached; else NULL */

/* Has somebody told libxdp to do without its dispatcher? So does lab_not_attached(). */
static bool skips_dispatcher(void)
{
	const char *skip = getenv("LIBXDP_SKIP_DISPATCHER");

	return skip && !strcmp(skip, "1");
}

static const char *needs_device; /* why the program needs it for itself, or NULL */

void lab_need_device(const char *because)
{
	needs_device = because;
	setenv("LIBXDP_SKIP_DISPATCHER", "1", 1);
}

static int refuse_second(const struct lab_prog *first, const struct cli_args *args)
{
	bool shared = first->holder == LAB_HELD_BY_DISPATCHER;
	const char *why =
		"this kernel cannot run libxdp's dispatcher: one program owns the device.";

	if (kernel_can_share() && lab_check_bpffs())
		why = pr_text("libxdp's dispatcher needs pins, and %s:\n"
			      "one program owns the device.",
			      why_no_pins());
	else if (kernel_can_share())
		why = "it was attached without libxdp's dispatcher, so it owns the device.";
	if (!strcmp(first->name, "xdp_dispatcher"))
		why = "that is libxdp's dispatcher, and the pins that tell what it calls are not\n"
		      "in this shell's /sys/fs/bpf. Was it opened by `ip netns exec`?";
	if (shared)
		why = "LIBXDP_SKIP_DISPATCHER=1 tells libxdp to do without its dispatcher, and\n"
		      "nothing else lets programs share a device.";
	if (shared && needs_device)
		why = pr_text("%s: it needs the device for itself.", needs_device);
	if (args->for_seconds)
		why = "--for needs the device for itself.";
	return pr_err_because(-EBUSY, why,
			      pr_text("remove the other one first: %s --dev %s --unload %u",
				      pr_names.self, args->dev, first->id),
			      "%s is taken: %s is attached there", args->dev, lab_describe(first));
}

static int refuse_other_mode(const struct lab_prog *first, const struct cli_args *args)
{
	return pr_err_because(
		-EBUSY,
		pr_text("%s is attached in %s mode, and a device has one mode at a time.",
			first->name, lab_mode_name(first->mode)),
		pr_text("join it without naming a mode, or remove it first:\n"
			"%s --dev %s --unload-all",
			pr_names.self, args->dev),
		"cannot attach to %s in %s mode", args->dev, lab_mode_name(args->mode));
}

/* ---- Signals ---- */

static unsigned int signals_held; /* how many times */
static sigset_t signals_before;

void lab_hold_signals(void)
{
	sigset_t signals;

	if (signals_held++)
		return;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGQUIT);
	sigprocmask(SIG_BLOCK, &signals, &signals_before);
}

void lab_release_signals(void)
{
	if (!--signals_held)
		sigprocmask(SIG_SETMASK, &signals_before, NULL);
}

void lab_release_all_signals(void)
{
	fflush(NULL);
	while (signals_held)
		lab_release_signals();
}

/* ---- Before ---- */

int lab_check_attach(struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count, err = lab_check_root();

	if (!err && !args->force && !args->for_seconds)
		err = lab_check_route(args->dev, args->ifindex);
	if (err)
		return err;
	count = lab_programs(args->ifindex, progs);
	if (count < 0)
		return pr_err(count, "cannot see what runs on %s", args->dev);
	if (count &&
	    (progs[0].holder != LAB_HELD_BY_DISPATCHER || args->for_seconds || skips_dispatcher()))
		return refuse_second(&progs[0], args);
	if (count && args->mode != XDP_MODE_UNSPEC && args->mode != progs[0].mode)
		return refuse_other_mode(&progs[0], args);
	if (count)
		args->mode = progs[0].mode; /* that of the dispatcher, which it is going to join */
	if (skips_dispatcher() && lab_can_share())
		cannot_share = needs_device  ? needs_device :
			       getenv(TRIES) ? "it moves packet borders" :
					       "LIBXDP_SKIP_DISPATCHER=1 says so";
	/* Else libxdp would find out by itself, at several times the cost. */
	if (!lab_can_share())
		setenv("LIBXDP_SKIP_DISPATCHER", "1", 1);
	if ((args->prio || args->chain_on) && (!lab_can_share() || skips_dispatcher()))
		pr_note("--prio and --chain-on change nothing here: no programs share %s.",
			args->dev);
	return 0;
}

int lab_cannot_share(const char *because, const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count;

	if (args->for_seconds || !lab_can_share() || skips_dispatcher())
		return 0; /* it does not need to */
	cannot_share = because;
	count = lab_programs(args->ifindex, progs);
	if (count <= 0)
		return 0;
	return pr_err_because(-EBUSY, pr_text("%s, which libxdp's dispatcher needs.", because),
			      pr_text("compile it with clang -g; or let it have the device for "
				      "itself:\n%s --dev %s --unload-all, then again.",
				      pr_names.self, args->dev),
			      "%s cannot join %s on %s", pr_names.prog, lab_describe(&progs[0]),
			      args->dev);
}

/* Those before ours in the chain decide first: a packet that they drop never comes to it. */
static void note_earlier(__u32 id, const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count = lab_programs(args->ifindex, progs);

	for (int i = 0; i < count && progs[i].id != id; i++)
		pr_note("%s runs before it, with priority %u.\n"
			"      Packets that it does not answer with %s never come to %s.",
			lab_describe(&progs[i]), progs[i].prio,
			lab_describe_chain(progs[i].chain_on), pr_names.prog);
}

/* Why a program that was attached shares the device with no other; "" where that was asked for. */
static const char *why_alone(const struct cli_args *args)
{
	if (!kernel_can_share())
		return " (this kernel runs one program a device)";
	if (!lab_can_share())
		return pr_text(" (no program can share it: %s)", why_no_pins());
	if (cannot_share && !args->for_seconds)
		return pr_text("; nothing can join it: %s", cannot_share);
	return "";
}

int lab_print_attached(const char *name, __u32 id, enum xdp_attach_mode mode, __u32 on_device,
		       const struct cli_args *args)
{
	if (!on_device)
		return pr_err_because(-ENOENT, "another process removed it at once.",
				      "who manages this device? A container runtime, perhaps.",
				      "%s does not have %s", args->dev, name);
	pr_info("Success: Loading XDP prog name:%s (id:%u) on device:%s (ifindex:%d)", name, id,
		args->dev, args->ifindex);
	if (on_device == id)
		pr_info("  mode:%s, owns the device%s", lab_mode_name(mode), why_alone(args));
	else
		pr_info("  mode:%s, shares the device: other tools show libxdp's dispatcher "
			"(id:%u)",
			lab_mode_name(mode), on_device);
	lab_tell_pins(args);
	if (on_device != id)
		note_earlier(id, args);
	return 0;
}

/* In which mode does the device itself run this program? Unspecified, if it does not. */
static enum xdp_attach_mode mode_there(__u32 id, int ifindex)
{
	struct lab_running running;

	if (lab_ask_device(ifindex, &running))
		return XDP_MODE_UNSPEC;
	return running.native == id  ? XDP_MODE_NATIVE :
	       running.skb == id     ? XDP_MODE_SKB :
	       running.offload == id ? XDP_MODE_HW :
				       XDP_MODE_UNSPEC;
}

int lab_report_attached(const char *name, __u32 id, const struct cli_args *args)
{
	enum xdp_attach_mode mode = mode_there(id, args->ifindex);
	struct lab_prog progs[LAB_MAX_PROGS];
	int count;

	if (mode != XDP_MODE_UNSPEC)
		return lab_print_attached(name, id, mode, id, args);
	count = lab_programs(args->ifindex, progs); /* a dispatcher calls it */
	if (count < 0)
		return pr_err(count, "cannot see what runs on %s", args->dev);
	for (int i = 0; i < count; i++) {
		bool shared = progs[i].holder == LAB_HELD_BY_DISPATCHER;

		if (progs[i].id == id)
			return lab_print_attached(name, id, progs[i].mode,
						  shared ? progs[i].holder_id : id, args);
	}
	return lab_print_attached(name, id, args->mode, 0, args);
}

/* ---- Once more ---- */

static void start_again(const struct cli_args *args)
{
	const char *tries = getenv(TRIES);
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	unsigned long done = tries ? strtoul(tries, NULL, 10) : 0;

	if (len < 0 || done >= 5)
		return;
	path[len] = '\0';
	setenv(TRIES, pr_text("%lu", done + 1), 1);
	usleep(1000 << done); /* so that two do not meet again and again */
	lab_release_all_signals();
	execv(path, args->words);
}

int lab_not_attached(int err, const char *name, const struct cli_args *args)
{
	bool refused = pr_libraries_said("Extension program changes packet data");
	bool sharing = lab_can_share() && !skips_dispatcher() && !args->for_seconds;
	bool taken = err == -EBUSY || err == -EEXIST;
	struct lab_prog progs[LAB_MAX_PROGS];
	int count = refused || taken ? lab_programs(args->ifindex, progs) : -1;

	lab_drop_pins(args); /* before a signal that waits ends this process */
	if (sharing && refused && count == 0) {
		pr_note("%s moves packet borders, and this libxdp's dispatcher cannot call such a\n"
			"      program on this kernel: it gets %s for itself.",
			name, args->dev);
		setenv("LIBXDP_SKIP_DISPATCHER", "1", 1);
		start_again(args);
		unsetenv("LIBXDP_SKIP_DISPATCHER");
	}
	if (sharing && taken && count > 0 && progs[0].holder == LAB_HELD_BY_DISPATCHER)
		start_again(args); /* there since lab_check_attach(): now there is one to join */
	if (taken && count > 0 && progs[0].holder != LAB_HELD_BY_DISPATCHER)
		return refuse_second(&progs[0], args);
	return pr_err(err, "cannot attach %s to %s", name, args->dev);
}

int lab_attach(struct xdp_program *prog, const struct cli_args *args)
{
	const char *name = xdp_program__name(prog);
	int err;

	if (args->for_seconds)
		return lab_attach_for(prog, args);
	lab_hold_signals();
	err = xdp_program__attach(prog, args->ifindex, args->mode, 0);
	if (err)
		err = lab_not_attached(err, name, args);
	else
		err = lab_report_attached(name, xdp_program__id(prog), args);
	lab_release_signals();
	return err;
}
