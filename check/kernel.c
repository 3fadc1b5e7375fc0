// SPDX-License-Identifier: GPL-2.0-only
/* The learner's BPF objects in the kernel: loaded, run on exact bytes, their maps read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "explain.h"
#include "grade.h"
#include "pr.h"

#define LOG_SIZE (1 << 20)

static char *names_of(struct bpf_object *obj)
{
	struct bpf_program *prog;
	char *names = text("%s", "");

	bpf_object__for_each_program(prog, obj)
		names = text("%s %s", names, bpf_program__name(prog));
	return names;
}

/* What libbpf said during the last opening or loading. */
static char library_words[4096];

__attribute__((format(printf, 2, 0))) static int keep_words(enum libbpf_print_level level,
							    const char *fmt, va_list args)
{
	size_t used = strlen(library_words);

	if (level == LIBBPF_WARN)
		vsnprintf(library_words + used, sizeof(library_words) - used, fmt, args);
	return 0;
}

static libbpf_print_fn_t begin_to_listen(void)
{
	*library_words = '\0';
	return libbpf_set_print(keep_words);
}

/* In the words of common/explain.c, which may name both. */
static void explain_library(int err, const char *file, const char *name, struct explained *words)
{
	pr_names.file = file;
	pr_names.prog = name;
	explain(err, library_words, words);
}

static struct bpf_object *open_object(const char *file)
{
	const char *path = text("%s/%s/%s", tree, wanted.lesson->dir, file);
	libbpf_print_fn_t before;
	struct explained words = {};
	struct bpf_object *obj;

	if (access(path, R_OK))
		say_not_yet("there is no %s in %s: does the Makefile still name it?", file,
			    wanted.lesson->dir);
	before = begin_to_listen();
	obj = bpf_object__open_file(path, NULL);
	libbpf_set_print(before);
	if (obj)
		return obj;
	explain_library(-errno, file, "", &words);
	quote("libbpf", library_words);
	say_not_yet("libbpf cannot open %s: %s%s%s", file, words.why, *words.fix ? "\n" : "",
		    words.fix);
}

bool has_program(const char *file, const char *name)
{
	return bpf_object__find_program_by_name(open_object(file), name);
}

struct program *open_program(const char *file, const char *name)
{
	struct program *program = calloc(1, sizeof(*program));
	struct bpf_program *other;

	if (!program)
		give_up(ENOMEM, "no memory");
	program->file = file;
	program->name = name;
	program->obj = open_object(file);
	program->prog = bpf_object__find_program_by_name(program->obj, name);
	if (!program->prog && lab_has_function(program->obj, name))
		say_not_yet("%s has a function %s, but no section says that it is a program:\n"
			    "write SEC(\"xdp\") in front of it",
			    file, name);
	if (!program->prog)
		say_not_yet("%s has no program %s; it has:%s", file, name, names_of(program->obj));
	bpf_object__for_each_program(other, program->obj)
		bpf_program__set_autoload(other, other == program->prog);
	return program;
}

/* Which line of the learner's source says this? 0 if none, or more than one. */
static unsigned int line_number(const struct program *program, const char *source)
{
	const char *name = text("%.*s.c", (int)strlen(program->file) - 2, program->file);
	const char *path = text("%s/%s/%s", tree, wanted.lesson->dir, name);
	unsigned int number = 0, found = 0;
	char *line = NULL;
	size_t size = 0;
	FILE *in = fopen(path, "re");

	while (in && getline(&line, &size, in) > 0) {
		number++;
		if (!strstr(line, source))
			continue;
		if (found)
			return 0;
		found = number;
	}
	return found;
}

__attribute__((noreturn)) static void say_refused(const struct program *program, const char *log,
						  int err)
{
	const char *said = text("-- BEGIN PROG LOAD LOG --\n%s-- END PROG LOAD LOG --\n", log);
	struct explained_log taken_apart;
	struct explained words = {};
	unsigned int line;

	if (!*log || !explain_log(said, &taken_apart)) {
		explain_library(err, program->file, program->name, &words);
		say_not_yet("the kernel refuses %s: %s%s%s", program->name, words.why,
			    *words.fix ? "\n" : "", words.fix);
	}
	explain(err, said, &words);
	quote("the kernel", taken_apart.tail);
	if (!taken_apart.source)
		say_not_yet("%s\n%s", words.why, words.fix);
	line = line_number(program, taken_apart.source);
	say_not_yet("%s\nit stopped at%s %.*s.c: %s\n%s", words.why,
		    line ? text(" line %u of", line) : "", (int)strlen(program->file) - 2,
		    program->file, taken_apart.source, words.fix);
}

