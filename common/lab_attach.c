// SPDX-License-Identifier: GPL-2.0-only
/* Putting a program on a device: may we, does it work, and what has come of it? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lab_dev.h"
#include "lab_link.h"
#include "lab_xdp.h"
#include "pr.h"

bool lab_can_share(void)
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
	return answer == YES && !access("/sys/fs/bpf/.", W_OK);
}

static int refuse_second(const struct lab_prog *first, const struct cli_args *args)
{
	const char *why =
		"this kernel cannot run libxdp's dispatcher: one program owns the device.";

	if (lab_can_share())
		why = "it was attached without libxdp's dispatcher, so it owns the device.";
	if (!strcmp(first->name, "xdp_dispatcher"))
		why = "that is libxdp's dispatcher, and the pins that tell what it calls are not\n"
		      "in this shell's /sys/fs/bpf. Was it opened by `ip netns exec`?";
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
	if (count && (progs[0].holder != LAB_HELD_BY_DISPATCHER || args->for_seconds))
		return refuse_second(&progs[0], args);
	if (count && args->mode != XDP_MODE_UNSPEC && args->mode != progs[0].mode)
		return refuse_other_mode(&progs[0], args);
	if (count)
		args->mode = progs[0].mode; /* that of the dispatcher, which it is going to join */
	/* Else libxdp would find out by itself, at several times the cost. */
	if (!lab_can_share())
		setenv("LIBXDP_SKIP_DISPATCHER", "1", 1);
	return 0;
}

/* Those before ours in the chain decide first: a packet that they drop never comes to it. */
static void note_earlier(__u32 id, const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count = lab_programs(args->ifindex, progs);

	for (int i = 0; i < count && progs[i].id != id; i++)
		pr_note("%s runs before it, with priority %u.\n"
			"      Packets that it does not answer with XDP_PASS never come to %s.",
			lab_describe(&progs[i]), progs[i].prio, pr_names.prog);
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
	if (on_device == id) {
		pr_info("  mode:%s, owns the device%s", lab_mode_name(mode),
			lab_can_share() ? "" : " (this kernel runs one program a device)");
		return 0;
	}
	pr_info("  mode:%s, shares the device: other tools show libxdp's dispatcher (id:%u)",
		lab_mode_name(mode), on_device);
	note_earlier(id, args);
	return 0;
}

int lab_report_attached(const char *name, __u32 id, const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count = lab_programs(args->ifindex, progs);

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

int lab_attach(struct xdp_program *prog, const struct cli_args *args)
{
	int err;

	if (args->for_seconds)
		return lab_attach_for(prog, args);
	err = xdp_program__attach(prog, args->ifindex, args->mode, 0);
	if (err)
		return pr_err(err, "cannot attach %s to %s", xdp_program__name(prog), args->dev);
	return lab_report_attached(xdp_program__name(prog), xdp_program__id(prog), args);
}
