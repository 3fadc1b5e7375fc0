// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <bpf/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HELLO "./hello_user"

/* Runs hello_user, which attaches and shows figures once: it has to work. */
static void attach_hello(const char *option, const char *word)
{
	struct run *run = run(HELLO, "--dev", wire.dev, "-n", "1", "-i", "0.01", option, word);

	if (!run->status)
		return;
	sent("%s", run->said);
	expected("it attaches hello, shows its figures once, and ends with status 0");
	quote("hello_user", run->err);
	not_yet("it ended with status %d", run->status);
}

static void detach_hello(void)
{
	run(HELLO, "--dev", wire.dev, "--unload-all");
}

/* The id of the one program on the wire, once loader (NULL: nobody) has attached it. */
static __u32 wait_for_program(struct run *loader)
{
	struct lab_prog progs[LAB_MAX_PROGS];

	for (double end = seconds() + 2; seconds() < end; pause_ms(5)) {
		if (attached(progs))
			return progs[0].id;
		if (!loader || !has_ended(loader))
			continue;
		quote(loader->said, *loader->err ? loader->err : loader->out);
		not_yet("it ended with status %d, and there is no program on %s", loader->status,
			wire.dev);
	}
	not_yet("after two seconds there is no program on %s", wire.dev);
}

/* ---- 1: a knob ---- */

static void check_length(unsigned int len, unsigned int limit)
{
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, len);
	bool passes = !limit || len <= limit;
	struct map *map;

	expected("it %s %s", passes ? "comes through" : "does not come through", wire.dev);
	send_frame(&frame);
	if ((arrived(passes) == 1) == passes)
		return;
	map = map_used_by(wait_for_program(NULL), "max_len");
	not_yet("it %s; in the kernel's copy max_len is %s",
		passes ? "does not come through" : "comes through",
		map ? text("%llu", map_number(map, 0, "max_len")) : "missing");
}

/* Dropped, and not just gone. */
static void check_verdict(unsigned int limit)
{
	struct program *program = open_program("hello_kern.o", "hello");
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(limit + 1, 1514));
	__u32 verdict;

	set_global(program, "max_len", limit);
	load_program(program);
	sent("a frame of %u bytes, by BPF_PROG_TEST_RUN; max_len is %u", frame.len, limit);
	expected("%s", verdict_name(XDP_DROP));
	verdict = verdict_on(program, &frame);
	if (verdict != XDP_DROP)
		not_yet("%s", verdict_name(verdict));
}

static void check_knob(void)
{
	unsigned int limit = rnd(100, 1400);
	struct program *program = load("hello_kern.o", "hello");
	struct map *rodata = map_of(program, ".rodata");

	expected("a global variable max_len in .rodata");
	if (!map_has_member(rodata, "max_len"))
		not_yet("there is none of that name; in .rodata is what is const");
	expected("max_len is 0, as long as nobody turns it");
	if (map_number(rodata, 0, "max_len"))
		not_yet("it is %llu", map_number(rodata, 0, "max_len"));

	lay_wire();
	sent("a frame of 1514 bytes, after %s --dev %s", HELLO, wire.dev);
	attach_hello(NULL, NULL);
	check_length(1514, 0);
	detach_hello();

	sent("nothing yet: %s --dev %s --max-len %u", HELLO, wire.dev, limit);
	expected("it attaches hello");
	attach_hello("--max-len", text("%u", limit));
	for (unsigned int len = limit - 1; len <= limit + 1; len++) {
		sent("a frame of %u bytes, after %s --dev %s --max-len %u", len, HELLO, wire.dev,
		     limit);
		check_length(len, limit);
	}
	check_verdict(limit);
}

/* ---- 2: a counter ---- */

static void check_variable(void)
{
	struct program *program = load("hello_kern.o", "hello");
	struct map *bss = map_of(program, ".bss");
	unsigned long long before = (1ULL << 32) - rnd(1, 64), sum = before, came;
	unsigned int count = rnd(4, 7);
	char *lengths = text("%s", "");

	expected("a global variable bytes in .bss");
	if (!map_has_member(bss, "bytes"))
		not_yet("there is none of that name in the file");
	program = open_program("hello_kern.o", "hello");
	set_global(program, "bytes", before); /* soon more than 32 bits hold */
	load_program(program);
	bss = map_of(program, ".bss");
	for (unsigned int n = 0; n < count; n++) {
		struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));

		verdict_on(program, &frame);
		sum += frame.len;
		lengths = text("%s%s%u", lengths, n ? ", " : "", frame.len);
	}
	sent("frames of %s bytes, by BPF_PROG_TEST_RUN; bytes was %llu", lengths, before);
	expected("bytes is %llu", sum);
	came = map_number(bss, 0, "bytes");
	if (came != sum)
		not_yet("it is %llu%s", came, sum - came == 1ULL << 32 ? ": 4294967296 short" : "");
}

