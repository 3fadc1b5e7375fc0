// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loader of packet01: attaches one of two filters, and changes the list of ports of the one
 * that runs, while packets come. Nothing is pinned for that: a device knows its program, a program
 * knows its maps, and the kernel gives a descriptor to root who names an id.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "cli.h"
#include "lab/stats.h"
#include "lab_dev.h"
#include "lab_map.h"
#include "lab_stats.h"
#include "lab_xdp.h"
#include "pr.h"

#define MAP "blocked_ports"
#define MAX_PORTS 1024

static const char *block, *unblock; /* "22" or "22,8000" */
static bool ports, json;

static const struct cli_own_option own_options[] = {
	{ .name = "block", .arg = "PORTS", .help = "drop what goes to them", .text = &block },
	{ .name = "unblock", .arg = "PORTS", .help = "let that pass again", .text = &unblock },
	{ .name = "ports", .help = "show what was dropped, by port", .given = &ports },
	{ .name = "json", .help = "--ports as JSON, one object a line", .given = &json },
	{}
};

static const struct cli_program this_program = {
	.about = "Attaches a filter that looks into packets; changes its list of ports as it runs.",
	.options = CLI_DEV | CLI_ATTACH | CLI_UNLOAD | CLI_LIST | CLI_CHAIN,
	.object = "parse_kern.o",
	.progname = "xdp_tcp_drop",
	.own = own_options,
};

static const struct lab_map_shape shape = {
	.type = BPF_MAP_TYPE_PERCPU_HASH,
	.key_size = sizeof(__u16),
	.value_size = sizeof(struct datarec),
	.max_entries = MAX_PORTS,
};

/* From a program to its map, by ids. A descriptor, or -ENOENT where it has no such map. */
static int open_map_of(__u32 prog_id)
{
	__u32 ids[16];
	struct bpf_prog_info prog = { .nr_map_ids = 16, .map_ids = (unsigned long)ids };
	__u32 len = sizeof(prog);
	int map_fd = -ENOENT, prog_fd = bpf_prog_get_fd_by_id(prog_id);

	if (prog_fd < 0)
		return -ENOENT; /* detached while we were looking */
	if (bpf_obj_get_info_by_fd(prog_fd, &prog, &len))
		prog.nr_map_ids = 0;
	for (__u32 i = 0; i < prog.nr_map_ids && i < 16 && map_fd < 0; i++) {
		struct bpf_map_info map = {};

		len = sizeof(map);
		map_fd = bpf_map_get_fd_by_id(ids[i]);
		if (map_fd >= 0 &&
		    (bpf_obj_get_info_by_fd(map_fd, &map, &len) || strcmp(map.name, MAP))) {
			close(map_fd);
			map_fd = -ENOENT;
		}
	}
	close(prog_fd);
	return map_fd < 0 ? -ENOENT : map_fd;
}

/* The list of ports of the filter that runs on the device. */
static int open_map(const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int err, fd = -ENOENT, count = lab_programs(args->ifindex, progs);

	if (count < 0)
		return count;
	for (int i = 0; i < count && fd < 0; i++)
		fd = open_map_of(progs[i].id);
	if (fd < 0)
		return pr_err_because(fd, "no program runs there that has the map " MAP ".",
				      pr_text("attach one: %s --dev %s xdp_port_drop",
					      pr_names.self, args->dev),
				      "there is no list of ports on %s", args->dev);
	err = lab_check_map(fd, MAP, &shape);
	if (err)
		close(fd);
	return err ?: fd;
}

/* "22" of "22,8000", and on to what follows; 0 where it is no port. */
static __u16 next_port(const char **words)
{
	char *end;
	unsigned long port = strspn(*words, "0123456789") ? strtoul(*words, &end, 10) : 0;

	if (!port || port > UINT16_MAX || (*end && (*end != ',' || !end[1])))
		return 0;
	*words = end + (*end == ',');
	return port;
}

static int check_words(const char *option, const char *words, struct cli_args *args)
{
	for (const char *rest = words; rest && *rest;)
		if (!next_port(&rest))
			return cli_usage_error(
				args, "%s wants ports from 1 to 65535, as in 22,8000, not '%s'",
				option, words);
	return 0;
}

/*
 * Blocked is what is in the map. Whoever writes to a per-CPU map gives a value for each CPU. A port
 * that is there already keeps its count.
 */
