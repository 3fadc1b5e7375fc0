// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/if_ether.h>

#include "figures.h"

#define OBJECT "xdp_prog_kern.o"
#define MAP "xdp_stats_map"
#define LOADER "./xdp_loader"
#define READER "./xdp_stats"
#define ACTIONS 5

/* ---- Pins ---- */

static const char *pin_dir(void)
{
	return text("/sys/fs/bpf/%s", wire.dev);
}

static const char *pin_path(void)
{
	return text("%s/" MAP, pin_dir());
}

/* The id of the map that is pinned there, 0 if none is. */
static __u32 pinned_id(const char *path)
{
	struct map *map = map_pinned(path);

	if (map)
		close(map->fd);
	return map ? map->info.id : 0;
}

/* Puts the map at the path; what has been there is replaced in one step, as rename() does it. */
static void pin_at(const char *path, int map_fd)
{
	const char *fresh = text("/sys/fs/bpf/lab_check_%u", rnd(0, 999999));

	mkdir(pin_dir(), 0700);
	if (bpf_obj_pin(map_fd, fresh) || rename(fresh, path))
		cannot_tell("./lab doctor", "the grader cannot pin a map at %s: %s", path,
			    strerror(errno));
}

/* A map like the lesson's own, of another loading of the same file. */
static struct map *another_map(void)
{
	struct map *map = map_of(load(OBJECT, "xdp_pass_func"), MAP);

	for (__u32 key = 0; key < ACTIONS; key++)
		fill_map(map, key);
	return map;
}

/* Runs the loader, which has to succeed. */
#define load_with(...) succeed(run(LOADER, "--dev", wire.dev, __VA_ARGS__))

static void succeed(struct run *run)
{
	if (!run->status)
		return;
	quote(run->said, *run->err ? run->err : run->out);
	not_yet("%s ended with status %d", run->said, run->status);
}

static void load_program_of_lesson(const char *name)
{
	load_with("--progname", name);
	if (!pinned_id(pin_path()))
		not_yet("no map is pinned at %s", pin_path());
}

/* ---- reload ---- */

#define RATE_MAX 1e6 /* packets a second; nobody sends that many here */

struct watched {
	struct run *run;
	const struct map *map; /* the one whose figures it is to show */
	const char *said; /* the latest line that is not of figures */
	unsigned int times; /* that it came without another between */
	unsigned int descriptors; /* that it had at first */
};

static unsigned int descriptors_of(const struct run *run)
{
	DIR *dir = opendir(text("/proc/%d/fd", run->pid));
	unsigned int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count < 2 ? 0 : count - 2; /* . and .. */
}

/* Something is said three times in a row, in the same words: it is no news. */
static void hear(struct watched *reader, char *line)
{
	reader->times = strcmp(line, reader->said) ? 1 : reader->times + 1;
	reader->said = line;
	if (reader->times > 3)
		not_yet("it says again and again: %s", line);
}

/* The next line of figures. What else it says is kept; rates that cannot be end it. */
static char *next_figures(struct watched *reader)
{
	double deadline = seconds() + 2;
	double rate;
	char *line;

	while (seconds() < deadline && !has_ended(reader->run)) {
		line = next_line(reader->run, 100);
		if (line && number_before(line, "pps", &rate)) {
			if (rate >= 0 && rate < RATE_MAX)
				return line;
			not_yet("it prints a rate that was not there: %s", line);
		}
		if (line && *line)
			hear(reader, line);
	}
	if (has_ended(reader->run)) {
		quote(reader->run->said, *reader->run->err ? reader->run->err : reader->run->out);
		not_yet("it ended with status %d", reader->run->status);
	}
	not_yet("for two seconds it printed no figures");
}

/* Does any line of what it has printed so far, from here on, have both numbers? How many? */
static unsigned int lines_with(const char *from, __u32 one, __u32 other)
{
	unsigned int count = 0;
	double rate;

	while (*from) {
		size_t len = strcspn(from, "\n");
		const char *line = text("%.*s", (int)len, from);

		from += len + (from[len] == '\n');
		if (!number_before(line, "pps", &rate))
			count += has_number(line, one, one) && has_number(line, other, other);
	}
	return count;
}

static unsigned int told(const struct watched *reader, __u32 old_id, __u32 new_id)
{
	return lines_with(reader->run->out, old_id, new_id) +
	       lines_with(reader->run->err, old_id, new_id);
}

