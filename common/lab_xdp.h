/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XDP programs: open, attach, look, detach. What basic01 and basic02 spell out call by call is
 * one call here, for the lessons after them. Errors are reported where they happen: a negative
 * errno (or NULL) that comes back has been explained to the person already.
 */
#ifndef LAB_XDP_H
#define LAB_XDP_H

#include <stdbool.h>

#include <xdp/libxdp.h>

#include "cli.h"

/* ---- What runs on a device ---- */

enum lab_holder {
	LAB_HELD_BY_DEVICE, /* attached over netlink: until somebody detaches it */
	LAB_HELD_BY_LINK, /* until the last descriptor or pin of the link is gone */
	LAB_HELD_BY_DISPATCHER, /* one of several that libxdp's dispatcher calls */
};

struct lab_prog {
	__u32 id;
	char name[128];
	bool name_is_cut; /* without BTF, the kernel knows no more than 15 letters of it */
	enum xdp_attach_mode mode;
	enum lab_holder holder;
	__u32 holder_id; /* of the link, or of the dispatcher's program */
	unsigned int prio; /* in the dispatcher: the lowest runs first */
	unsigned int chain_on; /* 1 << XDP_PASS: after this verdict the next one is asked, … */
};

#define LAB_MAX_PROGS 12 /* libxdp's dispatcher takes ten */

/* Fills progs in the order in which they see a packet; how many, or a negative errno. */
int lab_programs(int ifindex, struct lab_prog progs[LAB_MAX_PROGS]);

const char *lab_mode_name(enum xdp_attach_mode mode);

/* A program's verdicts after which the dispatcher asks the next: bits 1 << XDP_…; their names. */
unsigned int lab_chain_on(const struct xdp_program *prog);
const char *lab_describe_chain(unsigned int actions);

/* "xdp_pass (id 24, native)" */
const char *lab_describe(const struct lab_prog *prog);

/* The two kinds of lines of --list. */
void lab_print_heading(void);
void lab_print_prog(const struct lab_prog *prog);

/* --list (basic02 spells out how a dispatcher's programs are found) */
int lab_list(const struct cli_args *args);

/* ---- Putting one there ---- */

/*
 * May a program be attached now? Not without root, not where it would cut the machine off
 * (unless forced), not where another program owns the device. To be asked before lab_open().
 * Where programs share the device already, args->mode becomes theirs.
 */
int lab_check_attach(struct cli_args *args);

/* To be said before that: the program cannot share a device, because "it makes tail calls". */
void lab_need_device(const char *because);

/* Opens args->filename with libbpf, once it is sure that it is BPF; NULL after an error. */
struct bpf_object *lab_open_file(const struct cli_args *args);

/* The one program of the object that is meant; the others will not be loaded (see basic02). */
struct xdp_program *lab_choose(struct bpf_object *obj, const struct cli_args *args);

/* Is this program of a file the one that the command line means? */
bool lab_is_chosen(struct bpf_program *prog, const struct cli_args *args);

/* Just one must have been chosen, and an XDP program; else an error that lists the choice. */
int lab_check_choice(struct bpf_object *obj, struct bpf_program *chosen, int fits,
		     const struct cli_args *args);

/* Is there a function of this name, whether it is a program or not? */
bool lab_has_function(const struct bpf_object *obj, const char *name);

/*
 * Its place among the programs that share the device, as --prio and --chain-on say; lab_choose()
 * has seen to it. Before it is attached.
 */
int lab_place(struct xdp_program *prog, const struct cli_args *args);

/* Both. To be released with lab_close(). */
struct xdp_program *lab_open(const struct cli_args *args);

/* Closes program and object; NULL is fine. What was attached stays attached. */
void lab_close(struct xdp_program *prog);

/* Loads and attaches (basic01 spells it out), for good or --for a while; reports success. */
int lab_attach(struct xdp_program *prog, const struct cli_args *args);

/*
 * Attaching failed with err: says why, and returns err. Where another try may help, it does not
 * return, but starts this program again from the beginning, as an object can be loaded only once:
 * without the dispatcher, if that cannot take the program and the device is free; or to join the
 * program of another process, which was a moment faster.
 */
int lab_not_attached(int err, const char *name, const struct cli_args *args);

/*
 * The program to be attached cannot share the device, because: "its file …". An error where others
 * are there already; else lab_print_attached() is going to tell.
 */
int lab_cannot_share(const char *because, const struct cli_args *args);

/*
 * Between these two, signals that would end this process wait: what was begun is finished. At the
 * latest they come in lab_catch_signals(), or in cli_exit_status().
 */
void lab_hold_signals(void);
void lab_release_signals(void);
void lab_release_all_signals(void);

/*
 * The lines that tell of a success. on_device is the program that the device itself runs: this
 * one, or the dispatcher that calls it. -ENOENT after an error where the device has none.
 */
int lab_print_attached(const char *name, __u32 id, enum xdp_attach_mode mode, __u32 on_device,
		       const struct cli_args *args);

/* The same after asking the kernel, as basic01 does it. */
int lab_report_attached(const char *name, __u32 id, const struct cli_args *args);

/* Can this kernel run libxdp's dispatcher, so that several programs share a device? */
bool lab_can_share(void);

/* ---- Taking it away ---- */

/*
 * --unload and --unload-all: finds the programs that are meant and calls detach for each, which
 * is lab_detach() or what a lesson has in its place. Signals wait from here to cli_exit_status(): a
 * pin may be to go as well.
 */
typedef int lab_detach_fn(const struct lab_prog *prog, const struct cli_args *args);
int lab_unload(struct cli_args *args, lab_detach_fn *detach);

/* Detaches this one program, whatever holds it (basic01 spells it out). */
int lab_detach(const struct lab_prog *prog, const struct cli_args *args);

void lab_report_detached(const struct lab_prog *prog, const struct cli_args *args);

/* Detaches what was just attached, because what was to follow went wrong. */
void lab_take_back(struct xdp_program *prog, const struct cli_args *args);

#endif /* LAB_XDP_H */
