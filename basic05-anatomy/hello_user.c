// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loader of basic05: global variables from the other side. It turns a knob in the object
 * before the kernel sees it, looks at a counter as if it were its own variable, and reads along
 * in the kernel's trace. Loading and attaching were the subject of basic01 and basic02.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "cli.h"
#include "lab_stats.h"
#include "lab_trace.h"
#include "lab_xdp.h"
#include "pr.h"

static bool no_greeting, trace;

static const struct cli_own_option own_options[] = {
	{ .name = "no-greeting", .given = &no_greeting, .help = "count, and print nothing" },
	{ .name = "trace", .given = &trace, .help = "show the kernel's trace, too" },
	{},
};

static const struct cli_program this_program = {
	.about = "Attaches a program that greets every packet, and shows how many it has greeted.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST | CLI_CHAIN | CLI_STATS,
	.object = "hello_kern.o",
	.progname = "hello",
	.own = own_options,
};

/*
 * libbpf turns each section of global variables into a map with one value, the whole section.
 * Where in it a variable of this size lies, says the BTF of the object: its place, or an error.
 */
static int find_variable(struct bpf_object *obj, const char *section, const char *name, size_t size)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(obj, section);
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf && map ? btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC) : -ENOENT;
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);
	const struct btf_var_secinfo *var = type ? btf_var_secinfos(type) : NULL;

	for (int left = type ? btf_vlen(type) : 0; left; left--, var++) {
		type = btf__type_by_id(btf, var->type);
		if (!strcmp(btf__name_by_offset(btf, type->name_off), name) && var->size == size &&
		    var->offset + size <= bpf_map__value_size(map))
			return var->offset;
	}
	return pr_err_because(-ENOENT, pr_text("its section %s has no such variable.", section),
			      "declare it there, use it, and compile again: make",
			      "there is no variable %s of %zu bytes in %s", name, size,
			      pr_names.file);
}

/* Between open and load the sections are in our memory, as they are in the file: write to them. */
static int set_knob(struct bpf_object *obj, const char *name, __u32 value)
{
	int at = find_variable(obj, ".rodata", name, sizeof(value));
	char *section;
	size_t size;

	if (at < 0)
		return at;
	section =
		(char *)bpf_map__initial_value(bpf_object__find_map_by_name(obj, ".rodata"), &size);
	memcpy(section + at, &value, sizeof(value));
	return 0;
}

/* After load .bss is memory of the kernel's, and made so that we can have it in ours, too. */
static const char *map_bss(struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".bss");
	const char *bss;

	if (!map) {
		pr_err_because(-ENOENT, "it has no global variables.",
			       "declare one there, write to it, and compile again: make",
			       "there is nothing to show of %s", pr_names.file);
		return NULL;
	}
	bss = mmap(NULL, bpf_map__value_size(map), PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
	if (bss == MAP_FAILED) {
		pr_err(-errno, "cannot map .bss");
		return NULL;
	}
	return bss; /* it stays until this process ends */
}

/*
 * One reading, without a system call: these are the program's variables. counter has 32 bits and
 * begins anew after its last; what is shown goes on.
 */
static int read_variables(struct bpf_object *obj, const char *bss, struct lab_reading *reading)
{
	int at = find_variable(obj, ".bss", "counter", sizeof(__u32));

	if (at < 0)
		return at;
	reading->time = lab_clock();
	reading->packets += (__u32)(*(volatile const __u32 *)(bss + at) - reading->packets);
	/* Exercise 2: bytes, too */
	return 0;
}

static int show(struct bpf_object *obj, const char *bss, int trace_fd, const struct cli_args *args)
{
	struct lab_reading before, now = {};
	int stop = 0, err;

	err = bss ? read_variables(obj, bss, &now) : -ENOENT;
	if (err)
		return err;
	lab_say_how_it_ends(args);
	for (unsigned long n = 0; !stop && (!args->count || n < args->count); n++) {
		before = now;
		stop = lab_wait(args);
		if (stop && stop != -EINTR)
			return stop; /* the device has gone, or the reader of the figures */
		lab_copy_trace(trace_fd, args);
		read_variables(obj, bss, &now);
		lab_print_figures(args, "greeted", LAB_PACKETS, &before, &now);
	}
	return lab_say_what_stays(args, pr_names.self);
}

static int load_and_show(struct cli_args *args)
{
	struct xdp_program *prog;
	struct bpf_object *obj;
	int trace_fd = -1, err;

	err = lab_check_attach(args);
	if (!err && trace)
		err = trace_fd = lab_open_trace();
	if (err < 0)
		return err;
	prog = lab_open(args);
	err = prog ? 0 : -errno;
	obj = prog ? xdp_program__bpf_obj(prog) : NULL;
	lab_hold_signals(); /* Ctrl-C waits until it is attached */
	if (!err && no_greeting)
		err = set_knob(obj, "greet", 0);
	/* Exercise 1: set yours */
	if (!err)
		err = lab_attach(prog, args);
	if (err)
		goto out;
	lab_catch_signals(); /* from here on Ctrl-C ends the showing, not the program */

	err = show(obj, map_bss(obj), trace_fd, args);
	if (err == -ENOENT)
		lab_take_back(prog, args); /* it has nothing to show: nothing is left half done */
out:
	lab_close(prog);
	if (trace_fd >= 0)
		close(trace_fd);
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
		err = load_and_show(&args);
	return cli_exit_status(err, &args);
}