/* Which action's figures are these? */
static __u32 action_of(const char *line)
{
	for (__u32 key = 0; key < ACTIONS; key++) {
		const char *name = verdict_name(key);

		if (!strncmp(line, name, strcspn(name, " ")))
			return key;
	}
	not_yet("a line of figures that begins with no action: %s", line);
}

static bool is_of(const char *line, const struct map *map)
{
	unsigned long long packets = map_number(map, action_of(line), "rx_packets");

	return has_number(line, packets, packets);
}

/* The pin leads to this map from now on: it has to be told, and its figures have to come. */
static void wait_for_map(struct watched *reader, const struct map *old, const struct map *map)
{
	double deadline = seconds() + 1.5; /* it may be a busy machine */

	expected("within a second a line with both ids, %u and %u; no rate that was not there",
		 old->info.id, map->info.id);
	while (!told(reader, old->info.id, map->info.id)) {
		next_figures(reader);
		if (seconds() > deadline)
			not_yet("no such line, while the pin leads to map %u", map->info.id);
	}
	expected("the figures of map %u from then on", map->info.id);
	deadline = seconds() + 1.5;
	for (unsigned int right = 0; right < ACTIONS;) {
		char *line = next_figures(reader);

		right = is_of(line, map) ? right + 1 : 0;
		if (!right && seconds() > deadline)
			not_yet("it shows other figures than those of map %u: %s", map->info.id,
				line);
	}
	expected("one line with both ids, %u and %u", old->info.id, map->info.id);
	if (told(reader, old->info.id, map->info.id) > 1)
		not_yet("%u of them", told(reader, old->info.id, map->info.id));
	reader->map = map;
}

static void let_it_print(struct watched *reader, unsigned int lines)
{
	while (lines--)
		next_figures(reader);
}

static void start_watched(struct watched *reader, const struct map *map)
{
	*reader = (struct watched){ .map = map, .said = "" };
	sent("the start of %s --interval 0.01", READER);
	expected("figures, and no word of a new map: there is none");
	reader->run = start(READER, "--dev", wire.dev, "--interval", "0.01");
	let_it_print(reader, 3 * ACTIONS);
	reader->descriptors = descriptors_of(reader->run);
}

/* A map at our path whose values are larger: whoever reads it must have asked for its shape. */
static void check_other_shape(struct watched *reader)
{
	unsigned int size = 8 * rnd(4, 8);
	int fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, MAP, 4, size, ACTIONS, NULL);
	double end = seconds() + 0.3;
	struct map *map;

	sent("a map whose values have %u bytes, pinned in the place of map %u", size,
	     reader->map->info.id);
	expected("an error, or the figures of map %u as before", reader->map->info.id);
	pin_at(pin_path(), fd);
	map = map_pinned(pin_path());
	for (__u32 key = 0; key < ACTIONS; key++)
		fill_map(map, key);
	while (seconds() < end && !has_ended(reader->run)) {
		char *line = next_line(reader->run, 20);
		double rate;

		if (line && number_before(line, "pps", &rate) && !is_of(line, reader->map))
			not_yet("it shows what it found in the map of another shape: %s", line);
	}
}

static void check_descriptors(const struct watched *reader)
{
	unsigned int now = descriptors_of(reader->run);

	sent("map after map, pinned one in the place of the other");
	expected("that %s has as many descriptors as before", READER);
	if (now > reader->descriptors + 3)
		not_yet("%u descriptors, and %u at first", now, reader->descriptors);
}

static void check_reload(void)
{
	const struct map *maps[2], *first;
	struct watched reader;

	lay_wire();
	sent("%s --dev %s --progname xdp_pass_func", LOADER, wire.dev);
	expected("a map that is pinned at %s", pin_path());
	load_program_of_lesson("xdp_pass_func");
	first = map_pinned(pin_path());
	start_watched(&reader, first);

	maps[0] = another_map();
	maps[1] = another_map();
	sent("map %u, pinned in the place of map %u while %s runs", maps[0]->info.id,
	     first->info.id, READER);
	pin_at(pin_path(), maps[0]->fd);
	wait_for_map(&reader, first, maps[0]);

	sent("the pin of map %u removed, and 0.05 seconds later map %u pinned", maps[0]->info.id,
	     maps[1]->info.id);
	expected("that %s goes on until there is a pin again", READER);
	unlink(pin_path());
	let_it_print(&reader, ACTIONS);
	pause_ms(50);
	pin_at(pin_path(), maps[1]->fd);
	wait_for_map(&reader, maps[0], maps[1]);

	for (int n = 0; n < 6; n++) {
		pin_at(pin_path(), maps[n % 2]->fd);
		for (double end = seconds() + 1; seconds() < end;)
			if (is_of(next_figures(&reader), maps[n % 2]))
				break;
	}
	reader.map = maps[1];
	let_it_print(&reader, 2 * ACTIONS);
	check_descriptors(&reader);
	check_other_shape(&reader);
	stop(reader.run, SIGINT);
}

