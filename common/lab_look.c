// SPDX-License-Identifier: GPL-2.0-only
/* What runs on a device: which programs, what they are called, and what holds them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "lab_dev.h"
#include "lab_link.h"
#include "lab_stats.h"
#include "lab_xdp.h"
#include "pr.h"

const char *lab_mode_name(enum xdp_attach_mode mode)
{
	switch (mode) {
	case XDP_MODE_NATIVE:
		return "native";
	case XDP_MODE_SKB:
		return "skb";
	case XDP_MODE_HW:
		return "offload";
	case XDP_MODE_UNSPEC:
		break;
	}
	return "auto";
}

const char *lab_describe(const struct lab_prog *prog)
{
	return pr_text("%s (id %u, %s)", prog->name, prog->id, lab_mode_name(prog->mode));
}

/* The kernel keeps 15 letters of a program's name; its BTF has all of it. */
static void read_whole_name(struct lab_prog *prog, const struct bpf_prog_info *info, int fd)
{
	struct bpf_func_info func = {};
	struct bpf_prog_info more = { .nr_func_info = 1,
				      .func_info_rec_size = sizeof(func),
				      .func_info = (unsigned long)&func };
	__u32 len = sizeof(more);
	const struct btf_type *type;
	struct btf *btf;

	snprintf(prog->name, sizeof(prog->name), "%s", *info->name ? info->name : "(no name)");
	prog->name_is_cut = strlen(info->name) + 1 == sizeof(info->name);
	if (!prog->name_is_cut)
		return; /* that is all of it */
	if (!info->btf_id || bpf_obj_get_info_by_fd(fd, &more, &len) || !more.nr_func_info)
		return;
	btf = btf__load_from_kernel_by_id(info->btf_id);
	type = btf ? btf__type_by_id(btf, func.type_id) : NULL;
	if (type)
		snprintf(prog->name, sizeof(prog->name), "%s",
			 btf__name_by_offset(btf, type->name_off));
	prog->name_is_cut = !type;
	btf__free(btf);
}

static int fill_prog(struct lab_prog *prog, __u32 id, enum xdp_attach_mode mode)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int err = 0, fd;

	*prog = (struct lab_prog){ .id = id, .mode = mode };
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		err = -errno;
	else
		read_whole_name(prog, &info, fd);
	close(fd);
	return err;
}

unsigned int lab_chain_on(const struct xdp_program *prog)
{
	unsigned int actions = 0;

	for (unsigned int action = 0; action <= XDP_REDIRECT; action++)
		if (xdp_program__chain_call_enabled(prog, action))
			actions |= 1U << action;
	return actions;
}

/* The programs that a dispatcher calls, in its order. */
static int fill_from_dispatcher(struct lab_prog *progs, struct xdp_multiprog *mp)
{
	struct xdp_program *one = NULL;
	int count = 0, err = 0;

	while (!err && count < LAB_MAX_PROGS && (one = xdp_multiprog__next_prog(one, mp))) {
		err = fill_prog(&progs[count], xdp_program__id(one),
				xdp_multiprog__attach_mode(mp));
		progs[count].holder = LAB_HELD_BY_DISPATCHER;
		progs[count].holder_id = xdp_program__id(xdp_multiprog__main_prog(mp));
		progs[count].prio = xdp_program__run_prio(one);
		progs[count].chain_on = lab_chain_on(one);
		count += !err;
	}
	return err ?: count ?: -ENOENT; /* it has some, which could not be read */
}

static int fill_from_device(struct lab_prog *progs, const struct lab_running *running, int ifindex)
{
	int count = 0, err = 0;

	if (running->native)
		err = fill_prog(&progs[count++], running->native, XDP_MODE_NATIVE);
	if (!err && running->skb)
		err = fill_prog(&progs[count++], running->skb, XDP_MODE_SKB);
	if (!err && running->offload)
		err = fill_prog(&progs[count++], running->offload, XDP_MODE_HW);
	for (int i = 0; !err && i < count; i++) {
		progs[i].holder_id = lab_find_link(ifindex, progs[i].id);
		if (progs[i].holder_id)
			progs[i].holder = LAB_HELD_BY_LINK;
	}
	return err ?: count;
}

/* A dispatcher whose pins cannot be read: another process is replacing it, or they are hidden. */
static bool is_closed(const struct lab_prog *progs, int count)
{
	return count > 0 && lab_can_share() && !strcmp(progs[0].name, "xdp_dispatcher");
}

static int ask_once(int ifindex, struct lab_prog progs[LAB_MAX_PROGS])
{
	struct lab_running running;
	struct xdp_multiprog *mp;
	int count, err;

	err = lab_ask_device(ifindex, &running);
	if (err || !(running.native | running.skb | running.offload))
		return err;
	mp = lab_can_share() ? xdp_multiprog__get_from_ifindex(ifindex) : NULL;
	if (mp && !libxdp_get_error(mp) && !xdp_multiprog__is_legacy(mp))
		count = fill_from_dispatcher(progs, mp);
	else
		count = fill_from_device(progs, &running, ifindex);
	xdp_multiprog__close(mp);
	return count;
}

int lab_programs(int ifindex, struct lab_prog progs[LAB_MAX_PROGS])
{
	int count = ask_once(ifindex, progs);

	/* A program may go, or a dispatcher, between two questions: ask again. */
	for (int tries = 3; tries && (count == -ENOENT || is_closed(progs, count)); tries--) {
		usleep(1000);
		count = ask_once(ifindex, progs);
	}
	return count;
}

const char *lab_describe_chain(unsigned int actions)
{
	const char *text = "";

	for (unsigned int action = 0; action <= XDP_REDIRECT; action++)
		if (actions & 1U << action)
			text = pr_text("%s%s%s", text, *text ? " or " : "",
				       lab_action_name(action));
	return *text ? text : "nothing";
}

static const char *describe_holder(const struct lab_prog *prog)
{
	switch (prog->holder) {
	case LAB_HELD_BY_LINK:
		return pr_text("link %u", prog->holder_id);
	case LAB_HELD_BY_DISPATCHER:
		if (prog->chain_on == 1U << XDP_PASS) /* as it is unless told otherwise */
			return pr_text("dispatcher %u", prog->holder_id);
		return pr_text("dispatcher %u, goes on after %s", prog->holder_id,
			       lab_describe_chain(prog->chain_on));
	case LAB_HELD_BY_DEVICE:
		break;
	}
	return "netlink";
}

void lab_print_heading(void)
{
	pr_result("%-8s  %-24s %-8s %4s  %s", "ID", "NAME", "MODE", "PRIO", "HELD BY");
}

void lab_print_prog(const struct lab_prog *prog)
{
	const char *prio = "-";

	if (prog->holder == LAB_HELD_BY_DISPATCHER)
		prio = pr_text("%u", prog->prio);
	pr_result("%-8u  %-24s %-8s %4s  %s", prog->id, prog->name, lab_mode_name(prog->mode), prio,
		  describe_holder(prog));
}

int lab_list(const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count;

	if (lab_check_root())
		return -EPERM;
	count = lab_programs(args->ifindex, progs);
	if (count < 0)
		return pr_err(count, "cannot list the programs on %s", args->dev);
	if (!count) {
		pr_result("No XDP program on %s.", args->dev);
		return 0;
	}
	lab_print_heading();
	for (int i = 0; i < count; i++)
		lab_print_prog(&progs[i]);
	return 0;
}
