// SPDX-License-Identifier: GPL-2.0-only
/* Numbers in lines that people read, and the map that they come from. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "figures.h"
#include "grade.h"

/* The number that begins here, with or without commas between its thousands; *end is behind it. */
static unsigned long long read_number(const char *begin, const char **end)
{
	unsigned long long number = 0;
	const char *at = begin;

	for (;; at++) {
		if (isdigit((unsigned char)*at))
			number = number * 10 + (*at - '0');
		else if (*at != ',' || strspn(at + 1, "0123456789") < 3)
			break;
	}
	*end = at;
	return number;
}

/* What stands before it makes of digits a part of a name, a fraction or something negative. */
static bool begins_number(const char *line, const char *at)
{
	if (!isdigit((unsigned char)*at))
		return false;
	return at == line || !(isalnum((unsigned char)at[-1]) || strchr("_.-", at[-1]));
}

bool has_number(const char *line, unsigned long long from, unsigned long long to)
{
	const char *at = line;

	while (*at) {
		unsigned long long number;
		const char *end;

		if (!begins_number(line, at)) {
			at++;
			continue;
		}
		number = read_number(at, &end);
		if (number >= from && number <= to &&
		    !(*end == '.' && isdigit((unsigned char)end[1])))
			return true;
		at = end;
	}
	return false;
}

bool number_before(const char *line, const char *word, double *number)
{
	const char *end = strstr(line, word), *begin;
	char digits[64];
	size_t len = 0;

	if (!end)
		return false;
	while (end > line && end[-1] == ' ')
		end--;
	for (begin = end; begin > line && strchr("0123456789.,-+e", begin[-1]); begin--)
		;
	if (begin > line && (isalpha((unsigned char)begin[-1]) || begin[-1] == '_'))
		return false; /* IPv6 packets */
	for (; begin < end && len < sizeof(digits) - 1; begin++)
		if (*begin != ',')
			digits[len++] = *begin;
	digits[len] = '\0';
	*number = strtod(digits, NULL);
	return len;
}

static struct map *map_of_program(__u32 prog_id, const char *name)
{
	__u32 ids[64];
	struct bpf_prog_info info = { .nr_map_ids = 64, .map_ids = (uintptr_t)ids };
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(prog_id);
	struct map *map;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		return NULL;
	for (__u32 n = 0; n < info.nr_map_ids && n < 64; n++) {
		map = map_of_id(ids[n]);
		if (map && !strcmp(map->info.name, name))
			return map;
	}
	return NULL;
}

struct map *map_in_use(const char *name)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	unsigned int count = attached(progs);
	struct map *map = NULL;

	for (unsigned int n = 0; n < count && !map; n++)
		map = map_of_program(progs[n].id, name);
	return map;
}

void fill_map(const struct map *map, __u32 key)
{
	size_t words = (map->info.value_size + 7) / 8 * map->copies;
	__u64 *values = calloc(words, 8);

	if (!values)
		give_up(ENOMEM, "no memory");
	for (size_t n = 0; n < words; n++)
		values[n] = (__u64)rnd(0, 9) << 32 | rnd(100000, 99999999);
	if (bpf_map_update_elem(map->fd, &key, values, BPF_ANY))
		give_up(errno, "cannot write to %s", map->info.name);
	free(values);
}

void wait_for_program(struct run *run)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	double deadline = seconds() + 4;

	while (!attached(progs)) {
		if (has_ended(run)) {
			quote(run->said, *run->err ? run->err : run->out);
			not_yet("it ended with status %d, and nothing runs on %s", run->status,
				wire.dev);
		}
		if (seconds() > deadline)
			not_yet("after four seconds, nothing runs on %s", wire.dev);
		pause_ms(2);
	}
}
