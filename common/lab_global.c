// SPDX-License-Identifier: GPL-2.0-only
/* Global variables of a BPF program: where they are, and how they are set and read. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/btf.h>

#include "lab_global.h"
#include "pr.h"

struct place {
	struct bpf_map *map;
	size_t offset;
};

static const struct btf_var_secinfo *find_in(const struct btf *btf, const char *section,
					     const char *name)
{
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *type = id < 0 ? NULL : btf__type_by_id(btf, id);
	const struct btf_var_secinfo *var = type ? btf_var_secinfos(type) : NULL;

	for (int left = type ? btf_vlen(type) : 0; left; left--, var++) {
		const struct btf_type *one = btf__type_by_id(btf, var->type);

		if (!strcmp(btf__name_by_offset(btf, one->name_off), name))
			return var;
	}
	return NULL;
}

/* A variable of this name and size, in any of these sections. */
static int find(struct bpf_object *obj, const char *const sections[], const char *name, size_t size,
		struct place *place)
{
	const struct btf *btf = bpf_object__btf(obj);

	for (; btf && *sections; sections++) {
		const struct btf_var_secinfo *var = find_in(btf, *sections, name);

		if (var && var->size != size)
			return pr_err_because(-EINVAL,
					      pr_text("it has %u bytes instead of %zu.", var->size,
						      size),
					      "compile both sides again: make",
					      "the variable %s in %s is another one", name,
					      pr_names.file);
		place->map = var ? bpf_object__find_map_by_name(obj, *sections) : NULL;
		if (!place->map)
			continue;
		place->offset = var->offset;
		return 0;
	}
	return pr_err_because(-ENOENT, "it has no such global variable, or it is never used.",
			      "declare it there, use it, and compile again: make",
			      "there is no variable %s in %s", name, pr_names.file);
}

int lab_set_global(struct bpf_object *obj, const char *name, const void *value, size_t size)
{
	static const char *const sections[] = { ".rodata", ".data", ".bss", NULL };
	struct place place;
	size_t section_size;
	char *section;
	int err = find(obj, sections, name, size, &place);

	if (err)
		return err;
	section = (char *)bpf_map__initial_value(place.map, &section_size); /* older: const */
	if (!section || place.offset + size > section_size)
		return pr_err(-EINVAL, "cannot set %s in %s", name, pr_names.file);
	memcpy(section + place.offset, value, size);
	return 0;
}

const volatile void *lab_global(struct bpf_object *obj, const char *name, size_t size)
{
	static const char *const sections[] = { ".bss", ".data", NULL };
	struct place place;
	const char *section;
	int err = find(obj, sections, name, size, &place);

	if (err) {
		errno = -err;
		return NULL;
	}
	section = mmap(NULL, bpf_map__value_size(place.map), PROT_READ, MAP_SHARED,
		       bpf_map__fd(place.map), 0);
	if (section == MAP_FAILED) {
		err = errno;
		pr_err(-err, "cannot map the variables of %s into this process", pr_names.file);
		errno = err;
		return NULL;
	}
	return section + place.offset;
}
