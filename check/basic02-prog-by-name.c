// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#define OBJECT "xdp_prog_kern.o"
#define LOADER "./xdp_loader"

/* ---- What all three need ---- */

static void must_succeed_with(const struct run *loader, const char *more)
{
	sent("%s%s", loader->said, more);
	expected("exit status 0");
	quote("it", loader->err);
	if (loader->status)
		not_yet("exit status %d", loader->status);
}

static void must_succeed(const struct run *loader)
{
	must_succeed_with(loader, "");
}

static const char *describe(const struct lab_prog *progs, unsigned int count)
{
	const char *words = "";

	for (unsigned int n = 0; n < count; n++)
		words = text("%s%s%s", words, n ? " and " : "", lab_describe(&progs[n]));
	return count ? words : "no program";
}

/* ---- abort: drops each packet, and each is reported with the id of the program ---- */

static void must_return(const char *name, __u32 wanted)
{
	const struct frame frames[] = {
		frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514)),
		frame_echo(AF_INET6, rnd(1, 9), rnd(80, 1514)),
		frame_udp(AF_INET, rnd(1024, 65535), 53, rnd(80, 1514)),
	};
	struct program *program;
	__u32 verdict;

	sent("frames to %s, by BPF_PROG_TEST_RUN", name);
	expected("the verdict %s", verdict_name(wanted));
	program = load(OBJECT, name);
	for (unsigned int n = 0; n < sizeof(frames) / sizeof(frames[0]); n++) {
		sent("a frame of %u bytes to %s, by BPF_PROG_TEST_RUN", frames[n].len, name);
		verdict = verdict_on(program, &frames[n]);
		if (verdict != wanted)
			not_yet("the verdict %s", verdict_name(verdict));
	}
	bpf_object__close(program->obj);
}

/* Sends frames: how many are reported as aborted by the program that the device runs? */
static void must_be_reported(const char *name)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, now);
	const struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	unsigned int count = rnd(3, 20), came;
	unsigned long long events;
	struct watch *watch;

	must_succeed(run(LOADER, "--dev", wire.dev, "--progname", name));
	if (bpf_xdp_query(wire.ifindex, 0, &now) || !now.prog_id)
		not_yet("%s runs no program", wire.dev);
	/* With the dispatcher it is the dispatcher's id, as that is what the device runs. */
	watch = watch_event("xdp/xdp_exception",
			    text("prog_id == %u && act == %u", now.prog_id, XDP_ABORTED));
	sent("%u frames of %u bytes to %s, with %s there", count, frame.len, wire.dev, name);
	expected("none of them behind %s", wire.dev);
	for (unsigned int n = 0; n < count; n++)
		send_frame(&frame);
	came = arrived(0);
	if (came)
		not_yet("%u of %u came through", came, count);
	events = hits(watch);
	expected("%u times xdp_exception with prog_id=%u action=ABORTED", count, now.prog_id);
	if (events < count) /* there may be more, of what others send */
		not_yet("%llu times", events);
}

static void check_abort(void)
{
	must_return("xdp_abort_func", XDP_ABORTED);
	must_return("xdp_drop_func", XDP_DROP);
	must_return("xdp_pass_func", XDP_PASS);
	lay_wire();
	must_be_reported("xdp_abort_func");
}

/* ---- The grader's own programs, for the learner's loaders to load ---- */

extern const char swap_object[], swap_object_end[];
asm(".section .rodata\n"
    ".global swap_object, swap_object_end\n"
    "swap_object: .incbin \".build/swap_kern.o\"\n"
    "swap_object_end:\n"
    ".previous\n");

/* How many frames the program with this id counts: its map stays when the program goes. */
static struct map *counter_of(__u32 id)
{
	__u32 map_id = 0, len;
	struct bpf_prog_info info = { .nr_map_ids = 1, .map_ids = (unsigned long)&map_id };
	int fd = bpf_prog_get_fd_by_id(id);
	struct map *map = NULL;

	len = sizeof(info);
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && map_id)
		map = map_of_id(map_id);
	close(fd);
	if (!map)
		not_yet("the program with the id %u is another one, or is gone already", id);
	return map;
}

/* ---- harmless: a mistake changes nothing, and not one packet sees that it was made ---- */

