// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <ftw.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What comes of a frame of this ethertype? */
static void check_frame(const struct program *program, __u16 type, unsigned int len, __u32 want)
{
	struct frame frame = frame_of(type, 1514);
	__u32 verdict;

	frame.len = len;
	sent("a frame of %u bytes with the ethertype 0x%04x, by BPF_PROG_TEST_RUN", frame.len,
	     type);
	expected("%s", verdict_name(want));
	verdict = verdict_on(program, &frame);
	if (verdict != want)
		not_yet("%s", verdict_name(verdict));
}

static void check_type(const struct program *program, __u16 type, __u32 want)
{
	check_frame(program, type, rnd(64, 1514), want);
}

/* ---- 1: a function ---- */

static bool calls_function(const struct bpf_insn *insn)
{
	if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
		return insn->src_reg == BPF_PSEUDO_FUNC;
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
}

/*
 * The same program with functions that always return this number, each in the place of one of its
 * own. The first is the program itself; those that it calls lie behind it. False: the kernel does
 * not take it.
 */
static bool with_functions(const struct program *program, int number, struct program *made)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
	size_t count = bpf_program__insn_cnt(program->prog);
	struct bpf_insn *insns = calloc(count, sizeof(*insns));
	bool *begins = calloc(count + 1, sizeof(*begins)), inside = false;

	if (!insns || !begins)
		return false;
	memcpy(insns, bpf_program__insns(program->prog), count * sizeof(*insns));
	for (size_t n = 0; n < count; n++) {
		size_t target = n + 1 + insns[n].imm;

		if (calls_function(&insns[n]) && target < count)
			begins[target] = true;
	}
	begins[count] = true;
	for (size_t n = 0; n < count; n++) {
		inside |= begins[n];
		if (inside)
			insns[n] = begins[n + 1] ?
					   (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT } :
					   (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K,
							      .imm = number };
	}
	*made = *program;
	made->fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "lab_functions", "GPL", insns, count, &opts);
	return made->fd >= 0;
}

/* Where all that is called says the same of each frame, dispatch knows nothing of them. */
static void check_part_moved(const struct program *program)
{
	static const __u16 types[] = { ETH_P_IP, ETH_P_IPV6, ETHERTYPE_NOBODYS };
	__u32 verdicts[3];

	for (int number = 0; number < 4; number++) {
		struct program made;

		sent("frames of IPv4, of IPv6 and of neither, by BPF_PROG_TEST_RUN, where each "
		     "function that dispatch calls was made to return %d and do nothing else",
		     number);
		expected("the same verdict for all: it is a function that finds the family");
		if (!with_functions(program, number, &made))
			continue;
		for (int n = 0; n < 3; n++) {
			struct frame frame = frame_of(types[n], rnd(64, 1514));

			verdicts[n] = verdict_on(&made, &frame);
		}
		close(made.fd);
		if (verdicts[0] != verdicts[1] || verdicts[1] != verdicts[2])
			not_yet("%s, %s and %s: dispatch itself still looks",
				verdict_name(verdicts[0]), verdict_name(verdicts[1]),
				verdict_name(verdicts[2]));
	}
}

static void check_function(void)
{
	struct program *program = load("dispatch_kern.o", "dispatch");
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	check_type(program, ETH_P_IP, XDP_PASS);
	check_type(program, ETH_P_IPV6, XDP_PASS);
	check_type(program, ETHERTYPE_NOBODYS, XDP_DROP);
	check_type(program, 0x0008, XDP_DROP);
	/* Nothing but a header: it is whole, and says what it says. */
	check_frame(program, ETH_P_IP, 14, XDP_PASS);
	check_frame(program, ETH_P_IPV6, 14, XDP_PASS);

	sent("nothing: dispatch was loaded, and the kernel asked about it");
	expected("2 functions in the kernel, or more");
	if (bpf_obj_get_info_by_fd(program->fd, &info, &len))
		cannot_tell("a newer kernel", "it tells nothing of functions: %s", strerror(errno));
	if (info.nr_func_info < 2)
		not_yet("1 function in the kernel");
	check_part_moved(program);
}

/* ---- 2: tail calls ---- */

/* The interpreter takes no program that has both calls and tail calls, as right answers do. */
static void need_jit(void)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = own_program(XDP_PASS);

	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !info.jited_prog_len)
		cannot_tell("sudo sysctl net.core.bpf_jit_enable=1",
			    "the JIT compiler is off: calls and tail calls do not go together");
	close(fd);
}

