// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <linux/if_ether.h>

#include "figures.h"

#define OBJECT "xdp_prog_kern.o"
#define PROGRAM "xdp_stats1"
#define MAP "xdp_stats_map"
#define READER "./xdp_load_and_stats"
#define ACTIONS 5

/* ---- What several of them look at ---- */

/*
 * A kernel that is new enough knows that an array has all its keys, and takes a program that never
 * looks whether there was a value. With a hash in the array's place no kernel does.
 */
static void check_null_check(void)
{
	struct program *program = open_program(OBJECT, PROGRAM);
	struct bpf_map *map = bpf_object__find_map_by_name(program->obj, MAP);

	sent("%s to the kernel once more, with %s as a hash, in which a key may be missing",
	     PROGRAM, MAP);
	expected("that it is loaded, as older kernels would load it with an array, too");
	if (map && !bpf_map__set_type(map, BPF_MAP_TYPE_HASH))
		load_program(program);
}

/* What lies between two looks at the map, as a live one may be written to at any time. */
struct range {
	unsigned long long from, to;
};

static bool shows(const char *line, struct range range)
{
	return has_number(line, range.from, range.to);
}

static bool lies_in(double number, struct range range)
{
	return number >= range.from && number <= range.to;
}

/*
 * As what do the packets stand in this line? A line may have other words for its figures; if it has
 * these, they have to be right. NULL: they are.
 */
static const char *stand_as(const char *line, struct range packets)
{
	static const char *const others[] = { "bytes", "pps" };
	double number;

	if (!number_before(line, "packets", &number) || lies_in(number, packets))
		return NULL;
	for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++)
		if (number_before(line, others[n], &number) && lies_in(number, packets))
			return others[n];
	return NULL;
}

__attribute__((noreturn)) static void misplaced(const struct run *reader, const char *line,
						struct range packets)
{
	quote(reader->said, line);
	not_yet("the packets stand there as %s", stand_as(line, packets));
}

/* Starts the reader, which attaches the program; returns once it has. */
static struct run *start_reader(struct map **map)
{
	struct run *reader = start(READER, "--dev", wire.dev, PROGRAM, "--interval", "0.02");

	wait_for_program(reader);
	*map = map_in_use(MAP);
	for (int tries = 0; !*map && tries < 100 && !has_ended(reader); tries++)
		pause_ms(2); /* it may be taking the program off again, and about to say why */
	if (!*map && has_ended(reader)) {
		quote(reader->said, *reader->err ? reader->err : reader->out);
		not_yet("it ended with status %d", reader->status);
	}
	if (!*map)
		not_yet("what runs on %s uses no %s", wire.dev, MAP);
	return reader;
}

__attribute__((noreturn)) static void no_line(struct run *reader, const char *what)
{
	if (has_ended(reader)) {
		quote(reader->said, *reader->err ? reader->err : reader->out);
		not_yet("it ended with status %d", reader->status);
	}
	quote(reader->said, reader->out);
	not_yet("no line of it says %s", what);
}

/*
 * Waits for a line that names the action (NULL: any line) and has both of its figures, as they are
 * in the map. member is NULL where only packets are looked for.
 */
static void wait_for_figures(struct run *reader, struct map *map, __u32 key, const char *action,
			     const char *member)
{
	struct range packets = { .from = map_number(map, key, "rx_packets") };
	struct range bytes = { .from = member ? map_number(map, key, member) : 0 };
	double deadline = seconds() + 1.5;
	const char *odd = NULL;

	while (seconds() < deadline && !has_ended(reader)) {
		char *line = next_line(reader, 100);

		if (!line || (action && !strstr(line, action)))
			continue;
		packets.to = map_number(map, key, "rx_packets");
		bytes.to = member ? map_number(map, key, member) : 0;
		if (!shows(line, packets) || (member && !shows(line, bytes)))
			continue;
		if (!stand_as(line, packets))
			return;
		odd = line;
	}
	if (odd)
		misplaced(reader, odd, packets);
	no_line(reader, text("%s%s%llu packets%s", action ? action : "", action ? " and " : "",
			     packets.from, member ? text(" and %llu bytes", bytes.from) : ""));
}