#define CARELESS "./harmless_user"

/* The same program as before, an error, and an exit status that says so. */
static void must_be_harmless(const char *mistake, const struct run *made,
			     const struct lab_prog *before)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	unsigned int count = attached(progs);

	sent("%s\n%s, while %s drops all that comes", made->said, mistake, describe(before, 1));
	quote("it", made->err);
	expected("%s on %s, as before", describe(before, 1), wire.dev);
	if (count != 1 || progs[0].id != before->id)
		not_yet("%s", describe(progs, count));
	expected("exit status 1");
	if (made->status != 1)
		not_yet("exit status %d", made->status);
	expected("an error message");
	if (!made->err[0])
		not_yet("it failed without a word");
}

static void make_mistakes(const struct lab_prog *before, const char *file)
{
	const char *none = text("/tmp/no%u_kern.o", rnd(100, 999));
	const char *name = text("xdp_drop_%u", rnd(100, 999));
	const char *const names[] = { name, "xdp_drop_fun", "xdp_drop_func2" };
	const struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	struct run *made;
	unsigned int came;

	open_fire(&frame);
	for (unsigned int n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		made = run(CARELESS, "--dev", wire.dev, "--progname", names[n]);
		must_be_harmless("there is no such program in the file", made, before);
		expected("the names of the programs that there are");
		if (!strstr(made->err, "xdp_drop_func") || !strstr(made->err, "xdp_pass_func"))
			not_yet("only this");
	}
	made = run(CARELESS, "--dev", wire.dev, "--filename", file, "--progname", name);
	must_be_harmless("there is no such program in that file, either", made, before);
	expected("the names of the programs that there are: swap_one, swap_other and more");
	if (!strstr(made->err, "swap_one") || !strstr(made->err, "swap_other"))
		not_yet("only this");
	made = run(CARELESS, "--dev", wire.dev, "--filename", none);
	must_be_harmless("there is no such file", made, before);
	made = run(CARELESS, "--dev", wire.dev, "--filename", file, "--progname", "refused");
	must_be_harmless("the kernel refuses that program", made, before);
	sent("%lu frames to %s, while six mistakes were made", cease_fire(), wire.dev);
	expected("none of them behind %s: %s drops them", wire.dev, describe(before, 1));
	came = arrived(0);
	if (came)
		not_yet("%u came through", came);
}

/* The grader's own program, which drops everything, in this mode. */
static struct lab_prog put_there(enum xdp_attach_mode mode)
{
	__u32 flag = mode == XDP_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	struct lab_prog progs[LAB_MAX_PROGS];

	if (bpf_xdp_attach(wire.ifindex, own_program(XDP_DROP), flag, NULL) || attached(progs) != 1)
		cannot_tell("./lab doctor", "a veth takes no program in %s mode",
			    lab_mode_name(mode));
	return progs[0];
}

/* Without a mistake it does what it did, also where another program of the file is refused. */
static void must_work(const char *name, const struct lab_prog *before, const char *file)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	unsigned int count;

	must_succeed_with(
		run(CARELESS, "--dev", wire.dev, "--progname", name, file ? "--filename" : NULL,
		    file),
		file ? "\nof that file the kernel refuses another program, but not this one" : "");
	expected("%s in the place of %s, and nothing else", name, describe(before, 1));
	count = attached(progs);
	if (count != 1 || strcmp(progs[0].name, name))
		not_yet("%s", describe(progs, count));
}

static int link_there(struct lab_prog progs[LAB_MAX_PROGS])
{
	int link = bpf_link_create(own_program(XDP_DROP), wire.ifindex, BPF_XDP, NULL);

	if (link < 0 || attached(progs) != 1)
		cannot_tell("./lab doctor", "this kernel has no links for XDP");
	return link;
}

/* Closing it would not do: whoever looks at all links of the machine may have it open. */
static void remove_link(int link)
{
	if (bpf_link_detach(link))
		cannot_tell("./lab doctor", "a link cannot be detached");
	close(link);
}

/* A program that it cannot take off stays, and so the new one cannot come. */
static void must_notice_a_link(void)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int link = link_there(progs);

	must_be_harmless("the program that is there is held by a link of the grader's",
			 run(CARELESS, "--dev", wire.dev, "--progname", "xdp_pass_func"), progs);
	remove_link(link);
}

