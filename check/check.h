/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a check is written with.
 *
 * A check is a function that judges one exercise by what the kernel and the wire say. It says what
 * it sends, what must come, and looks; coming back from the function is passing. There are three
 * outcomes: passed, not_yet(), and cannot_tell(), which is nobody's fault.
 *
 * Each check runs in a process, a network and mounts of its own, which the kernel takes away when
 * it ends: nothing has to be closed, freed or removed. Whatever can be random comes from rnd(), so
 * that nothing can be tuned to and the printed seed repeats it.
 *
 * Every function here that does not find what it needs ends the check by itself, with the message
 * for it: a caller has no errors to look after.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/types.h>

#include "lab_xdp.h"

/* ---- A lesson ---- */

struct exercise {
	const char *name; /* as in solution/N-NAME.patch */
	void (*check)(void);
};

struct lesson {
	const char *dir;
	const struct exercise *exercises; /* in their order; the last has no name */
	const char *alone; /* the one that takes all CPUs; the others may run side by side */
};

/* LESSON("basic03-map-counter", { "bytes", check_bytes }, …); once a file, at its end. */
#define LESSON(directory, ...) LESSON_WITH_ALONE(directory, NULL, __VA_ARGS__)
#define LESSON_WITH_ALONE(directory, alone, ...)                                    \
	static const struct exercise exercises[] = { __VA_ARGS__, { NULL, NULL } }; \
	static const struct lesson lesson = { directory, exercises, alone };        \
	static const struct lesson *const listed __attribute__((used, section("lessons"))) = &lesson

/* ---- The verdict ---- */

/*
 * What is sent, and what must come: to be said before it is looked for. Saying it anew replaces
 * what was said before, so a check of several steps says it once for each.
 */