/* ---- bytes ---- */

#define MAX_FRAMES 6

/* Frames of IPv6, as a later exercise drops the others; told as "64, 65 and 1500". */
static unsigned int some_frames(struct frame frames[MAX_FRAMES], const char **lengths)
{
	unsigned int count = rnd(3, MAX_FRAMES);

	*lengths = "";
	for (unsigned int n = 0; n < count; n++) {
		frames[n] = frame_udp(AF_INET6, rnd(1024, 65535), rnd(1024, 65535), rnd(70, 1514));
		*lengths = text("%s%s%u", *lengths,
				!n	       ? "" :
				n == count - 1 ? " and " :
						 ", ",
				frames[n].len);
	}
	return count;
}

static const char *bytes_came(unsigned long long came, unsigned long long total, unsigned int count,
			      unsigned int last)
{
	unsigned long long off = came > total ? came - total : total - came;

	if (came == last)
		return text("rx_bytes %llu: the length of the last frame alone", came);
	if (came && off && off % count == 0)
		return text("rx_bytes %llu: %llu %s for each frame", came, off / count,
			    came > total ? "too many" : "short");
	return text("rx_bytes %llu", came);
}

static void check_bytes_counted(void)
{
	struct program *program = load(OBJECT, PROGRAM);
	struct map *map = map_of(program, MAP);
	struct frame frames[MAX_FRAMES];
	const char *lengths;
	unsigned int count = some_frames(frames, &lengths);
	unsigned long long total = 0, packets, bytes;
	__u32 key = 0;

	for (unsigned int n = 0; n < count; n++)
		total += frames[n].len;
	sent("%u frames of %s bytes, by BPF_PROG_TEST_RUN", count, lengths);
	expected("rx_packets %u and rx_bytes %llu, under the verdict that they got", count, total);
	for (unsigned int n = 0; n < count; n++)
		key = verdict_on(program, &frames[n]);
	packets = map_number(map, key, "rx_packets");
	bytes = map_number(map, key, "rx_bytes");
	if (packets != count)
		not_yet("rx_packets %llu under %s", packets, verdict_name(key));
	if (bytes != total)
		not_yet("%s", bytes_came(bytes, total, count, frames[count - 1].len));
}

/* The same where soon more bytes have been counted than 32 bits hold, or one packet more. */
static void check_large(const char *member)
{
	struct program *program = load(OBJECT, PROGRAM);
	struct map *map = map_of(program, MAP);
	struct frame frame = frame_udp(AF_INET6, 7, 7, rnd(70, 1514));
	unsigned long long before = (1ULL << 32) - 1, sum, came;
	bool bytes = !strcmp(member, "rx_bytes");
	__u32 key = verdict_on(program, &frame);

	set_map_number(map, key, member, before);
	sum = map_number(map, key, member) + (bytes ? frame.len : 1);
	sent("a frame of %u bytes, by BPF_PROG_TEST_RUN; %s was %llu", frame.len, member,
	     map_number(map, key, member));
	expected("%s %llu", member, sum);
	verdict_on(program, &frame);
	came = map_number(map, key, member);
	if (came != sum)
		not_yet("%s %llu%s", member, came,
			sum - came == 1ULL << 32 ? ": 4294967296 short" : "");
}

#define RACE_BYTES 100

static void judge_bytes_at_once(const struct map *map, const struct raced *raced)
{
	unsigned long long sum = RACE_BYTES * raced->runs, packets = 0, bytes = 0;

	for (__u32 key = 0; key < map->info.max_entries && key < 64; key++) {
		packets += map_number(map, key, "rx_packets");
		bytes += map_number(map, key, "rx_bytes");
	}
	sent("%llu frames of %u bytes, by BPF_PROG_TEST_RUN, at once on two CPUs", raced->runs,
	     RACE_BYTES);
	expected("rx_packets %llu and rx_bytes %llu", raced->runs, sum);
	if (packets != raced->runs)
		not_yet("rx_packets %llu", packets);
	if (bytes < sum)
		not_yet("rx_bytes %llu: the bytes of %llu frames vanished", bytes,
			(sum - bytes) / RACE_BYTES);
	if (bytes > sum)
		not_yet("rx_bytes %llu", bytes);
}