#define RACE_BYTES 100

static void judge_at_once(const struct map *bss, const struct raced *raced)
{
	unsigned long long came = map_number(bss, 0, "bytes"), sum = RACE_BYTES * raced->runs;

	sent("%llu frames of %u bytes, by BPF_PROG_TEST_RUN, at once on two CPUs", raced->runs,
	     RACE_BYTES);
	expected("bytes is %llu", sum);
	if (came < sum)
		not_yet("it is %llu: the bytes of %llu frames vanished", came,
			(sum - came) / RACE_BYTES);
	if (came > sum)
		not_yet("it is %llu", came);
}

/* Where nothing comes of it, one CPU or a busy machine, nobody is kept from passing. */
static void check_at_once(void)
{
	struct program *program = open_program("hello_kern.o", "hello");
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, RACE_BYTES);

	set_global(program, "greet", 0);
	load_program(program);
	if (cpu_count() > 1)
		race(program, &frame, true, 2, judge_at_once, map_of(program, ".bss"));
}

/* The number behind "NAME": in a line of JSON, or -1. */
static long long json_number(const char *line, const char *name)
{
	const char *at = strstr(line, text("\"%s\":", name));
	long long number;

	return at && sscanf(strchr(at, ':') + 1, "%lld", &number) == 1 ? number : -1;
}

static void check_counter(void)
{
	unsigned int count = rnd(5, 30);
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	long long bytes = 0, most, before = (long long)rnd(2, 99) << 32 | rnd(0, 99999);
	struct run *hello;
	struct map *bss;
	char *line;

	check_variable();
	check_at_once();
	lay_wire();
	hello = start(HELLO, "--dev", wire.dev, "-i", "0.05", "--json");
	sent("%u frames of %u bytes, while %s runs; bytes was %lld", count, frame.len, hello->said,
	     before);
	expected("\"bytes\":%lld within twenty lines of what it prints, and so it stays",
		 before + count * frame.len);
	bss = map_used_by(wait_for_program(hello), "bytes");
	pause_ms(20);
	if (bss)
		set_map_number(bss, 0, "bytes", before);
	for (unsigned int n = 0; n < count; n++)
		send_frame(&frame);
	for (unsigned int n = 0, more = 2; n < 20 && bytes >= 0 && more; n++) {
		line = next_line(hello, 4000);
		if (line)
			quote("the last line of hello_user", line);
		bytes = line ? json_number(line, "bytes") : -1;
		more -= bytes >= before + count * frame.len;
	}
	stop(hello, SIGINT);
	if (bytes < 0)
		not_yet("there is no \"bytes\" in it");
	/* Others may have sent something meanwhile; it cannot be more than the program has seen. */
	most = bss ? (long long)map_number(bss, 0, "bytes") : 0;
	if (bytes < before + (long long)count * frame.len || bytes > most)
		not_yet("\"bytes\":%lld, and the variable has %lld", bytes, most);
}

/* ---- 3: a polite printk ---- */

#define AT_ONCE_MS 10 /* what a program prints is there when BPF_PROG_TEST_RUN comes back */

struct greeting {
	long long number, bytes, device;
	int parts; /* of those three, how many are there */
};

/*
 * The next greeting whose number lies in this range, if it comes within so many milliseconds;
 * others may run such programs, too.
 */
static bool next_greeting(struct printk *printk, unsigned int ms, long long from, long long to,
			  struct greeting *g)
{
	char *line;

	while ((line = next_printk(printk, ms))) {
		g->parts = sscanf(strstr(line, "Hello World"),
				  "Hello World %lld: %lld bytes on device %lld", &g->number,
				  &g->bytes, &g->device);
		if (g->parts < 1 || g->number < from || g->number > to)
			continue;
		quote("the last line of the trace", line);
		return true;
	}
	return false;
}

static void check_device(struct printk *printk)
{
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	struct greeting greeting;
	long long device = -1;

	lay_wire();
	attach_hello(NULL, NULL);
	sent("48 frames into %s, whose number is %d", wire.dev, wire.ifindex);
	expected("a line that ends with: on device %d", wire.ifindex);
	for (unsigned int n = 0; n < 48; n++)
		send_frame(&frame);
	while (next_greeting(printk, 100, 1, 200, &greeting)) {
		if (greeting.parts < 3 || greeting.bytes != frame.len)
			continue; /* another's */
		if (greeting.device == wire.ifindex)
			return;
		device = greeting.device;
	}
	if (device < 0)
		not_yet("no line at all");
	not_yet("on device %lld", device);
}

