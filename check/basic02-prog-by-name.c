// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <linux/if_ether.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define OBJECT "xdp_prog_kern.o"
#define LOADER "./xdp_loader"

/* Attached is just one program; which? Its name may be cut by the kernel: its id tells. */
static struct lab_prog the_one(const struct run *loader)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	unsigned int count = attached(progs);

	if (count != 1) {
		expected("one program on %s", wire.dev);
		quote(loader->said, *loader->err ? loader->err : loader->out);
		not_yet("%u of them", count);
	}
	return progs[0];
}

/* ---- abort: a third program, whose packets vanish and leave a trace ---- */

static void check_verdict_of(const char *name, __u32 wanted)
{
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	__u32 verdict;

	sent("a frame of %u bytes to %s, by BPF_PROG_TEST_RUN", frame.len, name);
	expected("the verdict %s", verdict_name(wanted));
	verdict = verdict_on(load(OBJECT, name), &frame);
	if (verdict != wanted)
		not_yet("the verdict %s", verdict_name(verdict));
}

static void check_abort(void)
{
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	unsigned int count = rnd(3, 12), came;
	struct watch *exceptions;
	struct run *loader;

	check_verdict_of("xdp_pass_func", XDP_PASS);
	check_verdict_of("xdp_drop_func", XDP_DROP);
	check_verdict_of("xdp_abort_func", XDP_ABORTED);

	lay_wire();
	exceptions = watch_event("xdp/xdp_exception",
				 text("ifindex == %d && act == %d", wire.ifindex, XDP_ABORTED));
	loader = run(LOADER, "--dev", wire.dev, "--progname", "xdp_abort_func");
	the_one(loader);
	sent("%u frames, after %s", count, loader->said);
	expected("none of them behind %s, and %u times xdp_exception with action=ABORTED", wire.dev,
		 count);
	for (unsigned int n = 0; n < count; n++)
		send_frame(&frame);
	came = arrived(0);
	if (came || hits(exceptions) < count)
		not_yet("%u of %u came through, and %llu exceptions", came, count,
			hits(exceptions));
}

/* ---- harmless: what goes wrong changes nothing ---- */

/* The program that is there, and an attempt that must fail. */
static void check_attempt(const char *what, const struct lab_prog *before, const struct run *run)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	unsigned int count = attached(progs);

	sent("%s (%s), while %s (id %u) is attached", run->said, what, before->name, before->id);
	quote(run->said, run->err);
	expected("id %u attached as before", before->id);
	if (!count)
		not_yet("there is no program on %s any more", wire.dev);
	if (count != 1 || progs[0].id != before->id)
		not_yet("%s (id %u) is attached now", progs[0].name, progs[0].id);
	expected("an exit status that tells of the error, 1");
	if (run->status != 1)
		not_yet("the exit status %d", run->status);
	expected("a message on stderr");
	if (!*run->err)
		not_yet("nothing was printed there");
}

static void check_harmless(void)
{
	const char *name = text("xdp_none%u_func", rnd(10, 99)), *junk;
	struct lab_prog first, second;
	struct run *loader;

	lay_wire();
	junk = give_file("junk.o", "no object", "no object" + 9);
	loader = run("./harmless_user", "--dev", wire.dev, "--progname", "xdp_drop_func");
	sent("%s", loader->said);
	first = the_one(loader);
	loader = run("./harmless_user", "--dev", wire.dev, "--progname", name);
	check_attempt("no such program", &first, loader);
	loader = run("./harmless_user", "--dev", wire.dev, "--filename", "/tmp/nowhere.o");
	check_attempt("no such file", &first, loader);
	loader = run("./harmless_user", "--dev", wire.dev, "--filename", junk);
	check_attempt("no object file", &first, loader);

	loader = run("./harmless_user", "--dev", wire.dev, "--progname", "xdp_pass_func");
	sent("%s", loader->said);
	second = the_one(loader);
	expected("xdp_pass_func in the place of xdp_drop_func (id %u), and the exit status 0",
		 first.id);
	if (strcmp(second.name, "xdp_pass_func") || loader->status)
		not_yet("%s (id %u), and the exit status %d", second.name, second.id,
			loader->status);
}

/* ---- replace: under fire, no packet sees neither program ---- */

extern const char swap_object[], swap_object_end[];
asm(".section .rodata\n"
    ".global swap_object, swap_object_end\n"
    "swap_object: .incbin \".build/swap_kern.o\"\n"
    "swap_object_end:\n"
    ".previous\n");

#define MOST_SWAPS 24