/* Where nothing comes of it, one CPU or a busy machine, nobody is kept from passing. */
static void check_bytes_at_once(void)
{
	struct program *program = load(OBJECT, PROGRAM);
	struct frame frame = frame_udp(AF_INET6, 7, 7, RACE_BYTES);

	if (cpu_count() > 1)
		race(program, &frame, true, 2, judge_bytes_at_once, map_of(program, MAP));
}

static void check_bytes(void)
{
	struct frame frames[MAX_FRAMES];
	const char *lengths;
	unsigned int count;
	struct run *reader;
	struct map *map;

	check_bytes_counted();
	check_large("rx_packets");
	check_large("rx_bytes");
	check_bytes_at_once();
	check_null_check();

	lay_wire();
	count = some_frames(frames, &lengths);
	sent("%u frames of %s bytes into %s, while %s runs there", count, lengths, wire.dev,
	     READER);
	expected("a line of it with the packets and the bytes that the map holds");
	reader = start_reader(&map);
	for (unsigned int n = 0; n < count; n++)
		send_frame(&frames[n]);
	arrived(count);
	wait_for_figures(reader, map, XDP_PASS, NULL, "rx_bytes");
	stop(reader, SIGINT);
}

/* ---- verdicts ---- */

static struct frame frame_of_family(bool ipv6)
{
	unsigned int len = rnd(80, 1514);

	if (!ipv6) {
		static const __u16 others[] = { ETH_P_ARP, ETHERTYPE_NOBODYS, 0xdd86, ETH_P_8021Q };

		return rnd(0, 1) ? frame_udp(AF_INET, rnd(1, 65535), rnd(1, 65535), len) :
				   frame_of(others[rnd(0, 3)], len);
	}
	switch (rnd(0, 2)) {
	case 0:
		return frame_tcp(AF_INET6, rnd(1, 65535), rnd(1, 65535), len);
	case 1:
		return frame_echo(AF_INET6, rnd(0, 65535), len);
	default:
		return frame_udp(AF_INET6, rnd(1, 65535), rnd(1, 65535), len);
	}
}

struct tally {
	unsigned long long packets, bytes;
};

/* Runs the program on each, and tells what must be counted, by what each of them must get. */
static void run_mixture(const struct program *program, unsigned int count,
			struct tally tally[ACTIONS])
{
	for (unsigned int n = 0; n < count; n++) {
		bool ipv6 = n < 2 ? !n : rnd(0, 1);
		struct frame frame = frame_of_family(ipv6);
		__u32 want = ipv6 ? XDP_PASS : XDP_DROP, verdict;

		if (n == 1)
			frame.len = 14; /* a header, whole, and nothing behind it */
		verdict = verdict_on(program, &frame);
		tally[want].packets++;
		tally[want].bytes += frame.len;
		if (verdict != want)
			not_yet("a frame of %s%s got %s",
				ipv6 ? "IPv6" :
				       text("ethertype 0x%02x%02x", frame.bytes[12],
					    frame.bytes[13]),
				n == 1 ? ", nothing but its header," : "", verdict_name(verdict));
	}
}

static const char *packets_of(const struct map *map, const struct tally *tally)
{
	const char *all = "rx_packets:";

	for (__u32 key = 0; key < ACTIONS; key++) {
		const char *name = verdict_name(key);

		all = text("%s%s %.*s %llu", all, key ? "," : "", (int)strcspn(name, " "), name,
			   tally ? tally[key].packets : map_number(map, key, "rx_packets"));
	}
	return all;
}

static void check_tally(const struct map *map, const struct tally tally[ACTIONS])
{
	expected("%s", packets_of(map, tally));
	for (__u32 key = 0; key < ACTIONS; key++) {
		unsigned long long packets = map_number(map, key, "rx_packets");

		if (packets == tally[key].packets)
			continue;
		if (key == XDP_DROP && !packets &&
		    map_number(map, XDP_PASS, "rx_packets") == tally[XDP_PASS].packets)
			not_yet("%s: the dropped frames are not counted", packets_of(map, NULL));
		not_yet("%s", packets_of(map, NULL));
	}
	if (!map_has_member(map, "rx_bytes"))
		return; /* nobody has to do one exercise before another */
	for (__u32 key = 0; key < ACTIONS; key++) {
		unsigned long long bytes = map_number(map, key, "rx_bytes");

		expected("rx_bytes %llu under %s", tally[key].bytes, verdict_name(key));
		if (bytes != tally[key].bytes)
			not_yet("%llu", bytes);
	}
}

