// SPDX-License-Identifier: GPL-2.0-only
/* An object file, and the one program in it that is meant. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "lab_pin.h"
#include "lab_xdp.h"
#include "pr.h"

/* Is this a whole ELF file for BPF? libbpf's own words for what is not are hard to read. */
static int check_file(const char *path)
{
	Elf64_Ehdr head;
	struct stat st;
	ssize_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		if (err == -EMFILE)
			return pr_err(err, "cannot open %s", path);
		return pr_err_because(err, strerror(-err),
				      err == -ENOENT ?
					      "is the name right? `make` builds a lesson's "
					      "objects." :
					      pr_text("see what it is, and whose: ls -l %s", path),
				      "cannot open %s", path);
	}
	if (S_ISREG(st.st_mode))
		len = pread(fd, &head, sizeof(head), 0);
	close(fd);
	if (!S_ISREG(st.st_mode))
		return pr_err_because(-EINVAL, "that is no regular file.",
				      "name an object file, such as xdp_pass_kern.o",
				      "cannot use %s", path);
	if (len == sizeof(head) && !memcmp(head.e_ident, ELFMAG, SELFMAG) &&
	    head.e_machine == EM_BPF)
		return 0;
	return pr_err_because(-ENOEXEC,
			      st.st_size ? "that is no BPF object file: clang -target bpf "
					   "makes them." :
					   "the file is empty.",
			      "`make` builds a lesson's objects.", "cannot use %s", path);
}

/* Its packets come from a map that redirects them, never from a device. */
static bool is_for_map(struct bpf_program *prog)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(prog);

	return type == BPF_XDP_DEVMAP || type == BPF_XDP_CPUMAP;
}

static bool is_xdp(struct bpf_program *prog)
{
	enum bpf_prog_type type = bpf_program__type(prog);

	/* The older style names the section as it likes, so that libbpf knows no type. */
	return (type == BPF_PROG_TYPE_XDP && !is_for_map(prog)) || type == BPF_PROG_TYPE_UNSPEC;
}

static bool has_xdp(struct bpf_object *obj)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		if (is_xdp(prog))
			return true;
	}
	return false;
}

/* "XDP programs in there: a b", or their sections. */
static const char *list_names(struct bpf_object *obj, bool sections)
{
	const char *name, *last = "", *names = "";
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, obj) {
		name = sections ? bpf_program__section_name(prog) : bpf_program__name(prog);
		if (!is_xdp(prog) || !strcmp(name, last))
			continue; /* those of one section follow each other */
		names = pr_text("%s %s", names, name);
		last = name;
	}
	if (!*names)
		return "what is in there is for something else, say its sections.";
	return pr_text("XDP %s in there:%s", sections ? "sections" : "programs", names);
}

bool lab_is_chosen(struct bpf_program *prog, const struct cli_args *args)
{
	if (args->progsec)
		return !strcmp(bpf_program__section_name(prog), args->progsec);
	if (args->progname)
		return !strcmp(bpf_program__name(prog), args->progname);
	return is_xdp(prog);
}

bool lab_has_function(const struct bpf_object *obj, const char *name)
{
	const struct btf *btf = bpf_object__btf(obj);

	return btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

int lab_check_choice(struct bpf_object *obj, struct bpf_program *chosen, int fits,
		     const struct cli_args *args)
{
	const char *name = args->progsec ?: args->progname;
	const char *what = args->progsec ? "section" : "program";
	const char *another_file = "name another file: --filename FILE";

	if (fits == 1 && is_xdp(chosen))
		return 0;
	if (fits == 1)
		return pr_err_because(-EINVAL,
				      pr_text("its section, %s, says that it is for %s.",
					      bpf_program__section_name(chosen),
					      is_for_map(chosen) ? "what a devmap or cpumap gets" :
								   "something else"),
				      has_xdp(obj) ? list_names(obj, false) : another_file,
				      "%s in %s is no XDP program%s", bpf_program__name(chosen),
				      pr_names.file, is_for_map(chosen) ? " for a device" : "");
	if (fits)
		return pr_err_because(-EINVAL, list_names(obj, false),
				      "choose one with --progname NAME.", "which program of %s?",
				      pr_names.file);
	if (args->progname && lab_has_function(obj, name))
		return pr_err_because(-ENOENT,
				      "it is a function there, but no section says that it is a "
				      "program.",
				      "write SEC(\"xdp\") in front of it and compile again (make).",
				      "there is no program %s in %s", name, pr_names.file);
	return pr_err_because(-ENOENT, list_names(obj, args->progsec != NULL),
			      has_xdp(obj) ? pr_text("name one of them: --prog%s NAME",
						     args->progsec ? "sec" : "name") :
					     another_file,
			      "there is no %s %s in %s", what, name ?: "for XDP", pr_names.file);
}

int lab_place(struct xdp_program *prog, const struct cli_args *args)
{
	int err = 0;

	if (args->prio) /* else 50, or what the object itself says */
		err = xdp_program__set_run_prio(prog, args->prio);
	for (unsigned int action = 0; action <= XDP_REDIRECT && args->chain_on && !err; action++)
		err = xdp_program__set_chain_call_enabled(prog, action,
							  args->chain_on & 1U << action);
	if (err)
		return pr_err(err, "cannot set the place of %s in the chain",
			      xdp_program__name(prog));
	return 0;
}

struct xdp_program *lab_choose(struct bpf_object *obj, const struct cli_args *args)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .obj = obj);
	struct bpf_program *one, *chosen = NULL;
	struct xdp_program *prog;
	int fits = 0;

	bpf_object__for_each_program(one, obj) {
		bool fit = lab_is_chosen(one, args);

		bpf_program__set_autoload(one, fit);
		if (bpf_program__type(one) == BPF_PROG_TYPE_UNSPEC) { /* the older style */
			bpf_program__set_type(one, BPF_PROG_TYPE_XDP);
			bpf_program__set_expected_attach_type(one, BPF_XDP);
		}
		chosen = fit ? one : chosen;
		fits += fit;
	}
	errno = ENOENT;
	if (lab_check_choice(obj, chosen, fits, args))
		return NULL;
	opts.prog_name = bpf_program__name(chosen);
	prog = xdp_program__create(&opts);
	if (!prog)
		pr_err(-errno, "cannot use %s of %s", opts.prog_name, pr_names.file);
	if (prog && lab_place(prog, args)) {
		xdp_program__close(prog);
		prog = NULL;
		errno = EINVAL;
	}
	return prog;
}