/* ---- reuse ---- */

static void send_some(unsigned int count)
{
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514));

	for (unsigned int n = 0; n < count; n++)
		send_frame(&frame);
	pause_ms(20); /* some may be on their way */
}

static void check_count(const struct map *map, __u32 key, unsigned int count)
{
	unsigned long long came = map_number(map, key, "rx_packets");

	if (came < count)
		not_yet("%s %llu", verdict_name(key), came);
}

static void check_kept(void)
{
	unsigned int first = rnd(10, 60), second = rnd(10, 60);
	const struct map *map, *used;
	__u32 id;

	sent("%s --progname xdp_pass_func, %u frames, and --unload", LOADER, first);
	expected("that its map stays pinned, at %s", pin_path());
	load_program_of_lesson("xdp_pass_func");
	map = map_pinned(pin_path());
	send_some(first);
	load_with("--unload");
	id = pinned_id(pin_path());
	if (!id)
		not_yet("nothing is pinned there any more");

	sent("%s --progname xdp_drop_func after it, and %u frames more", LOADER, second);
	expected("that map %u is pinned still, and that xdp_drop_func counts in it", map->info.id);
	load_program_of_lesson("xdp_drop_func");
	id = pinned_id(pin_path());
	used = map_in_use(MAP);
	if (id != map->info.id)
		not_yet("now map %u is pinned", id);
	if (!used || used->info.id != id)
		not_yet("map %u is pinned, but the program on %s does not count in it", id,
			wire.dev);
	send_some(second);
	expected("XDP_PASS %u of before, and XDP_DROP %u", first, second);
	check_count(map, XDP_PASS, first);
	check_count(map, XDP_DROP, second);

	sent("%s --unload-all", LOADER);
	expected("that the pin goes, too");
	load_with("--unload-all");
	if (pinned_id(pin_path()))
		not_yet("map %u is pinned still", id);
}

struct shape {
	enum bpf_map_type type;
	unsigned int value_size, entries;
};

/* Somebody's map at our path, which cannot be this program's. */
static void check_refused(const struct shape *shape)
{
	int fd = bpf_map_create(shape->type, MAP, 4, shape->value_size, shape->entries, NULL);
	const char *what = text("%s, values of %u bytes, %u entries",
				libbpf_bpf_map_type_str(shape->type), shape->value_size,
				shape->entries);
	struct lab_prog progs[LAB_MAX_PROGS];
	struct run *loader;
	__u32 id;

	sent("a map of another shape at %s (%s), and %s", pin_path(), what, LOADER);
	expected("a refusal: the pin as it was, no program, an exit status that is not 0");
	pin_at(pin_path(), fd);
	id = pinned_id(pin_path());
	loader = run(LOADER, "--dev", wire.dev, "--progname", "xdp_pass_func");
	if (pinned_id(pin_path()) != id)
		not_yet("the map that was pinned there was replaced, or its pin removed");
	if (attached(progs)) {
		struct map *used = map_in_use(MAP);

		not_yet("the program runs on %s%s", wire.dev,
			used && used->info.id == id ? text(", with that map: %s", what) : "");
	}
	if (!loader->status)
		not_yet("no program, and exit status 0");
}

static void check_reuse(void)
{
	const struct shape shapes[] = {
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 8, ACTIONS },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 8 * rnd(3, 8), ACTIONS },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 16, ACTIONS + rnd(1, 60) },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 16, rnd(1, ACTIONS - 1) },
		{ BPF_MAP_TYPE_ARRAY, 16, ACTIONS },
	};

	lay_wire();
	check_kept();
	for (size_t n = 0; n < sizeof(shapes) / sizeof(shapes[0]); n++)
		check_refused(&shapes[n]);
}

/* ---- cleanup ---- */

/* Pins of somebody else, beside ours and elsewhere. */
struct neighbours {
	const char *paths[2];
	__u32 ids[2];
};

static void plant(struct neighbours *neighbours)
{
	const char *dir = text("/sys/fs/bpf/other%u", rnd(0, 9999));

	mkdir(dir, 0700);
	neighbours->paths[0] = text("%s/theirs%u", pin_dir(), rnd(0, 9999));
	neighbours->paths[1] = text("%s/" MAP, dir);
	for (int n = 0; n < 2; n++) {
		pin_at(neighbours->paths[n], another_map()->fd);
		neighbours->ids[n] = pinned_id(neighbours->paths[n]);
	}
}