void load_program(struct program *program)
{
	char *log = calloc(1, LOG_SIZE);
	libbpf_print_fn_t before;
	int err;

	if (!log)
		give_up(ENOMEM, "no memory");
	bpf_program__set_log_buf(program->prog, log, LOG_SIZE);
	bpf_program__set_log_level(program->prog, 1);
	before = begin_to_listen();
	err = bpf_object__load(program->obj);
	libbpf_set_print(before);
	if (err)
		say_refused(program, log, err);
	free(log);
	program->fd = bpf_program__fd(program->prog);
	if (bpf_program__type(program->prog) != BPF_PROG_TYPE_XDP)
		say_not_yet("%s is no XDP program: what does its SEC() say?", program->name);
}

struct program *load(const char *file, const char *name)
{
	struct program *program = open_program(file, name);

	load_program(program);
	return program;
}

/* ---- Global variables ---- */

struct place {
	unsigned int offset, size;
};

/* A section of global variables is the value of a map, too. */
static bool find_variable(const struct btf *btf, const struct btf_type *section, const char *name,
			  struct place *place)
{
	const struct btf_var_secinfo *var = btf_var_secinfos(section);

	for (int n = 0; n < btf_vlen(section); n++, var++) {
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (strcmp(btf__name_by_offset(btf, type->name_off), name))
			continue;
		*place = (struct place){ var->offset, var->size };
		return place->size <= 8;
	}
	return false;
}

void set_global(const struct program *program, const char *name, unsigned long long value)
{
	static const char *const sections[] = { ".rodata", ".data", ".bss" };
	const struct btf *btf = bpf_object__btf(program->obj);

	for (size_t n = 0; btf && n < sizeof(sections) / sizeof(sections[0]); n++) {
		int id = btf__find_by_name_kind(btf, sections[n], BTF_KIND_DATASEC);
		struct bpf_map *map = bpf_object__find_map_by_name(program->obj, sections[n]);
		struct place place;
		size_t size;

		if (id < 0 || !map || !find_variable(btf, btf__type_by_id(btf, id), name, &place))
			continue;
		memcpy((char *)bpf_map__initial_value(map, &size) + place.offset, &value,
		       place.size);
		return;
	}
	say_not_yet("%s has no global variable %s", program->file, name);
}

/* ---- On exact bytes ---- */

static __u32 test_run(const struct program *program, const struct frame *in, struct frame *out,
		      unsigned int n)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	opts.data_in = in->bytes;
	opts.data_size_in = in->len;
	opts.data_out = out ? out->bytes : NULL;
	opts.data_size_out = out ? sizeof(out->bytes) : 0;
	opts.repeat = n;
	if (bpf_prog_test_run_opts(program->fd, &opts))
		give_up(errno, "cannot run %s on %u bytes", program->name, in->len);
	if (out)
		out->len = opts.data_size_out;
	return opts.retval;
}

__u32 verdict_on(const struct program *program, const struct frame *frame)
{
	return test_run(program, frame, NULL, 1);
}

__u32 verdict_on_many(const struct program *program, const struct frame *frame, unsigned int n)
{
	return test_run(program, frame, NULL, n);
}

__u32 transform(const struct program *program, const struct frame *in, struct frame *out)
{
	return test_run(program, in, out, 1);
}

const char *verdict_name(__u32 verdict)
{
	static const char *const names[] = {
		[XDP_ABORTED] = "XDP_ABORTED",	 [XDP_DROP] = "XDP_DROP",
		[XDP_PASS] = "XDP_PASS",	 [XDP_TX] = "XDP_TX",
		[XDP_REDIRECT] = "XDP_REDIRECT",
	};

	if (verdict < sizeof(names) / sizeof(names[0]))
		return text("%s (%u)", names[verdict], verdict);
	return text("%u, which is no verdict", verdict);
}

/* ---- Maps ---- */

static struct map *map_of_fd(int fd)
{
	struct map *map = calloc(1, sizeof(*map));
	__u32 len = sizeof(map->info);

	if (!map)
		give_up(ENOMEM, "no memory");
	map->fd = fd;
	if (bpf_obj_get_info_by_fd(fd, &map->info, &len))
		give_up(errno, "cannot ask about a map");
	if (map->info.btf_id)
		map->btf = btf__load_from_kernel_by_id(map->info.btf_id);
	map->copies = 1;
	if (map->info.type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	    map->info.type == BPF_MAP_TYPE_PERCPU_HASH ||
	    map->info.type == BPF_MAP_TYPE_LRU_PERCPU_HASH)
		map->copies = libbpf_num_possible_cpus();
	return map;
}

struct map *map_of(const struct program *program, const char *name)
{
	struct bpf_map *found = bpf_object__find_map_by_name(program->obj, name), *other;
	char *names = text("%s", "");