/* With its knob at 0, there is no greeting; the other numbers do not depend on it. */
static void check_silence(struct printk *printk)
{
	struct program *program = open_program("hello_kern.o", "hello");
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	unsigned int base = rnd(2000000, 3000000);
	struct greeting greeting;

	set_global(program, "counter", base);
	set_global(program, "greet", 0);
	load_program(program);
	sent("64 frames, where greet is 0 and counter was %u", base);
	expected("no line");
	for (unsigned int n = 0; n < 64; n++)
		verdict_on(program, &frame);
	if (next_greeting(printk, AT_ONCE_MS, base, base + 64, &greeting))
		not_yet("Hello World %lld", greeting.number);
}

static void check_printk(void)
{
	struct program *program = open_program("hello_kern.o", "hello");
	struct printk *printk = listen_to_printk("Hello World");
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	unsigned int base = rnd(1000, 1000000), lines = 0, want;
	bool even = true, whole = true, right = true;
	struct greeting greeting;
	long long bytes = 0;

	set_global(program, "counter", base);
	load_program(program);
	sent("64 frames of %u bytes; counter was %u", frame.len, base);
	want = (base + 64) / 16 - base / 16;
	expected("%u lines, like: Hello World %u: %u bytes on device 1", want, (base / 16 + 1) * 16,
		 frame.len);
	for (unsigned int n = 0; n < 64; n++)
		verdict_on(program, &frame);
	while (next_greeting(printk, AT_ONCE_MS, base, base + 64, &greeting)) {
		lines++;
		even &= greeting.number % 16 == 0;
		whole &= greeting.parts == 3;
		right &= greeting.parts < 2 || greeting.bytes == frame.len;
		if (!right)
			bytes = greeting.bytes;
	}
	if (lines != want)
		not_yet("%u lines%s", lines,
			lines > want ? ": on a busy device nothing else would be seen" : "");
	if (!even)
		not_yet("%u lines, and not for multiples of 16", lines);
	if (!whole)
		not_yet("%u lines of another form", lines);
	if (!right)
		not_yet("a line that says %lld bytes", bytes);
	check_silence(printk);
	check_device(printk);
}

/* ---- 4: events in a ring buffer ---- */

/* As the lesson's header has it. */
struct event {
	__u64 ns;
	__u32 ifindex;
	__u16 len;
	__u16 proto;
};

static struct {
	unsigned int count;
	size_t size;
	struct event last;
} ring;

static int take_event(void *ctx, void *data, size_t size)
{
	(void)ctx;
	ring.count++;
	ring.size = size;
	memcpy(&ring.last, data, size < sizeof(ring.last) ? size : sizeof(ring.last));
	return 0;
}

static struct program *load_report(void)
{
	struct program *program = open_program("ringbuf_kern.o", "report");
	struct bpf_map *map = bpf_object__find_map_by_name(program->obj, "events");

	expected("a ring buffer with the name events");
	if (!map)
		not_yet("there is no map events in ringbuf_kern.o");
	if (bpf_map__type(map) != BPF_MAP_TYPE_RINGBUF)
		not_yet("the type of events is %s",
			libbpf_bpf_map_type_str(bpf_map__type(map)) ?: "unknown");
	bpf_map__set_max_entries(map, getpagesize());
	expected("that the kernel takes report");
	load_program(program);
	return program;
}

static void check_event(const struct program *program, struct ring_buffer *reader)
{
	__u16 type = rnd(0, 1) ? 0x86dd : 0x0800;
	struct frame frame = frame_of(type, rnd(64, 1514));
	__u64 from = seconds() * 1e9, to;
	__u32 verdict;

	sent("a frame of %u bytes with the ethertype 0x%04x, by BPF_PROG_TEST_RUN", frame.len,
	     type);
	expected("it passes, and one record of %zu bytes is in the ring", sizeof(struct event));
	verdict = verdict_on(program, &frame);
	to = seconds() * 1e9 + 1000;
	if (verdict != XDP_PASS)
		not_yet("%s", verdict_name(verdict));
	ring_buffer__consume(reader);
	if (ring.count != 1 || ring.size != sizeof(struct event))
		not_yet("%u records%s", ring.count,
			ring.count ? text(", the last of %zu bytes", ring.size) : "");
	expected("len %u, proto 0x%04x, ifindex 1, ns about %llu", frame.len, type,
		 (unsigned long long)from);
	if (ring.last.proto != type && ring.last.proto == (__u16)(type << 8 | type >> 8))
		not_yet("proto 0x%04x: both bytes are there, in the order of the wire",
			ring.last.proto);
	if (ring.last.len != frame.len || ring.last.proto != type || ring.last.ifindex != 1 ||
	    ring.last.ns < from - 1000 || ring.last.ns > to)
		not_yet("len %u, proto 0x%04x, ifindex %u, ns %llu", ring.last.len, ring.last.proto,
			ring.last.ifindex, (unsigned long long)ring.last.ns);
}