/* A line for each, also for those that nobody got. */
static void wait_for_actions(struct run *reader, struct map *map)
{
	for (__u32 key = 0; key < ACTIONS; key++) {
		const char *name = verdict_name(key);

		wait_for_figures(reader, map, key, text("%.*s", (int)strcspn(name, " "), name),
				 NULL);
	}
}

static void check_verdicts(void)
{
	struct program *program = load(OBJECT, PROGRAM);
	struct map *map = map_of(program, MAP);
	struct tally tally[ACTIONS] = {};
	unsigned int count = rnd(40, 80);
	struct run *reader;

	sent("%u frames, some of IPv6 and some not, by BPF_PROG_TEST_RUN", count);
	expected("XDP_PASS (2) for IPv6, XDP_DROP (1) for all else");
	run_mixture(program, count, tally);
	check_tally(map, tally);
	check_null_check();

	lay_wire();
	sent("%u frames into %s, while %s runs there", count, wire.dev, READER);
	expected("a line for each action, with the packets that the map holds for it");
	reader = start_reader(&map);
	for (unsigned int n = 0; n < count; n++) {
		struct frame frame = frame_of_family(rnd(0, 2));

		send_frame(&frame);
	}
	pause_ms(20);
	wait_for_actions(reader, map);
	sent("numbers of the grader's own into the map at each key, while %s runs", READER);
	expected("a line for each action, with the packets that the map holds for it");
	for (__u32 key = 0; key < ACTIONS; key++)
		fill_map(map, key);
	wait_for_actions(reader, map);
	stop(reader, SIGINT);
}

/* ---- vanishing ---- */

/* All that is counted, wherever an answer keeps it. */
static unsigned long long all_packets(const struct map *map)
{
	unsigned long long all = 0;

	for (__u32 key = 0; key < map->info.max_entries && key < 64; key++)
		all += map_number(map, key, "packets");
	return all;
}

static void judge_vanishing(const struct map *map, const struct raced *raced)
{
	unsigned long long counted = all_packets(map);

	sent("%llu runs of xdp_vanishing, at once on two CPUs", raced->runs);
	expected("packets %llu", raced->runs);
	for (int n = 0; n < 2; n++)
		if (raced->verdicts[n] != XDP_PASS)
			not_yet("it returned %s on CPU %d", verdict_name(raced->verdicts[n]),
				cpu_number(n));
	if (!counted)
		not_yet("packets 0: it counted nothing");
	if (counted < raced->runs)
		not_yet("packets %llu: %llu of them vanished", counted, raced->runs - counted);
	if (counted > raced->runs)
		not_yet("packets %llu: %llu too many", counted, counted - raced->runs);
}

static void check_vanishing(void)
{
	struct program *program = load("vanishing_kern.o", "xdp_vanishing");
	struct map *map = map_of(program, "vanishing_map");
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));

	if (cpu_count() < 2)
		cannot_tell("try it where there are two: ./lab check --vm",
			    "there is one CPU here, and it takes two to lose a packet");
	if (!race(program, &frame, false, 15, judge_vanishing, map))
		cannot_tell("try again when the machine is less busy",
			    "its two CPUs were hardly ever both at it: too little could be lost");
}

/* ---- percpu ---- */

