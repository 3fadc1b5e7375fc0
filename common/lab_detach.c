// SPDX-License-Identifier: GPL-2.0-only
/* Taking programs off a device: which are meant, and what holds them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "lab_clean.h"
#include "lab_dev.h"
#include "lab_link.h"
#include "lab_pin.h"
#include "lab_xdp.h"
#include "pr.h"

void lab_report_detached(const struct lab_prog *prog, const struct cli_args *args)
{
	pr_info("Success: Unloading XDP prog name:%s (id:%u) from device:%s (ifindex:%d)",
		prog->name, prog->id, args->dev, args->ifindex);
}

int lab_detach(const struct lab_prog *attached, const struct cli_args *args)
{
	struct xdp_program *prog;
	int err;

	if (attached->holder == LAB_HELD_BY_LINK)
		return lab_detach_link(attached, args);
	prog = xdp_program__from_id(attached->id);
	err = libxdp_get_error(prog);
	if (err)
		prog = NULL; /* it is gone by now, and what came is no pointer to be closed */
	else
		err = xdp_program__detach(prog, args->ifindex, attached->mode, 0);
	if (err)
		pr_err(err, "cannot detach %s from %s", lab_describe(attached), args->dev);
	else
		lab_report_detached(attached, args);
	xdp_program__close(prog);
	return err;
}

void lab_take_back(struct xdp_program *prog, const struct cli_args *args)
{
	struct bpf_object *obj = xdp_program__bpf_obj(prog);
	struct lab_prog progs[LAB_MAX_PROGS];
	int count = lab_programs(args->ifindex, progs);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	struct bpf_program *ours;

	ours = bpf_object__find_program_by_name(obj, xdp_program__name(prog));
	if (!ours || bpf_obj_get_info_by_fd(bpf_program__fd(ours), &info, &len))
		return;
	for (int i = 0; i < count; i++)
		if (progs[i].id == info.id)
			lab_detach(&progs[i], args);
}

static bool is_meant(const struct lab_prog *prog, const struct cli_args *args)
{
	if (args->unload_id)
		return prog->id == args->unload_id;
	if (!args->progname)
		return true;
	return prog->name_is_cut ? !strncmp(prog->name, args->progname, strlen(prog->name)) :
				   !strcmp(prog->name, args->progname);
}

static int not_there(const struct lab_prog *progs, int count, const struct cli_args *args)
{
	const char *what = args->progname, *there = "", *id = "ID";

	for (int i = 0; i < count; i++)
		there = pr_text("%s%s%s", there, i ? ", " : "", lab_describe(&progs[i]));
	if (!count)
		return pr_err_because(-ENOENT, "no XDP program is attached there.",
				      "ip link shows which devices have one: those with prog/xdp.",
				      "nothing to unload from %s", args->dev);
	if (args->unload_id)
		what = pr_text("id %u", args->unload_id);
	if (count == 1)
		id = pr_text("%u", progs[0].id);
	return pr_err_because(-ENOENT, pr_text("there is: %s", there),
			      pr_text("to take %s off: %s --dev %s --unload %s",
				      count == 1 ? "that" : "one of them", pr_names.self, args->dev,
				      id),
			      "%s is not attached to %s", what, args->dev);
}

static int which_one(const struct lab_prog *progs, int count, struct cli_args *args)
{
	char fits[LAB_MAX_PROGS * 160] = "";

	for (int i = 0; i < count; i++)
		if (is_meant(&progs[i], args))
			snprintf(fits + strlen(fits), sizeof(fits) - strlen(fits),
				 "\n  --unload %-6u for %s", progs[i].id, progs[i].name);
	return cli_usage_error(args, "which one? On %s several programs fit:%s", args->dev, fits);
}

/* A dispatcher goes with all its programs at once, not one by one. */
static int detach_dispatcher(const struct lab_prog *progs, int count, const struct cli_args *args)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(args->ifindex);
	int err = libxdp_get_error(mp) ?: xdp_multiprog__detach(mp);

	xdp_multiprog__close(mp);
	if (err)
		return pr_err(err, "cannot detach the programs of %s", args->dev);
	for (int i = 0; i < count; i++)
		lab_report_detached(&progs[i], args);
	return 0;
}

static int unload_all(const struct lab_prog *progs, int count, const struct cli_args *args,
		      lab_detach_fn *detach)
{
	int err = 0;

	if (!count)
		pr_info("Nothing to unload: no XDP program on %s.", args->dev);
	else if (progs[0].holder == LAB_HELD_BY_DISPATCHER)
		err = detach_dispatcher(progs, count, args);
	else
		for (int i = 0; i < count && !err; i++)
			err = detach(&progs[i], args);
	return err;
}

static int unload_one(const struct lab_prog *progs, int count, struct cli_args *args,
		      lab_detach_fn *detach)
{
	const struct lab_prog *meant = NULL;
	int fits = 0;

	for (int i = 0; i < count; i++) {
		if (!is_meant(&progs[i], args))
			continue;
		meant = &progs[i];
		fits++;
	}
	if (!fits)
		return not_there(progs, count, args);
	return fits > 1 ? which_one(progs, count, args) : detach(meant, args);
}

int lab_unload(struct cli_args *args, lab_detach_fn *detach)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count, err;

	if (lab_check_root())
		return -EPERM;
	lab_hold_signals();
	count = lab_programs(args->ifindex, progs);
	if (count < 0)
		return pr_err(count, "cannot see what runs on %s", args->dev);
	if (args->unload_all)
		err = unload_all(progs, count, args, detach);
	else
		err = unload_one(progs, count, args, detach);
	if (!err || !count) {
		lab_clean_pins(args->ifindex);
		lab_drop_pins(args);
	}
	return err;
}