static void check_flood(const struct program *program, struct ring_buffer *reader)
{
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));
	unsigned int count = 100000 + rnd(0, 9999);
	unsigned long long dropped;
	__u32 verdict;

	ring.count = 0;
	sent("%u frames, by BPF_PROG_TEST_RUN, which nobody reads", count);
	expected("all pass; %u in the ring and in dropped together", count);
	verdict = verdict_on_many(program, &frame, count);
	if (verdict != XDP_PASS)
		not_yet("%s when the ring is full", verdict_name(verdict));
	ring_buffer__consume(reader);
	dropped = map_number(map_of(program, ".bss"), 0, "dropped");
	if (ring.count + dropped != count)
		not_yet("%u in the ring, dropped is %llu", ring.count, dropped);
}

/* What it prints at Ctrl-C, after so many lines for events. */
static void check_last_line(struct run *reader, unsigned int lines, unsigned int lost)
{
	unsigned int received = ~0U, dropped = 0;
	char *line;

	sent("SIGINT to %s; dropped was %u", reader->said, lost);
	expected("its end, and a last line");
	stop(reader, SIGINT);
	while ((line = next_line(reader, 0))) {
		lines += !strncmp(line, "0x", 2);
		sscanf(line, "%u events received, %u dropped", &received, &dropped);
	}
	expected("%u events received, %u dropped", lines, lost);
	if (received == ~0U)
		not_yet("no such line at its end");
	if (received != lines)
		not_yet("%u events received, after %u lines for one", received, lines);
	if (dropped < lost)
		not_yet("%u events received, %u dropped", received, dropped);
}

__attribute__((noreturn)) static void no_line(struct run *reader, unsigned int nth)
{
	if (!has_ended(reader))
		not_yet("no such line within a second");
	quote("ringbuf_user", *reader->err ? reader->err : reader->out);
	not_yet("before frame %u was reported, it has ended by itself, with status %d", nth,
		reader->status);
}

/* What it prints of ten frames, and then at Ctrl-C. */
static void check_reader(void)
{
	struct run *reader = start("./ringbuf_user", "--dev", wire.dev);
	unsigned int count = 10, lines = 0, lost = rnd(1, 99999);
	char *wanted = NULL, *line;
	struct map *bss;

	sent("nothing yet: %s", reader->said);
	expected("it attaches report");
	bss = map_used_by(wait_for_program(reader), "dropped");
	sent("%u frames into %s, while %s runs", count, wire.dev, reader->said);
	pause_ms(50);
	if (!bss)
		not_yet("the program that is attached has no variable dropped");
	set_map_number(bss, 0, "dropped", lost); /* as if the ring had been full before */
	for (unsigned int n = 0; n < count; n++) {
		struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));

		wanted = text("0x%04x %u bytes on device %d", ETHERTYPE_NOBODYS, frame.len,
			      wire.ifindex);
		expected("a line: %s", wanted);
		send_frame(&frame);
		do {
			line = next_line(reader, 1000);
			lines += line && !strncmp(line, "0x", 2);
			if (line)
				quote("the last line of ringbuf_user", line);
		} while (line && strcmp(line, wanted));
		if (!line)
			no_line(reader, n + 1);
	}
	check_last_line(reader, lines, lost);
}

static void check_ringbuf(void)
{
	struct program *program = load_report();
	struct ring_buffer *reader;

	reader = ring_buffer__new(map_of(program, "events")->fd, take_event, NULL, NULL);
	if (!reader)
		not_yet("the ring buffer cannot be opened");
	check_event(program, reader);
	check_flood(program, reader);
	lay_wire();
	check_reader();
}

LESSON("basic05-anatomy", { "knob", check_knob }, { "counter", check_counter },
       { "printk", check_printk }, { "ringbuf", check_ringbuf });