/*
 * The device takes no program in its driver now. Who attaches all the same, in the mode in which
 * the old one is, has found a way; who does not must not say that all is well.
 */
static void must_notice_a_refusal(void)
{
	struct lab_prog before = put_there(XDP_MODE_SKB), progs[LAB_MAX_PROGS];
	unsigned int count;
	struct run *made;

	allow_large_frames(true);
	made = run(CARELESS, "--dev", wire.dev, "--progname", "xdp_pass_func");
	count = attached(progs);
	sent("%s\n%s, in skb mode, is there; %s refuses native mode, as for frames of 9000 bytes",
	     made->said, describe(&before, 1), wire.dev);
	quote("it", *made->err ? made->err : made->out);
	if (!made->status) {
		expected("xdp_pass_func there, as it ended with status 0");
		if (count != 1 || strcmp(progs[0].name, "xdp_pass_func"))
			not_yet("%s", describe(progs, count));
	}
	expected("exit status 1 and an error message, as xdp_pass_func is not there");
	if (made->status && (made->status != 1 || !made->err[0]))
		not_yet("exit status %d", made->status);
	allow_large_frames(false);
	must_succeed(run(LOADER, "--dev", wire.dev, "--unload-all"));
}

static void check_harmless(void)
{
	enum xdp_attach_mode mode = rnd(0, 1) ? XDP_MODE_NATIVE : XDP_MODE_SKB;
	const char *file = give_file("swap_kern.o", swap_object, swap_object_end);
	struct lab_prog before;

	lay_wire();
	before = put_there(mode);
	make_mistakes(&before, file);
	must_work("xdp_pass_func", &before, NULL);
	must_succeed(run(LOADER, "--dev", wire.dev, "--unload-all"));
	must_notice_a_link();
	must_notice_a_refusal();
	before = put_there(mode == XDP_MODE_SKB ? XDP_MODE_NATIVE : XDP_MODE_SKB);
	must_work(rnd(0, 1) ? "swap_one" : "swap_other", &before, file);
}

/* ---- replace: while frames come without a pause, each of them sees one program ---- */

#define ENOUGH_SWAPS 4 /* where the machine is slow */
#define MANY_SWAPS 16

static struct {
	const char *file;
	__u32 neighbour; /* a program that shares the device; 0 where none can */
	struct lab_prog now; /* the one to be replaced next */
	__u32 stale; /* the one that it has replaced */
	struct map *counters[MANY_SWAPS + 2]; /* of each that was there */
	unsigned int count;
} fire;

/* Looks what is there: the neighbour, if there is one, and one other. */
static void look(void)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	unsigned int count = attached(progs), others = 0;
	bool neighbour = false;

	for (unsigned int n = 0; n < count; n++) {
		if (fire.neighbour && progs[n].id == fire.neighbour) {
			neighbour = true;
		} else {
			fire.now = progs[n];
			others++;
		}
	}
	if (others != 1 || (fire.neighbour && !neighbour))
		not_yet("%s", describe(progs, count));
}

/* Asks the learner's loader for one of the two that count and drop, with one more option. */
static struct run *load_one(const char *name, const char *option, const char *word)
{
	return run(LOADER, "--dev", wire.dev, "--filename", fire.file, "--progname", name, option,
		   word);
}

/* Puts one in the place of the one that is there: with its id, or where it is alone without. */
static void replace_one(bool by_id)
{
	const struct lab_prog before = fire.now;
	const char *id = by_id || fire.neighbour ? text("%u", before.id) : NULL;
	const char *name = strcmp(before.name, "swap_one") ? "swap_one" : "swap_other";

	must_succeed(load_one(name, "--replace", id));
	fire.stale = before.id;
	expected("%s in the place of %s%s", name, describe(&before, 1),
		 fire.neighbour ? text(", beside its neighbour (id %u)", fire.neighbour) : "");
	look();
	if (fire.now.id == before.id || strcmp(fire.now.name, name))
		not_yet("%s", describe(&fire.now, 1));
	expected("it runs in %s mode, as the one before did", lab_mode_name(before.mode));
	if (fire.now.mode != before.mode)
		not_yet("%s", lab_mode_name(fire.now.mode));
	fire.counters[fire.count++] = counter_of(fire.now.id);
}