static bool is_per_cpu(const struct map *map)
{
	return map->info.type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       map->info.type == BPF_MAP_TYPE_PERCPU_HASH ||
	       map->info.type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* Runs it on each CPU another number of times, and looks at the record of each. */
static void check_own_records(const struct program *program, const struct map *map)
{
	struct frame frame = frame_udp(AF_INET6, 7, 7, rnd(70, 1514));
	unsigned int cpus = cpu_count() < 4 ? cpu_count() : 4, runs[4];
	__u32 key = 0;

	for (unsigned int n = 0; n < cpus; n++) {
		stay_on_cpu(n);
		runs[n] = rnd(100, 5000);
		key = verdict_on_many(program, &frame, runs[n]);
	}
	for (unsigned int n = 0; n < cpus; n++) {
		unsigned long long came = map_number_of_cpu(map, key, "rx_packets", cpu_number(n));

		sent("%u runs on CPU %d, and others on others", runs[n], cpu_number(n));
		expected("rx_packets %u in the record of CPU %d, under %s", runs[n], cpu_number(n),
			 verdict_name(key));
		if (came != runs[n])
			not_yet("%llu", came);
		if (!map_has_member(map, "rx_bytes"))
			continue; /* nobody has to do one exercise before another */
		came = map_number_of_cpu(map, key, "rx_bytes", cpu_number(n));
		expected("rx_bytes %llu there, as each frame has %u",
			 (unsigned long long)runs[n] * frame.len, frame.len);
		if (came != (unsigned long long)runs[n] * frame.len)
			not_yet("%llu", came);
	}
}

static const char *which_part(const char *line, const struct map *map, __u32 key)
{
	for (unsigned int cpu = 0; cpu < map->copies; cpu++) {
		unsigned long long one = map_number_of_cpu(map, key, "rx_packets", cpu);

		if (has_number(line, one, one))
			return cpu ? "those of one CPU alone" : "those of CPU 0 alone";
	}
	return "another number";
}

/*
 * The grader writes to the map of the program that is attached, for each CPU that the machine could
 * have: the reader must come to the same sums. What else arrives meanwhile only makes them larger.
 */
static void wait_for_sums(struct run *reader, struct map *map, __u32 key, bool with_bytes)
{
	struct range sum = { .from = map_number(map, key, "rx_packets") };
	struct range bytes = { .from = with_bytes ? map_number(map, key, "rx_bytes") : 0 };
	const char *last = NULL, *packets_alone = NULL, *odd = NULL;

	expected("a line with their sum, which is %llu packets%s", sum.from,
		 with_bytes ? text(" and %llu bytes", bytes.from) : "");
	for (double deadline = seconds() + 1.5; seconds() < deadline && !has_ended(reader);) {
		char *line = next_line(reader, 100);

		sum.to = map_number(map, key, "rx_packets");
		bytes.to = with_bytes ? map_number(map, key, "rx_bytes") : 0;
		if (line && shows(line, sum) && (!with_bytes || shows(line, bytes))) {
			if (!stand_as(line, sum))
				return;
			odd = line;
		}
		if (line && shows(line, sum))
			packets_alone = line;
		last = line && strstr(line, "XDP_PASS") ? line : last;
	}
	if (odd)
		misplaced(reader, odd, sum);
	if (packets_alone) {
		quote(reader->said, packets_alone);
		not_yet("their packets, and another number of bytes");
	}
	if (!last)
		no_line(reader, "XDP_PASS");
	quote(reader->said, last);
	not_yet("%s", which_part(last, map, key));
}

static void check_sum(void)
{
	struct run *reader;
	struct map *map;

	lay_wire();
	sent("the records of %d CPUs at key %u, written by the grader, while %s runs",
	     libbpf_num_possible_cpus(), XDP_PASS, READER);
	expected("a line with their sum");
	reader = start_reader(&map);
	fill_map(map, XDP_PASS);
	wait_for_sums(reader, map, XDP_PASS, map_has_member(map, "rx_bytes"));
	stop(reader, SIGINT);
}

static void check_percpu(void)
{
	struct program *program = load(OBJECT, PROGRAM);
	struct map *map = map_of(program, MAP);

	sent("%s to the kernel", PROGRAM);
	expected("that its %s has a record for each CPU", MAP);
	if (!is_per_cpu(map))
		not_yet("it has one record for all CPUs: its type is %s",
			libbpf_bpf_map_type_str(map->info.type));
	check_own_records(program, map);
	check_null_check();
	check_sum();
}

LESSON_WITH_ALONE("basic03-map-counter", "vanishing", { "bytes", check_bytes },
		  { "verdicts", check_verdicts }, { "vanishing", check_vanishing },
		  { "percpu", check_percpu });