/* The map in which this program counts: held, so that it stays when the program has gone. */
static struct map *counter_of(__u32 prog_id)
{
	__u32 maps[4] = {}, len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .nr_map_ids = 4, .map_ids = (__u64)(unsigned long)maps };
	int fd = bpf_prog_get_fd_by_id(prog_id);
	struct map *map = NULL;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return NULL;
	close(fd);
	for (unsigned int n = 0; n < info.nr_map_ids && n < 4; n++) {
		map = map_of_id(maps[n]);
		if (map && !strcmp(map->info.name, "swap_count"))
			return map;
	}
	return NULL;
}

/* Where programs share the device: one that has nothing to do with it, and must stay. Or 0. */
static __u32 neighbour;

/* The program that counts, beside the neighbour. */
static struct lab_prog the_swapped(const struct run *loader)
{
	struct lab_prog progs[LAB_MAX_PROGS], found = {};
	unsigned int count, others = 0;

	if (!neighbour)
		return the_one(loader);
	count = attached(progs);
	for (unsigned int n = 0; n < count; n++) {
		if (progs[n].id == neighbour)
			others++;
		else
			found = progs[n];
	}
	expected("two programs on %s, and its neighbour (id %u) one of them", wire.dev, neighbour);
	quote(loader->said, *loader->err ? loader->err : loader->out);
	if (others != 1 || count != 2)
		not_yet("%u programs, and the neighbour is %s", count, others ? "there" : "gone");
	return found;
}

/* A swap that must not happen: there is no such program to be replaced. */
static void check_wrong_id(const char *object, __u32 id)
{
	const char *wrong = text("%u", id + rnd(100000, 900000));
	struct run *loader = run(LOADER, "--dev", wire.dev, "--filename", object, "--progname",
				 "swap_other", "--replace", wrong);
	struct lab_prog now;

	sent("%s, where id %u is attached", loader->said, id);
	quote(loader->said, loader->err);
	now = the_swapped(loader);
	expected("the exit status 1, and id %u attached as before", id);
	if (now.id != id)
		not_yet("id %u was replaced, which nobody asked for", id);
	if (loader->status != 1)
		not_yet("the exit status %d", loader->status);
}

static __u32 swap(const char *object, unsigned int n, __u32 old)
{
	const char *id = text("%u", old);
	struct run *loader;
	struct lab_prog now;

	/* with the id, and without where there is just one */
	loader = run(LOADER, "--dev", wire.dev, "--filename", object, "--progname",
		     n % 2 ? "swap_one" : "swap_other", "--replace",
		     n % 3 || neighbour ? id : NULL);
	sent("%s", loader->said);
	now = the_swapped(loader);
	expected("another program than id %u on %s, and the exit status 0", old, wire.dev);
	if (loader->status || now.id == old) {
		quote(loader->said, loader->err);
		not_yet("id %u, and the exit status %d", now.id, loader->status);
	}
	return now.id;
}

static void swap_under_fire(const char *object, struct map *counters[], unsigned int swaps,
			    __u32 id)
{
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, 64);
	unsigned long long counted = 0;
	unsigned long fired;
	unsigned int escaped;

	open_fire(&frame);
	for (unsigned int n = 1; n <= swaps; n++) {
		id = swap(object, n, id);
		counters[n] = counter_of(id);
	}
	fired = cease_fire();
	escaped = arrived(0);
	for (unsigned int n = 0; n <= swaps; n++)
		counted += counters[n] ? map_number(counters[n], 0, NULL) : 0;

	sent("%lu frames, while programs that drop were replaced %u times", fired, swaps);
	expected("each of them counted by the old or by the new program, none behind %s", wire.dev);
	if (escaped)
		not_yet("%u and more came through: they met no program at all", escaped);
	if (counted < fired)
		not_yet("%llu were counted; %llu met no program", counted, fired - counted);
}

static void check_replace(void)
{
	const char *object = give_file("swap_kern.o", swap_object, swap_object_end);
	struct map *counters[MOST_SWAPS + 1] = {};
	struct run *loader;
	__u32 id;

	lay_wire();
	if (has_dispatcher()) {
		loader = run(LOADER, "--dev", wire.dev, "--progname", "xdp_pass_func");
		neighbour = the_one(loader).id;
	}
	loader = run(LOADER, "--dev", wire.dev, "--filename", object, "--progname", "swap_one");
	sent("%s", loader->said);
	id = the_swapped(loader).id;
	counters[0] = counter_of(id);
	check_wrong_id(object, id);
	swap_under_fire(object, counters, rnd(12, MOST_SWAPS), id);
}

LESSON("basic02-prog-by-name", { "abort", check_abort }, { "harmless", check_harmless },
       { "replace", check_replace });