static unsigned long long counted(void)
{
	unsigned long long sum = 0;

	for (unsigned int n = 0; n < fire.count; n++)
		sum += map_number(fire.counters[n], 0, NULL);
	return sum;
}

static void replace_under_fire(unsigned int swaps)
{
	const struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 256));
	unsigned long long all, seen;
	double begin = seconds();
	unsigned int came, done;

	open_fire(&frame);
	for (done = 0; done < swaps && (done < ENOUGH_SWAPS || seconds() < begin + 1); done++)
		replace_one(rnd(0, 1));
	all = cease_fire();
	quote("", "");
	sent("%llu frames to %s, while programs that drop were replaced %u times", all, wire.dev,
	     done);
	expected("none of them behind %s", wire.dev);
	came = arrived(0);
	if (came)
		not_yet("%u and more came through: they met no program at all", came);
	begin = seconds();
	while ((seen = counted()) < all && seconds() < begin + 1)
		pause_ms(5);
	expected("each of them counted by the old or by the new program");
	if (seen < all)
		not_yet("%llu were counted: %llu met no program, and were lost", seen, all - seen);
	if (seen > all)
		not_yet("%llu were counted: %llu of them twice", seen, seen - all);
	if (!fire.neighbour)
		return;
	expected("each of them counted by their neighbour, too");
	seen = map_number(counter_of(fire.neighbour), 0, NULL);
	if (seen != all)
		not_yet("%llu were", seen);
}

/* A first one, and where programs can share the device a neighbour that sees all before it. */
static void begin(const char *mode, bool with_neighbour)
{
	struct lab_prog progs[LAB_MAX_PROGS];

	fire.neighbour = fire.count = 0;
	if (with_neighbour) {
		must_succeed(run(LOADER, "--dev", wire.dev, mode, "--filename", fire.file,
				 "--progname", "neighbour", "--prio", text("%u", rnd(1, 40))));
		expected("neighbour on %s", wire.dev);
		if (attached(progs) != 1)
			not_yet("%s", describe(progs, attached(progs)));
		fire.neighbour = progs[0].id;
	}
	must_succeed(load_one("swap_one", mode, NULL));
	expected("swap_one on %s", wire.dev);
	look();
	fire.counters[fire.count++] = counter_of(fire.now.id);
}

/* It must be refused, and change nothing. */
static void must_refuse(const char *why, struct run *loader)
{
	const struct lab_prog before = fire.now;

	sent("%s\n%s", loader->said, why);
	quote("it", loader->err);
	expected("%s on %s, as before", describe(&before, 1), wire.dev);
	look();
	if (fire.now.id != before.id)
		not_yet("%s, which nobody asked for", describe(&fire.now, 1));
	expected("an error, and exit status 1");
	if (loader->status != 1 || !loader->err[0])
		not_yet("exit status %d", loader->status);
}

static void make_wrong_requests(void)
{
	const char *stranger = text("%u", id_of(own_program(XDP_PASS)));
	struct lab_prog progs[LAB_MAX_PROGS];
	struct run *loader;

	must_refuse("that program is loaded, and not attached",
		    load_one("swap_one", "--replace", stranger));
	must_refuse("that program was there, and has been replaced",
		    load_one("swap_one", "--replace", text("%u", fire.stale)));
	must_refuse("the kernel refuses the new program",
		    load_one("refused", "--replace", text("%u", fire.now.id)));
	must_succeed(run(LOADER, "--dev", wire.dev, "--unload-all"));
	for (int with_id = 0; with_id < 2; with_id++) {
		loader = load_one("swap_one", "--replace", with_id ? stranger : NULL);
		sent("%s\nwhere there is nothing to replace", loader->said);
		quote("it", loader->err);
		expected("still no program on %s, an error, and exit status 1", wire.dev);
		if (attached(progs))
			not_yet("%s", describe(progs, attached(progs)));
		if (loader->status != 1 || !loader->err[0])
			not_yet("exit status %d", loader->status);
	}
}