static void put(const struct map *families, __u32 slot, __u32 verdict)
{
	int fd = own_program(verdict);

	if (slot >= families->info.max_entries)
		not_yet("families has %u slot%s: there is no slot %u", families->info.max_entries,
			families->info.max_entries == 1 ? "" : "s", slot);
	if (bpf_map_update_elem(families->fd, &slot, &fd, BPF_ANY))
		not_yet("nothing can be put into slot %u of families: %s", slot, strerror(errno));
}

static const char *family_name(__u16 type)
{
	return type == ETH_P_IP ? "IPv4" : "IPv6";
}

/* A frame of this family goes on in the program of its slot. */
static void check_jump(const struct program *program, __u16 type, const __u32 verdicts[2])
{
	struct frame frame = frame_of(type, rnd(64, 1514));
	unsigned int slot = type != ETH_P_IP;
	__u32 verdict;

	sent("an %s frame; the program of slot 0 returns %s, that of slot 1 %s", family_name(type),
	     verdict_name(verdicts[0]), verdict_name(verdicts[1]));
	expected("%s, of slot %u", verdict_name(verdicts[slot]), slot);
	verdict = verdict_on(program, &frame);
	if (verdict == verdicts[!slot])
		not_yet("%s: that was the program of slot %u", verdict_name(verdict), !slot);
	if (verdict != verdicts[slot])
		not_yet("%s, and not what the program of slot %u returns", verdict_name(verdict),
			slot);
}

/* Nobody is in the slot: the frame passes, and is counted. */
static void check_empty(const struct program *program, __u16 type, unsigned int missed)
{
	unsigned long long came;

	check_type(program, type, XDP_PASS);
	sent("an %s frame, whose slot is empty", family_name(type));
	expected("missed is %u", missed);
	came = map_number(map_of(program, ".bss"), 0, "missed");
	if (came != missed)
		not_yet("missed is %llu", came);
}

static void check_dispatch(void)
{
	struct program *program;
	struct map *families;
	unsigned int flip = rnd(0, 1);
	const __u32 verdicts[2] = { flip ? XDP_TX : XDP_REDIRECT, flip ? XDP_REDIRECT : XDP_TX };
	__u32 slot = rnd(0, 1);

	need_jit();
	program = load("dispatch_kern.o", "dispatch");
	expected("a program array with the name families");
	families = map_of(program, "families");
	if (families->info.type != BPF_MAP_TYPE_PROG_ARRAY)
		not_yet("its type is %s",
			libbpf_bpf_map_type_str(families->info.type) ?: "unknown");
	check_empty(program, ETH_P_IP, 1);
	check_empty(program, ETH_P_IPV6, 2);
	put(families, 0, verdicts[0]);
	put(families, 1, verdicts[1]);
	check_jump(program, ETH_P_IP, verdicts);
	check_jump(program, ETH_P_IPV6, verdicts);
	check_type(program, ETHERTYPE_NOBODYS, XDP_DROP);
	if (bpf_map_delete_elem(families->fd, &slot))
		not_yet("slot %u cannot be emptied: %s", slot, strerror(errno));
	check_empty(program, slot ? ETH_P_IPV6 : ETH_P_IP, 3);
}

/* ---- 3: tail calls that stopped ---- */

static char *pin_left;

static int look_for_pin(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)at;
	/* A name with a dot is the kernel's own, and that directory is libxdp's. */
	if (type != FTW_F || strchr(path, '.') || !strncmp(path, "/sys/fs/bpf/xdp/", 16))
		return 0;
	pin_left = text("%s", path);
	return 1;
}

/* The id of the program array that this program uses. */
static __u32 array_of(__u32 prog_id)
{
	__u32 ids[16];
	struct bpf_prog_info info = { .nr_map_ids = 16, .map_ids = (unsigned long)ids };
	__u32 len = sizeof(info), array = 0;
	int fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		info.nr_map_ids = 0;
	for (__u32 n = 0; n < info.nr_map_ids && n < 16; n++) {
		struct map *map = map_of_id(ids[n]);

		if (map && map->info.type == BPF_MAP_TYPE_PROG_ARRAY)
			array = ids[n];
		if (map)
			close(map->fd);
	}
	if (fd >= 0)
		close(fd);
	return array;
}

/*
 * Without a descriptor of it: the kernel empties an array of programs when the last descriptor is
 * closed, and if that is closed again while it is still at it, the array is never freed.
 */
static bool is_in_kernel(__u32 map_id)
{
	__u32 next;

	return !bpf_map_get_next_id(map_id - 1, &next) && next == map_id;
}