	if (found)
		return map_of_fd(bpf_map__fd(found));
	if (*name == '.')
		say_not_yet("%s has no global variable in %s", program->file, name);
	bpf_object__for_each_map(other, program->obj)
		names = text("%s %s", names, bpf_map__name(other));
	say_not_yet("%s has no map %s; it has:%s", program->file, name, *names ? names : " none");
}

struct map *map_of_id(__u32 id)
{
	int fd = bpf_map_get_fd_by_id(id);

	return fd < 0 ? NULL : map_of_fd(fd);
}

struct map *map_pinned(const char *path)
{
	int fd = bpf_obj_get(path);
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || !info.max_entries)
		return NULL; /* nothing, or a program */
	return map_of_fd(fd);
}

/* Of a value for each CPU, the kernel hands out each rounded up to eight bytes. */
static size_t stride_of(const struct map *map)
{
	return (map->info.value_size + 7) / 8 * 8;
}

/* Where the member lies in a value, by the BTF that came with the map. */
static bool find_place(const struct map *map, const char *member, struct place *place)
{
	const struct btf_type *type;
	const struct btf_member *m;
	int id = map->info.btf_value_type_id;

	*place = (struct place){ 0, map->info.value_size };
	if (!member)
		return place->size == 1 || place->size == 2 || place->size == 4 || place->size == 8;
	if (!map->btf)
		return false;
	type = btf__type_by_id(map->btf, id);
	while (type && (btf_is_typedef(type) || btf_is_mod(type)))
		type = btf__type_by_id(map->btf, type->type);
	if (type && btf_is_datasec(type))
		return find_variable(map->btf, type, member, place);
	if (!type || !btf_is_composite(type))
		return false;
	m = btf_members(type);
	for (int n = 0; n < btf_vlen(type); n++, m++) {
		if (strcmp(btf__name_by_offset(map->btf, m->name_off), member))
			continue;
		place->offset = btf_member_bit_offset(type, n) / 8;
		place->size = btf__resolve_size(map->btf, m->type);
		return place->size <= 8;
	}
	return false;
}

void set_map_number(const struct map *map, __u32 key, const char *member, unsigned long long value)
{
	size_t stride = stride_of(map);
	unsigned char *values = calloc(map->copies, stride);
	struct place place;

	if (!find_place(map, member, &place))
		say_not_yet("the values of %s have no member %s", map->info.name, member);
	if (!values)
		give_up(ENOMEM, "no memory");
	if (bpf_map_lookup_elem(map->fd, &key, values) && errno != ENOENT)
		give_up(errno, "cannot read %s at %u", map->info.name, key);
	for (unsigned int n = 0; n < map->copies; n++)
		memcpy(values + n * stride + place.offset, &value, place.size);
	if (bpf_map_update_elem(map->fd, &key, values, BPF_ANY))
		give_up(errno, "cannot write to %s", map->info.name);
	free(values);
}

bool map_has_member(const struct map *map, const char *member)
{
	struct place place;

	return find_place(map, member, &place);
}

struct map *map_used_by(__u32 prog_id, const char *member)
{
	__u32 ids[64];
	struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (unsigned long)ids };
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		give_up(errno, "cannot ask about program %u", prog_id);
	close(fd);
	for (__u32 n = 0; n < info.nr_map_ids && n < 64; n++) {
		struct map *map = map_of_id(ids[n]);

		if (map && map_has_member(map, member))
			return map;
		if (map)
			close(map->fd); /* who holds it may matter */
	}
	return NULL;
}

#define ALL_CPUS ~0U

static unsigned long long number_of(const struct map *map, __u32 key, const char *member,
				    unsigned int cpu)
{
	size_t stride = stride_of(map);
	unsigned char *values = calloc(map->copies, stride);
	unsigned long long sum = 0;
	struct place place;

	if (!find_place(map, member, &place))
		say_not_yet("the values of %s have no member %s", map->info.name,
			    member ? member : "that is a number");
	if (map->info.key_size != sizeof(key))
		say_not_yet("the keys of %s have %u bytes instead of 4", map->info.name,
			    map->info.key_size);
	if (!values)
		give_up(ENOMEM, "no memory");
	if (bpf_map_lookup_elem(map->fd, &key, values) && errno != ENOENT)
		give_up(errno, "cannot read %s at %u", map->info.name, key);
	for (unsigned int n = 0; n < map->copies; n++) {
		unsigned long long number = 0;

		memcpy(&number, values + n * stride + place.offset, place.size);
		if (cpu == ALL_CPUS || cpu == n)
			sum += number;
	}
	free(values);
	return sum;
}

unsigned long long map_number(const struct map *map, __u32 key, const char *member)
{
	return number_of(map, key, member, ALL_CPUS);
}

unsigned long long map_number_of_cpu(const struct map *map, __u32 key, const char *member,
				     unsigned int cpu)
{
	return number_of(map, key, member, cpu);
}