/* The kernel does not replace what a link holds. Who says that it was done, has not asked. */
static void must_not_boast(void)
{
	struct lab_prog before[LAB_MAX_PROGS];
	int link = link_there(before);
	struct run *loader = load_one("swap_one", "--replace", NULL);

	fire.neighbour = 0;
	sent("%s\nwhere a link of the grader's holds %s", loader->said, describe(before, 1));
	quote("it", loader->err);
	look();
	expected("an error, and exit status 1, as %s is there still", describe(before, 1));
	if (fire.now.id == before->id && (loader->status != 1 || !loader->err[0]))
		not_yet("exit status %d", loader->status);
	remove_link(link);
}

/* ---- replace: the one that is named, and no other that has come in the meantime ---- */

#define MEETINGS 12 /* each takes a while, and about one in six shows it */

/* A thread that puts two programs of the grader's in each other's place, until it is stopped. */
static struct {
	pthread_t thread;
	int fds[2];
	__u32 ids[2];
	atomic_bool on;
	unsigned int there; /* which of them it has put there last */
} swapper;

static bool swap_for(unsigned int next)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .old_prog_fd = swapper.fds[!next]);

	return !bpf_xdp_attach(wire.ifindex, swapper.fds[next],
			       XDP_FLAGS_DRV_MODE | XDP_FLAGS_REPLACE, &opts);
}

static void *keep_swapping(void *unused)
{
	(void)unused;
	while (atomic_load(&swapper.on) && swap_for(!swapper.there))
		swapper.there = !swapper.there;
	return NULL; /* told to stop, or another program has taken the place of the one of these */
}

/* Whatever is there makes room for the first of the two. */
static void start_swapper(void)
{
	swapper.there = 0;
	atomic_store(&swapper.on, true);
	if (bpf_xdp_attach(wire.ifindex, swapper.fds[0], XDP_FLAGS_DRV_MODE, NULL) ||
	    pthread_create(&swapper.thread, NULL, keep_swapping, NULL))
		cannot_tell("./lab doctor", "no thread can replace programs on a veth");
}

/*
 * Somebody else replaces programs at the same time. Whatever the loader sees, what it takes the
 * place of must be the one with the id that it was told: looking first does not do.
 */
static void must_take_the_one_named(void)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	unsigned int count, there;
	struct run *loader;

	for (unsigned int n = 0; n < 2; n++) {
		swapper.fds[n] = own_program(XDP_DROP);
		swapper.ids[n] = id_of(swapper.fds[n]);
	}
	for (unsigned int n = 0; n < MEETINGS; n++) {
		start_swapper();
		loader = load_one("swap_one", "--replace", text("%u", swapper.ids[0]));
		atomic_store(&swapper.on, false);
		pthread_join(swapper.thread, NULL);
		there = swapper.there;
		count = attached(progs);
		sent("%s\nwhile %u and %u are put in each other's place all the time", loader->said,
		     swapper.ids[0], swapper.ids[1]);
		quote("it", loader->err);
		expected("swap_one in the place of %u, or what was there, and an error",
			 swapper.ids[0]);
		if (count != 1)
			not_yet("%s", describe(progs, count));
		if (progs[0].id != swapper.ids[there] && there)
			not_yet("%s in the place of %u", describe(progs, 1), swapper.ids[1]);
		expected("exit status 0 if %u has been replaced, and else 1", swapper.ids[0]);
		if (loader->status != (progs[0].id == swapper.ids[there]))
			not_yet("%s, and exit status %d", describe(progs, 1), loader->status);
	}
	if (bpf_xdp_detach(wire.ifindex, XDP_FLAGS_DRV_MODE, NULL))
		cannot_tell("./lab doctor", "a program cannot be taken off a veth");
}

static void check_replace(void)
{
	lay_wire();
	fire.file = give_file("swap_kern.o", swap_object, swap_object_end);
	begin("--native-mode", has_dispatcher());
	replace_under_fire(rnd(8, MANY_SWAPS));
	make_wrong_requests();
	must_not_boast();
	if (!has_dispatcher()) /* which is exchanged by libxdp, under a lock */
		must_take_the_one_named();
	begin("--skb-mode", false);
	replace_one(false);
}

LESSON_WITH_ALONE("basic02-prog-by-name", "replace", { "abort", check_abort },
		  { "harmless", check_harmless }, { "replace", check_replace });