static void check_neighbours(const struct neighbours *neighbours)
{
	for (int n = 0; n < 2; n++)
		if (pinned_id(neighbours->paths[n]) != neighbours->ids[n])
			not_yet("%s, the pin of somebody else, is gone", neighbours->paths[n]);
}

/*
 * A program that is held by a link of somebody else's: --unload-all refuses to detach it, and so
 * its map must stay pinned.
 */
static void check_failed_unload(void)
{
	struct program *program = load(OBJECT, "xdp_pass_func");
	struct map *map = map_of(program, MAP);
	struct lab_prog progs[LAB_MAX_PROGS];
	struct run *loader;
	int link = bpf_link_create(program->fd, wire.ifindex, BPF_XDP, NULL);

	if (link < 0)
		cannot_tell("./lab doctor", "this kernel has no links for XDP: %s",
			    strerror(-link));
	pin_at(pin_path(), map->fd);
	sent("xdp_pass_func held by a link of the grader's, its map pinned at %s, and "
	     "%s --unload-all",
	     pin_path(), LOADER);
	expected("that it refuses, as without --force it must, and that the pin stays");
	loader = run(LOADER, "--dev", wire.dev, "--unload-all");
	if (!attached(progs))
		not_yet("the program was detached");
	if (pinned_id(pin_path()) != map->info.id)
		not_yet("the pin is gone, and the program is still attached");
	if (!loader->status)
		not_yet("exit status 0");
	/* Closing it would not do: whoever looks at all links of the machine may have it open. */
	if (bpf_link_detach(link))
		cannot_tell("./lab doctor", "a link cannot be detached: %s", strerror(errno));
	close(link);
	unlink(pin_path());
}

/* Our own pin, with neighbours, and then without them. */
static void check_own_pin(void)
{
	struct neighbours neighbours;
	__u32 id;

	sent("%s, pins of other maps beside its own and elsewhere, and --unload-all", LOADER);
	expected("that its own pin goes, and the others stay");
	load_program_of_lesson("xdp_pass_func");
	id = pinned_id(pin_path());
	plant(&neighbours);
	load_with("--unload-all");
	check_neighbours(&neighbours);
	if (pinned_id(pin_path()))
		not_yet("map %u is still pinned, though the program has gone", id);

	sent("%s and --unload-all, nothing else in %s", LOADER, pin_dir());
	expected("that the pin goes, and the directory, which is empty then");
	unlink(neighbours.paths[0]);
	load_program_of_lesson("xdp_pass_func");
	load_with("--unload-all");
	if (!access(pin_path(), F_OK))
		not_yet("the pin is still there");
	if (!access(pin_dir(), F_OK))
		not_yet("%s is still there", pin_dir());
}

/* It leaves a pin that may be somebody's. Does it say a word of that? */
static void check_note(const struct run *loader)
{
	expected("a word of the pin at %s, which it leaves", pin_path());
	quote(loader->said, *loader->err ? loader->err : loader->out);
	for (int n = 0; n < 2; n++) {
		const char *words = n ? loader->err : loader->out;

		if (strstr(words, MAP) || strcasestr(words, "pin") || strstr(words, pin_dir()))
			return;
	}
	not_yet("no such word");
}

/* Somebody else's map at our path, of the same shape. */
static void check_theirs(const char *before, const char *why)
{
	const struct map *theirs = another_map();
	struct run *loader;

	pin_at(pin_path(), theirs->fd);
	loader = run(LOADER, "--dev", wire.dev, "--unload-all");
	sent("%s another map of the same shape pinned at %s, and --unload-all", before, pin_path());
	expected("that this map, %u, stays pinned: %s", theirs->info.id, why);
	succeed(loader);
	if (pinned_id(pin_path()) != theirs->info.id)
		not_yet("map %u, which is not the program's, is pinned no more", theirs->info.id);
	check_note(loader);
	unlink(pin_path());
}

static void check_cleanup(void)
{
	lay_wire();
	check_failed_unload();
	check_own_pin();
	load_program_of_lesson("xdp_pass_func");
	check_theirs(text("%s, then", LOADER), "the program has another");
	check_theirs(text("no program on %s,", wire.dev), "nothing tells whose it is");
}

LESSON("basic04-pinning-maps", { "reload", check_reload }, { "reuse", check_reuse },
       { "cleanup", check_cleanup });
