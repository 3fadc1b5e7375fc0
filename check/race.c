// SPDX-License-Identifier: GPL-2.0-only
/* A program on two CPUs at once: does it lose what a plain addition loses there? */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include "check.h"

#define AT_ONCE 40000 /* runs of one program at first, about a millisecond */
#define AT_ONCE_MAX (AT_ONCE << 5)
/*
 * In so many rounds the grader's own must have lost. On a machine that is busy with other things
 * few rounds lose anything, and then which of the two loses is a toss: ten in a row do not fall
 * alike. An emulated machine has not the time for ten.
 */
#define PROOFS 10
#define PROOFS_LATE 4 /* in the second half of the time */

/*
 * A counter that is known to lose where two CPUs really run at once: load, add, store. Runs of it
 * alternate with runs of the learner's program. Only where this one has lost again and again can a
 * program that loses nothing have passed. One that loses seldom adds in one step, just before, to
 * what lies beside it: so the CPU has the memory at hand, and the three steps take no time.
 */
static struct program *losing_counter(int map_fd, bool seldom)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM,
		  .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_VALUE,
		  .imm = map_fd },
		{},
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 1 },
		{ .code = BPF_STX | BPF_DW | BPF_ATOMIC,
		  .dst_reg = BPF_REG_1,
		  .src_reg = BPF_REG_2,
		  .off = 8,
		  .imm = BPF_ADD },
		{ .code = BPF_LDX | BPF_DW | BPF_MEM, .dst_reg = BPF_REG_2, .src_reg = BPF_REG_1 },
		{ .code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_2, .imm = 1 },
		{ .code = BPF_STX | BPF_DW | BPF_MEM, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_2 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	/* Where it need not lose seldom, these two steps are left out. */
	unsigned int skip = seldom ? 0 : 2, count = sizeof(insns) / sizeof(insns[0]) - skip;
	static struct program program = { .name = "a counter that loses" };

	memmove(insns + 2, insns + 2 + skip, (count - 2) * sizeof(insns[0]));
	program.fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "lab_losing", "GPL", insns, count, NULL);
	if (program.fd < 0)
		cannot_tell("./lab doctor", "the kernel does not take the grader's own counter");
	return &program;
}

struct racer {
	pthread_t thread;
	unsigned int cpu;
	const struct program *programs[2];
	const struct frame *frame;
	pthread_barrier_t *start;
	const atomic_uint *runs; /* in the next round; 0: there is none */
	__u32 verdict; /* of the first program */
};

/*
 * The kernel has code that it rewrites with each program that comes into use or goes out of it, at
 * each test run, too; and an emulated CPU may stumble over what the other just writes. A program
 * that is attached stays in use: to lo of a network of this thread's own, where no packet comes. It
 * stays there until the check ends, so that nothing is rewritten while the next step is at it.
 */
static void keep_in_use(const struct program *program)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = XDP_FLAGS_SKB_MODE);

	if (!unshare(CLONE_NEWNET))
		bpf_link_create(program->fd, 1, BPF_XDP, &opts);
}

/* This thread: so that both CPUs are at it in each round, however busy the machine is. */
static void go_first(bool yes)
{
	const struct sched_param param = { .sched_priority = yes };

	sched_setscheduler(0, yes ? SCHED_RR : SCHED_OTHER, &param);
}

static void *run_in_rounds(void *arg)
{
	struct racer *racer = arg;
	/* Other lengths on each CPU: else they may fall into step, in which nothing is lost. */
	static const unsigned int pieces[] = { 641, 997 };
	unsigned int runs;
	__u32 verdict;

	stay_on_cpu(racer->cpu);
	go_first(true);
	keep_in_use(racer->programs[racer->cpu]);
	for (;;) {
		pthread_barrier_wait(racer->start);
		runs = atomic_load(racer->runs);
		if (!runs)
			break;
		for (int n = 0; n < 2; n++) {
			for (unsigned int left = runs, some; left; left -= some) {
				some = left < pieces[racer->cpu] ? left : pieces[racer->cpu];
				verdict = verdict_on_many(racer->programs[n], racer->frame, some);
				if (!n && verdict != XDP_PASS)
					racer->verdict = verdict;
			}
			pthread_barrier_wait(racer->start);
		}
	}
	return NULL;
}

static unsigned long long count_in(int map_fd)
{
	unsigned long long counts[2] = {};
	__u32 key = 0;

	bpf_map_lookup_elem(map_fd, &key, counts);
	return counts[0];
}

static void start_racers(struct racer racers[2], const struct racer *like)
{
	pthread_barrier_init(like->start, NULL, 3);
	for (unsigned int n = 0; n < 2; n++) {
		racers[n] = *like;
		racers[n].cpu = n;
		if (pthread_create(&racers[n].thread, NULL, run_in_rounds, &racers[n]))
			cannot_tell("./lab doctor", "no thread could be started");
	}
}

bool race(const struct program *program, const struct frame *frame, bool seldom, double at_most,
	  void (*judge)(const struct map *map, const struct raced *raced), const struct map *map)
{
	int own = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lab_lost", 4, 16, 1, NULL), proofs = 0;
	double begin = seconds();
	pthread_barrier_t start;
	atomic_uint at_once = AT_ONCE;
	struct racer racers[2], like = {
		.programs = { program, losing_counter(own, seldom) },
		.frame = frame,
		.start = &start,
		.runs = &at_once,
		.verdict = XDP_PASS,
	};
	struct raced raced = {};
	unsigned long long lost = 0;

	start_racers(racers, &like);
	go_first(true);
	while (proofs < (seconds() < begin + at_most / 2 ? PROOFS : PROOFS_LATE) &&
	       seconds() < begin + at_most) {
		unsigned long long before = lost;

		for (int n = 0; n < 3; n++)
			pthread_barrier_wait(&start); /* off; the first is through; the second */
		raced.runs += 2 * at_once;
		for (int n = 0; n < 2; n++)
			raced.verdicts[n] = racers[n].verdict;
		judge(map, &raced);
		lost = raced.runs - count_in(own);
		if (lost > before)
			proofs++;
		else if (at_once < AT_ONCE_MAX)
			at_once *= 2; /* one was late: a busy machine, or an emulated one */
	}
	go_first(false);
	at_once = 0;
	pthread_barrier_wait(&start);
	for (int n = 0; n < 2; n++)
		pthread_join(racers[n].thread, NULL);
	return proofs >= PROOFS_LATE;
}