static int block_ports(int map_fd, const char *words)
{
	int cpus = libbpf_num_possible_cpus();
	struct datarec *zero = cpus > 0 ? calloc(cpus, sizeof(*zero)) : NULL;
	int err = zero ? 0 : pr_err(cpus < 0 ? cpus : -ENOMEM, "cannot block a port");

	while (!err && *words) {
		__u16 port = next_port(&words);

		if (!bpf_map_update_elem(map_fd, &port, zero, BPF_NOEXIST))
			pr_info("port %u is blocked", port);
		else if (errno == EEXIST)
			pr_info("port %u was blocked already", port);
		else if (errno == E2BIG)
			err = pr_err_because(-E2BIG, "the list is full.", "--unblock some.",
					     "cannot block port %u", port);
		else
			err = pr_err(-errno, "cannot block port %u", port);
	}
	free(zero);
	return err;
}

static int unblock_ports(int map_fd, const char *words)
{
	while (*words) {
		__u16 port = next_port(&words);

		if (!bpf_map_delete_elem(map_fd, &port))
			pr_info("port %u passes", port);
		else if (errno == ENOENT)
			pr_info("port %u was not blocked", port);
		else
			return pr_err(-errno, "cannot unblock port %u", port);
	}
	return 0;
}

/* All keys: each is asked for with the one before; if that has just gone, it begins anew. */
static int read_ports(int map_fd, __u16 list[MAX_PORTS])
{
	int count = 0;

	while (count < MAX_PORTS &&
	       !bpf_map_get_next_key(map_fd, count ? &list[count - 1] : NULL, &list[count]))
		count++;
	return count;
}

static int compare(const void *left, const void *right)
{
	return *(const __u16 *)left - *(const __u16 *)right;
}

static int show_port(int map_fd, __u16 port)
{
	struct datarec sum; /* two numbers */
	int err = lab_sum_cpus(map_fd, &port, (__u64 *)&sum, 2);

	if (!err)
		printf(json ? "{\"port\":%u,\"packets\":%llu,\"bytes\":%llu}\n" :
			      "%5u %12llu %14llu\n",
		       port, sum.rx_packets, sum.rx_bytes);
	return err == -ENOENT ? 0 : err; /* unblocked a moment ago */
}

static int show_ports(int map_fd)
{
	__u16 list[MAX_PORTS];
	int err = 0, count = read_ports(map_fd, list);

	qsort(list, count, sizeof(*list), compare);
	if (!json)
		puts(count ? " PORT      PACKETS          BYTES" : "No port is blocked.");
	for (int i = 0; i < count && !err; i++)
		if (!i || list[i] != list[i - 1])
			err = show_port(map_fd, list[i]);
	return err ?: lab_check_output();
}

/* --block, --unblock and --ports: in that order where several are given. */
static int change_ports(struct cli_args *args)
{
	int map_fd, err;

	if (cli_says_how(args) || args->progsec || !args->own_file ||
	    strcmp(args->progname, this_program.progname))
		return cli_usage_error(args, "--block, --unblock and --ports are about the program "
					     "that runs already: leave out the rest");
	err = check_words("--block", block, args) ?: check_words("--unblock", unblock, args);
	if (err || lab_check_root())
		return -EPERM;
	map_fd = open_map(args);
	if (map_fd < 0)
		return map_fd;
	if (block)
		err = block_ports(map_fd, block);
	if (!err && unblock)
		err = unblock_ports(map_fd, unblock);
	if (!err && ports)
		err = show_ports(map_fd);
	close(map_fd);
	return err;
}

static int load_and_attach(struct cli_args *args)
{
	struct xdp_program *prog;
	int err;

	err = lab_check_attach(args);
	if (err)
		return err;
	prog = lab_open(args);
	if (!prog)
		return -errno;
	err = lab_attach(prog, args);
	lab_close(prog);
	return err;
}

int main(int argc, char **argv)
{
	struct cli_args args;
	int err;

	if (!cli_parse(&this_program, argc, argv, &args))
		return args.status;

	pr_figures_only = json;
	if (block || unblock || ports)
		err = change_ports(&args);
	else if (json)
		err = cli_usage_error(&args, "--json goes with --ports");
	else if (args.list)
		err = lab_list(&args);
	else if (args.unload || args.unload_all)
		err = lab_unload(&args, lab_detach);
	else
		err = load_and_attach(&args);
	return cli_exit_status(err, &args);
}