__attribute__((format(printf, 1, 2))) void sent(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void expected(const char *fmt, ...);

/* What came instead. It tells what was seen, and never how to mend it. Does not return. */
#define not_yet(...)                                                                   \
	do {                                                                           \
		_Static_assert(sizeof("" FIRST_OF(__VA_ARGS__)) > 2, "say what came"); \
		say_not_yet(__VA_ARGS__);                                              \
	} while (0)
#define FIRST_OF(...) FIRST_OF_(__VA_ARGS__, )
#define FIRST_OF_(first, ...) first
__attribute__((format(printf, 1, 2), noreturn)) void say_not_yet(const char *fmt, ...);

/* The machine lacks something: the cure, and then what it is. Does not return. */
__attribute__((format(printf, 2, 3), noreturn)) void cannot_tell(const char *cure, const char *fmt,
								 ...);

/* What the kernel, the compiler or the learner's program said: shown below, if it fails. */
void quote(const char *who, const char *text);

/* ---- Chance ---- */

unsigned int rnd(unsigned int from, unsigned int to); /* both included */
void rnd_bytes(void *bytes, size_t len);

/* A text in memory that stays; like printf's. */
__attribute__((format(printf, 1, 2))) char *text(const char *fmt, ...);

/* ---- Frames ---- */

#define FRAME_MAX 3400

struct frame {
	unsigned int len;
	unsigned char bytes[FRAME_MAX];
};

/*
 * A whole frame of this length (at least 64) with random addresses and payload. Its last four
 * bytes are the mark by which the wire below knows it again. Checksums are right.
 */
struct frame frame_of(__u16 ethertype, unsigned int len);
struct frame frame_udp(int family, __u16 from_port, __u16 to_port, unsigned int len);
struct frame frame_tcp(int family, __u16 from_port, __u16 to_port, unsigned int len); /* a SYN */
struct frame frame_echo(int family, __u16 sequence, unsigned int len); /* a ping's request */

/* An ethertype that is nobody's, for frames that no program has an opinion on. */
#define ETHERTYPE_NOBODYS 0x88b5

/* ---- A program, run on exact bytes (BPF_PROG_TEST_RUN) ---- */

struct program {
	const char *file;
	const char *name;
	struct bpf_object *obj;
	struct bpf_program *prog;
	int fd;
};

/* The program of this name in an object of the lesson, in the kernel. No other of the file is. */
struct program *load(const char *file, const char *name);

/* The same in two steps, to change types of maps or values of globals in between (libbpf's). */
struct program *open_program(const char *file, const char *name);
void load_program(struct program *program);

/* The value that a global variable begins with: between open_program() and load_program(). */
void set_global(const struct program *program, const char *name, unsigned long long value);

/* Is there a program of this name in the object? */
bool has_program(const char *file, const char *name);

__u32 verdict_on(const struct program *program, const struct frame *frame);
/* The same bytes so many times, on the CPU that this thread runs on; the last verdict. */
__u32 verdict_on_many(const struct program *program, const struct frame *frame, unsigned int n);
/* The verdict, and the bytes as the program leaves them. */
__u32 transform(const struct program *program, const struct frame *in, struct frame *out);

const char *verdict_name(__u32 verdict); /* "XDP_DROP (1)", "7, which is no verdict" */

struct map;
struct raced {
	unsigned long long runs; /* so far, of both CPUs */
	__u32 verdicts[2]; /* XDP_PASS, or what else came on the first CPU, and on the second */
};

/*
 * Runs it on this frame, on two CPUs at once, in rounds; after each, judge() compares what is in
 * the map with what has been run. A counter of the grader's own, which loses, is run in between.
 * True: it has lost so often that a program which loses nothing cannot be one that does. False: not
 * in so many seconds. To be called where there are two CPUs. A program that adds something else to
 * the same memory just before loses seldom: then the grader's own is to be one that does, too.
 */
bool race(const struct program *program, const struct frame *frame, bool seldom, double at_most,
	  void (*judge)(const struct map *map, const struct raced *raced), const struct map *map);

/* ---- Maps, read through their BTF ---- */

struct map {
	int fd;
	struct bpf_map_info info;
	struct btf *btf;
	unsigned int copies; /* of each value: 1, or one for each possible CPU */
};

struct map *map_of(const struct program *program, const char *name);
struct map *map_of_id(__u32 id); /* NULL: there is none */
struct map *map_pinned(const char *path); /* NULL: there is none */
struct map *map_used_by(__u32 prog_id, const char *member); /* whose values have it; or NULL */

/*
 * The member of the value at this key (a u32) as a number; NULL: the value is the number. Values
 * kept for each CPU are added up, unless one CPU is asked for. What a hash does not have is 0. A
 * section of global variables (".bss") is a map with one value, at key 0, and they its members.
 */
unsigned long long map_number(const struct map *map, __u32 key, const char *member);
unsigned long long map_number_of_cpu(const struct map *map, __u32 key, const char *member,
				     unsigned int cpu);
bool map_has_member(const struct map *map, const char *member);

/* Writes a number there, for each CPU if it has a value for each; what is beside it stays. */
void set_map_number(const struct map *map, __u32 key, const char *member, unsigned long long value);

/* ---- The wire: a veth pair; programs go on wire.dev, frames are sent from its other end ---- */

extern struct wire {
	const char *dev; /* where the learner's programs attach: "lab51", say */
	int ifindex;
	const char *peer; /* the other end, which runs a program that passes everything */
	int peer_ifindex;
} wire;

/* Makes it; both ends are up, IPv6 and checksum offload are off. */
void lay_wire(void);

/*
 * Makes the other end one for frames of up to 9000 bytes, or undoes that. A driver that runs a
 * program takes frames of one page: while the other end may send more, wire.dev refuses native XDP.
 */
void allow_large_frames(bool yes);

/* One frame into wire.dev, from the other end. */
void send_frame(const struct frame *frame);

/*
 * How many frames have reached the sockets behind wire.dev, or have come back to the other end,
 * since it was last asked. Waits until there are as many as hoped for, 300 ms at most; where none
 * is hoped for, 20 ms.
 */
unsigned int arrived(unsigned int hoped_for);
unsigned int returned(unsigned int hoped_for);

/* Sends this frame again and again, from a thread, until told to stop: how many wire.dev took. */
void open_fire(const struct frame *frame);
unsigned long cease_fire(void);

/* What runs on wire.dev: how many, and each of them (see lab_xdp.h). */
unsigned int attached(struct lab_prog progs[LAB_MAX_PROGS]);

/* A program of the grader's own, which returns this verdict and does nothing else: its fd. */
int own_program(__u32 verdict);
__u32 id_of(int prog_fd);
bool is_loaded(__u32 prog_id);

/* Can several programs share a device here? Else one owns it. */
bool has_dispatcher(void);

/* ---- Tracepoints ---- */

/* Counts hits of an event ("xdp/xdp_exception") that a filter lets through. */
struct watch *watch_event(const char *event, const char *filter);
unsigned long long hits(const struct watch *watch);

/* What BPF programs print from now on: the next line that contains this text, or NULL. */
struct printk *listen_to_printk(const char *containing);
char *next_printk(struct printk *printk, unsigned int ms);

/* ---- The learner's own program ---- */

struct run {
	char *said; /* the command line */
	char *out; /* stdout, its first 256 KiB */
	char *err;
	int status;
	int pid; /* while it runs */
	/* for the harness */
	int out_fd, err_fd;
	size_t out_len, err_len, out_read;
	bool ended, to_its_end;
};

/*
 * Runs a program in the lesson's directory to its end: run("./xdp_loader", "--dev", wire.dev).
 * One that crashes, or that has not ended after five seconds, is not yet right.
 */
#define run(...) run_to_end((const char *const[]){ __VA_ARGS__, NULL })
struct run *run_to_end(const char *const argv[]);

/* Starts one that is to go on; what it prints is there to be read. */
#define start(...) start_in_background((const char *const[]){ __VA_ARGS__, NULL })
struct run *start_in_background(const char *const argv[]);

/* The next whole line of its stdout, without its end; NULL if none comes in time. */
char *next_line(struct run *run, unsigned int ms);
bool has_ended(struct run *run);
/* Sends a signal and waits for the end: two seconds, or it is not yet right. */
void stop(struct run *run, int signal);

/* Bytes that are part of the grader, as a file that the learner's programs can read: its path. */
const char *give_file(const char *name, const void *begin, const void *end);

/* Something of the lesson's that the learner writes: its text, or not_yet() if it is missing. */
char *lesson_file(const char *name);

/* ---- Time and CPUs ---- */

double seconds(void); /* of a clock that only goes on */
void pause_ms(unsigned int ms);
unsigned int cpu_count(void); /* on which this process may run */
void stay_on_cpu(unsigned int nth); /* this thread; the nth of those, from 0 */
int cpu_number(unsigned int nth); /* the kernel's number of it */

#endif /* CHECK_H */