/* The kernel would be busy for minutes making it, and nothing could stop it. */
static unsigned long long most_memory(void)
{
	return (unsigned long long)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 16;
}

/* About what the kernel takes for a map as it makes it. */
static unsigned long long memory_of(const struct bpf_map *map)
{
	unsigned long long entry = (bpf_map__value_size(map) + 7ULL) / 8 * 8;
	int cpus = libbpf_num_possible_cpus();

	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_RINGBUF:
		return bpf_map__max_entries(map); /* that is its size */
	case BPF_MAP_TYPE_LPM_TRIE:
		return 0; /* it grows as it is filled */
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		entry *= cpus > 0 ? cpus : 1;
		break;
	default:
		break;
	}
	if (bpf_map__map_flags(map) & BPF_F_NO_PREALLOC)
		entry = 0; /* but it has room to find so many */
	else
		entry += bpf_map__key_size(map);
	return bpf_map__max_entries(map) * (entry + 8);
}

static const struct bpf_map *find_huge_map(struct bpf_object *obj)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, obj) {
		if (memory_of(map) > most_memory())
			return map;
	}
	return NULL;
}

static int check_maps(struct bpf_object *obj)
{
	const struct bpf_map *map = find_huge_map(obj);

	if (!map)
		return 0;
	return pr_err_because(
		-ENOMEM,
		pr_text("its map '%s' would take %llu MB, more than a sixteenth of the memory.",
			bpf_map__name(map), memory_of(map) >> 20),
		"ask for fewer of its max_entries, and compile again.", "cannot use %s",
		pr_names.file);
}

/* What libbpf does with a file, up to the kernel; whatever comes of it ends with this process. */
static void try_file(const struct cli_args *args)
{
	const struct rlimit no_core = {};
	struct bpf_program *one;
	struct bpf_object *obj;
	struct bpf_map *map;

	setrlimit(RLIMIT_CORE, &no_core);
	alarm(20);
	obj = bpf_object__open_file(args->filename, NULL);
	if (!obj || find_huge_map(obj))
		_exit(0); /* an error that is told is a good one: it will be told again */
	bpf_object__for_each_program(one, obj) {
		bpf_program__set_autoload(one, lab_is_chosen(one, args));
		if (bpf_program__type(one) == BPF_PROG_TYPE_UNSPEC)
			bpf_program__set_type(one, BPF_PROG_TYPE_XDP);
	}
	bpf_object__for_each_map(map, obj)
		bpf_map__set_pin_path(map, NULL); /* a pin would stay */
	bpf_object__load(obj);
	_exit(0);
}

/*
 * libbpf trusts its input: of a thousand damaged files some make it read where nothing is. What
 * has not been made here is tried in a process of its own first.
 */
static int check_by_trial(const struct cli_args *args)
{
	int pid, status = 0;

	fflush(NULL);
	signal(SIGCHLD, SIG_DFL); /* who ignores it is not told how a process ended */
	pid = fork();
	if (!pid) {
		pr_level = PR_QUIET;
		try_file(args);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return pr_err(-errno, "cannot try %s out", args->filename);
	if (!WIFSIGNALED(status))
		return 0;
	return pr_err_because(-ENOEXEC,
			      pr_text("it is damaged: libbpf stumbles over it (%s).",
				      strsignal(WTERMSIG(status))),
			      "make it again from its source.", "cannot use %s", args->filename);
}

struct bpf_object *lab_open_file(const struct cli_args *args)
{
	struct bpf_object *obj;
	int err = check_file(args->filename);

	if (!err && !args->own_file)
		err = check_by_trial(args);
	if (err) {
		errno = -err;
		return NULL;
	}
	obj = bpf_object__open_file(args->filename, NULL);
	if (!obj) {
		err = errno;
		pr_err(-err, "cannot read %s", args->filename);
		errno = err;
		return NULL;
	}
	err = check_maps(obj) ?: lab_place_pins(obj, args);
	if (!err && !bpf_object__btf(obj))
		err = lab_cannot_share("its file has no type information (BTF)", args);
	if (err) {
		bpf_object__close(obj);
		errno = -err;
		return NULL;
	}
	return obj;
}

struct xdp_program *lab_open(const struct cli_args *args)
{
	struct bpf_object *obj = lab_open_file(args);
	struct xdp_program *prog = obj ? lab_choose(obj, args) : NULL;

	if (obj && !prog)
		bpf_object__close(obj);
	return prog;
}

void lab_close(struct xdp_program *prog)
{
	struct bpf_object *obj;

	if (!prog)
		return;
	obj = xdp_program__bpf_obj(prog);
	xdp_program__close(prog); /* not the object, which was ours */
	bpf_object__close(obj);
}