/* Who makes a holder takes it away, too. */
static void check_unloaded(__u32 array)
{
	struct run *run = run("./stopped_user", "--dev", wire.dev, "--unload-all");
	struct lab_prog progs[LAB_MAX_PROGS];

	sent("%s", run->said);
	expected("that the program goes, everything that was pinned, and the array");
	quote("stopped_user", run->err);
	if (run->status)
		not_yet("it ended with status %d", run->status);
	if (attached(progs))
		not_yet("a program is still attached to %s", wire.dev);
	if (nftw("/sys/fs/bpf", look_for_pin, 8, FTW_PHYS) == 1)
		not_yet("%s stays, and holds what is pinned there in the kernel", pin_left);
	for (int tries = 0; tries < 200 && is_in_kernel(array); tries++)
		pause_ms(10); /* the kernel clears up a little later */
	if (is_in_kernel(array))
		not_yet("two seconds later the array, id %u, is still in the kernel: who holds it?",
			array);
}

static void check_stopped(void)
{
	struct frame small = frame_of(ETHERTYPE_NOBODYS, rnd(64, 512));
	struct frame large = frame_of(ETHERTYPE_NOBODYS, rnd(513, 1514));
	unsigned int count = rnd(3, 9);
	struct lab_prog progs[LAB_MAX_PROGS];
	unsigned long long shorts, longs, missed;
	struct run *run;
	struct map *bss;
	__u32 array;

	need_jit();
	lay_wire();
	run = run("./stopped_user", "--dev", wire.dev);
	sent("%u frames of %u and %u of %u bytes, after %s has ended", count, small.len, count,
	     large.len, run->said);
	expected("shorts %u, longs %u, missed 0", count, count);
	quote("stopped_user", run->err);
	if (run->status)
		not_yet("it ended with status %d", run->status);
	if (!attached(progs))
		not_yet("no program is attached to %s any more", wire.dev);
	pause_ms(100); /* the kernel clears up a little later */
	array = array_of(progs[0].id);
	for (unsigned int n = 0; n < count; n++) {
		send_frame(&small);
		send_frame(&large);
	}
	arrived(2 * count);
	bss = map_used_by(progs[0].id, "missed");
	if (!bss)
		not_yet("the program that is attached has no variable missed");
	shorts = map_number(bss, 0, "shorts");
	longs = map_number(bss, 0, "longs");
	missed = map_number(bss, 0, "missed");
	if (shorts < count || longs < count || missed)
		not_yet("shorts %llu, longs %llu, missed %llu", shorts, longs, missed);
	check_unloaded(array);
}

/* ---- 4: how deep? ---- */

/* The word behind this one in depth.txt. */
static char *prediction(const char *name)
{
	char *line = lesson_file("depth.txt");

	for (line = strtok(line, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, name, strlen(name)) || line[strlen(name)] != ':')
			continue;
		line += strlen(name) + 1;
		line += strspn(line, " \t");
		line[strcspn(line, " \t\r")] = '\0';
		if (!*line || !strcmp(line, "?"))
			not_yet("depth.txt has no prediction for %s yet", name);
		return line;
	}
	not_yet("there is no line '%s:' in depth.txt", name);
}

static bool is_number(const char *word)
{
	return strspn(word, "0123456789") == strlen(word);
}

static unsigned long long predicted_runs(void)
{
	char *word = prediction("runs");

	if (!is_number(word))
		not_yet("depth.txt: '%s' is no number, and runs will be one", word);
	return strtoull(word, NULL, 10);
}

/* A number, or what the kernel's header calls it. */
static unsigned long long predicted_verdict(void)
{
	char *word = prediction("verdict");

	if (is_number(word))
		return strtoull(word, NULL, 10);
	for (__u32 verdict = XDP_ABORTED; verdict <= XDP_REDIRECT; verdict++) {
		const char *name = verdict_name(verdict);

		if (strlen(word) == strcspn(name, " ") && !strncmp(word, name, strlen(word)))
			return verdict;
	}
	not_yet("depth.txt: '%s' is neither a number nor the name of a verdict", word);
}

static void check_depth(void)
{
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	unsigned long long runs, said_runs, said_verdict;
	struct program *program;
	__u32 verdict;

	expected("a number for runs, and a verdict by its number or name, in depth.txt");
	said_runs = predicted_runs();
	said_verdict = predicted_verdict();

	program = load("depth_kern.o", "again");
	sent("one frame to again of depth_kern.c, with itself in its slot");
	expected("as you say: %llu runs, verdict %llu", said_runs, said_verdict);
	verdict = verdict_on(program, &frame);
	runs = map_number(map_of(program, ".bss"), 0, "runs");
	if (runs != said_runs)
		not_yet("it has run %s often than that", runs > said_runs ? "more" : "less");
	if (verdict != said_verdict)
		not_yet("so often it has run, but the verdict is another one");
}

LESSON("basic06-calls", { "function", check_function }, { "dispatch", check_dispatch },
       { "stopped", check_stopped }, { "depth", check_depth });
