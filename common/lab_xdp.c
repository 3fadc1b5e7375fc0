// SPDX-License-Identifier: GPL-2.0-only
/* XDP programs: open, attach, look, detach. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "lab_dev.h"
#include "lab_link.h"
#include "lab_xdp.h"
#include "pr.h"

/* ---- What runs on a device ---- */

const char *lab_mode_name(enum xdp_attach_mode mode)
{
	switch (mode) {
	case XDP_MODE_NATIVE:
		return "native";
	case XDP_MODE_SKB:
		return "skb";
	case XDP_MODE_HW:
		return "offload";
	case XDP_MODE_UNSPEC:
		break;
	}
	return "auto";
}

const char *lab_describe(const struct lab_prog *prog)
{
	return pr_text("%s (id %u, %s)", prog->name, prog->id, lab_mode_name(prog->mode));
}

/* The kernel keeps 15 letters of a program's name; its BTF has all of it. */
static void read_whole_name(struct lab_prog *prog, const struct bpf_prog_info *info, int fd)
{
	struct bpf_func_info func = {};
	struct bpf_prog_info more = { .nr_func_info = 1,
				      .func_info_rec_size = sizeof(func),
				      .func_info = (unsigned long)&func };
	__u32 len = sizeof(more);
	const struct btf_type *type;
	struct btf *btf;

	snprintf(prog->name, sizeof(prog->name), "%s", *info->name ? info->name : "(no name)");
	if (!info->btf_id || bpf_obj_get_info_by_fd(fd, &more, &len) || !more.nr_func_info)
		return;
	btf = btf__load_from_kernel_by_id(info->btf_id);
	type = btf ? btf__type_by_id(btf, func.type_id) : NULL;
	if (type)
		snprintf(prog->name, sizeof(prog->name), "%s",
			 btf__name_by_offset(btf, type->name_off));
	btf__free(btf);
}

static int fill_prog(struct lab_prog *prog, __u32 id, enum xdp_attach_mode mode)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int err = 0, fd;

	*prog = (struct lab_prog){ .id = id, .mode = mode };
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		err = -errno;
	else
		read_whole_name(prog, &info, fd);
	close(fd);
	return err;
}

/* The programs that a dispatcher calls, in its order. */
static int fill_from_dispatcher(struct lab_prog *progs, struct xdp_multiprog *mp)
{
	struct xdp_program *one = NULL;
	int count = 0, err = 0;

	while (!err && count < LAB_MAX_PROGS && (one = xdp_multiprog__next_prog(one, mp))) {
		err = fill_prog(&progs[count], xdp_program__id(one),
				xdp_multiprog__attach_mode(mp));
		progs[count].holder = LAB_HELD_BY_DISPATCHER;
		progs[count].holder_id = xdp_program__id(xdp_multiprog__main_prog(mp));
		progs[count].prio = xdp_program__run_prio(one);
		count += !err;
	}
	return err ?: count;
}

static int fill_from_query(struct lab_prog *progs, int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	int count = 0, err = bpf_xdp_query(ifindex, 0, &query);

	if (!err && query.drv_prog_id)
		err = fill_prog(&progs[count++], query.drv_prog_id, XDP_MODE_NATIVE);
	if (!err && query.skb_prog_id)
		err = fill_prog(&progs[count++], query.skb_prog_id, XDP_MODE_SKB);
	if (!err && query.hw_prog_id)
		err = fill_prog(&progs[count++], query.hw_prog_id, XDP_MODE_HW);
	for (int i = 0; !err && i < count; i++) {
		progs[i].holder_id = lab_find_link(ifindex, progs[i].id);
		if (progs[i].holder_id)
			progs[i].holder = LAB_HELD_BY_LINK;
	}
	return err ?: count;
}

int lab_programs(int ifindex, struct lab_prog progs[LAB_MAX_PROGS])
{
	struct xdp_multiprog *mp;
	int count, err, tries = 3;
	__u32 id = 0;

	do { /* a program may go between two questions: ask again */
		err = bpf_xdp_query_id(ifindex, 0, &id);
		if (err)
			return err;
		mp = id ? xdp_multiprog__get_from_ifindex(ifindex) : NULL;
		if (id && !libxdp_get_error(mp) && !xdp_multiprog__is_legacy(mp))
			count = fill_from_dispatcher(progs, mp);
		else
			count = fill_from_query(progs, ifindex);
		xdp_multiprog__close(mp);
	} while (count == -ENOENT && --tries);
	return count;
}

static const char *describe_holder(const struct lab_prog *prog)
{
	switch (prog->holder) {
	case LAB_HELD_BY_LINK:
		return pr_text("link %u", prog->holder_id);
	case LAB_HELD_BY_DISPATCHER:
		return pr_text("dispatcher %u", prog->holder_id);
	case LAB_HELD_BY_DEVICE:
		break;
	}
	return "netlink";
}

void lab_print_heading(void)
{
	pr_info("%6s  %-24s %-8s %4s  %s", "ID", "NAME", "MODE", "PRIO", "HELD BY");
}

void lab_print_prog(const struct lab_prog *prog)
{
	const char *prio = "-";

	if (prog->holder == LAB_HELD_BY_DISPATCHER)
		prio = pr_text("%u", prog->prio);
	pr_info("%6u  %-24s %-8s %4s  %s", prog->id, prog->name, lab_mode_name(prog->mode), prio,
		describe_holder(prog));
}

int lab_list(const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count;

	if (lab_check_root())
		return -EPERM;
	count = lab_programs(args->ifindex, progs);
	if (count < 0)
		return pr_err(count, "cannot list the programs on %s", args->dev);
	if (!count) {
		pr_info("No XDP program on %s.", args->dev);
		return 0;
	}
	lab_print_heading();
	for (int i = 0; i < count; i++)
		lab_print_prog(&progs[i]);
	return 0;
}

/* ---- Putting one there ---- */

bool lab_can_share(void)
{
	static enum {
		UNKNOWN,
		YES,
		NO
	} answer;
	struct bpf_insn none = {};
	int fd;

	/*
	 * An extension program without a target is refused by every kernel: with EINVAL by those
	 * that know the kind, with EPERM by those that do not want it. No library call asks this.
	 */
	if (answer == UNKNOWN) {
		fd = bpf_prog_load(BPF_PROG_TYPE_EXT, "probe", "GPL", &none, 1, NULL);
		answer = fd == -EPERM ? NO : YES;
		if (fd >= 0)
			close(fd);
	}
	return answer == YES && !access("/sys/fs/bpf/.", W_OK);
}

static int refuse_second(const struct lab_prog *first, const struct cli_args *args)
{
	const char *why =
		"this kernel cannot run libxdp's dispatcher: one program owns the device.";

	if (lab_can_share())
		why = "it was attached without libxdp's dispatcher, so it owns the device.";
	if (args->for_seconds)
		why = "--for needs the device for itself.";
	return pr_err_because(-EBUSY, why,
			      pr_text("remove the other one first: %s --dev %s --unload %u",
				      pr_names.self, args->dev, first->id),
			      "%s is taken: %s is attached there", args->dev, lab_describe(first));
}

static int refuse_other_mode(const struct lab_prog *first, const struct cli_args *args)
{
	return pr_err_because(
		-EBUSY,
		pr_text("%s is attached in %s mode, and a device has one mode at a time.",
			first->name, lab_mode_name(first->mode)),
		pr_text("join it without naming a mode, or remove it first:\n"
			"%s --dev %s --unload-all",
			pr_names.self, args->dev),
		"cannot attach to %s in %s mode", args->dev, lab_mode_name(args->mode));
}

int lab_check_attach(struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count, err = lab_check_root();

	if (!err && !args->force && !args->for_seconds)
		err = lab_check_route(args->dev, args->ifindex);
	if (err)
		return err;
	count = lab_programs(args->ifindex, progs);
	if (count < 0)
		return pr_err(count, "cannot see what runs on %s", args->dev);
	if (count && (progs[0].holder != LAB_HELD_BY_DISPATCHER || args->for_seconds))
		return refuse_second(&progs[0], args);
	if (count && args->mode != XDP_MODE_UNSPEC && args->mode != progs[0].mode)
		return refuse_other_mode(&progs[0], args);
	if (count)
		args->mode = progs[0].mode; /* that of the dispatcher, which it is going to join */
	/* Else libxdp would find out by itself, at several times the cost. */
	if (!lab_can_share())
		setenv("LIBXDP_SKIP_DISPATCHER", "1", 1);
	return 0;
}

/* Is this a whole ELF file for BPF? libbpf's own words for what is not are hard to read. */
static int check_file(const char *path)
{
	Elf64_Ehdr head;
	struct stat st;
	ssize_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st)) {
		int err = -errno;

		return pr_err_because(err, strerror(-err),
				      errno == ENOENT ?
					      "is the name right? `make` builds a lesson's "
					      "objects." :
					      NULL,
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

static bool is_xdp(struct bpf_program *prog)
{
	enum bpf_prog_type type = bpf_program__type(prog);

	/* The older style names the section as it likes, so that libbpf knows no type. */
	return type == BPF_PROG_TYPE_XDP || type == BPF_PROG_TYPE_UNSPEC;
}

/* The names of the XDP programs in an object, or of their sections. */
static const char *list_names(struct bpf_object *obj, bool sections)
{
	struct bpf_program *prog;
	const char *names = "";

	bpf_object__for_each_program(prog, obj)
		if (is_xdp(prog))
			names = pr_text("%s %s", names,
					sections ? bpf_program__section_name(prog) :
						   bpf_program__name(prog));
	return *names ? names : " none";
}

bool lab_is_chosen(struct bpf_program *prog, const struct cli_args *args)
{
	if (args->progsec)
		return !strcmp(bpf_program__section_name(prog), args->progsec);
	if (args->progname)
		return !strcmp(bpf_program__name(prog), args->progname);
	return is_xdp(prog);
}

int lab_check_choice(struct bpf_object *obj, struct bpf_program *chosen, int fits,
		     const struct cli_args *args)
{
	const char *name = args->progsec ?: args->progname;
	const char *what = args->progsec ? "section" : "program";

	if (fits == 1 && is_xdp(chosen))
		return 0;
	if (fits == 1)
		return pr_err_because(-EINVAL,
				      pr_text("its section, %s, says that it is for something else.",
					      bpf_program__section_name(chosen)),
				      pr_text("XDP programs in there:%s", list_names(obj, false)),
				      "%s in %s is no XDP program", bpf_program__name(chosen),
				      pr_names.file);
	if (fits)
		return pr_err_because(-EINVAL,
				      pr_text("there are several:%s", list_names(obj, false)),
				      "choose one with --progname NAME.", "which program of %s?",
				      pr_names.file);
	return pr_err_because(-ENOENT,
			      pr_text("there are:%s", list_names(obj, args->progsec != NULL)), NULL,
			      "there is no %s %s in %s", what, name ?: "for XDP", pr_names.file);
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
	return prog;
}

/* What libbpf does with a file, up to the kernel; whatever comes of it ends with this process. */
static void try_file(const struct cli_args *args)
{
	const struct rlimit no_core = {};
	struct bpf_program *one;
	struct bpf_object *obj;

	setrlimit(RLIMIT_CORE, &no_core);
	alarm(20);
	obj = bpf_object__open_file(args->filename, NULL);
	if (!obj)
		_exit(0); /* an error that is told is a good one: it will be told again */
	bpf_object__for_each_program(one, obj) {
		bpf_program__set_autoload(one, lab_is_chosen(one, args));
		bpf_program__set_type(one, BPF_PROG_TYPE_XDP);
	}
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

/* Those before ours in the chain decide first: a packet that they drop never comes to it. */
static void note_earlier(__u32 id, const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count = lab_programs(args->ifindex, progs);

	for (int i = 0; i < count && progs[i].id != id; i++)
		pr_note("%s runs before it, with priority %u.\n"
			"      Packets that it does not answer with XDP_PASS never come to %s.",
			lab_describe(&progs[i]), progs[i].prio, pr_names.prog);
}

int lab_print_attached(const char *name, __u32 id, enum xdp_attach_mode mode, __u32 on_device,
		       const struct cli_args *args)
{
	if (!on_device)
		return pr_err_because(-ENOENT, "another process removed it at once.",
				      "who manages this device? A container runtime, perhaps.",
				      "%s does not have %s", args->dev, name);
	pr_info("Success: Loading XDP prog name:%s (id:%u) on device:%s (ifindex:%d)", name, id,
		args->dev, args->ifindex);
	if (on_device == id) {
		pr_info("  mode:%s, owns the device%s", lab_mode_name(mode),
			lab_can_share() ? "" : " (this kernel runs one program a device)");
		return 0;
	}
	pr_info("  mode:%s, shares the device: other tools show libxdp's dispatcher (id:%u)",
		lab_mode_name(mode), on_device);
	note_earlier(id, args);
	return 0;
}

int lab_report_attached(const char *name, __u32 id, const struct cli_args *args)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count = lab_programs(args->ifindex, progs);
	__u32 on_device = 0;
	int ours = 0;

	while (ours < count && progs[ours].id != id)
		ours++;
	if (ours < count && progs[ours].holder == LAB_HELD_BY_DISPATCHER)
		on_device = progs[ours].holder_id;
	else if (ours < count)
		on_device = id;
	return lab_print_attached(name, id, progs[ours].mode, on_device, args);
}

int lab_attach(struct xdp_program *prog, const struct cli_args *args)
{
	int err;

	if (args->for_seconds)
		return lab_attach_for(prog, args);
	err = xdp_program__attach(prog, args->ifindex, args->mode, 0);
	if (err)
		return pr_err(err, "cannot attach %s to %s", xdp_program__name(prog), args->dev);
	return lab_report_attached(xdp_program__name(prog), xdp_program__id(prog), args);
}

/* ---- Taking it away ---- */

void lab_report_detached(const struct lab_prog *prog, const struct cli_args *args)
{
	pr_info("Success: Unloading XDP prog name:%s (id:%u) from device:%s (ifindex:%d)",
		prog->name, prog->id, args->dev, args->ifindex);
}

int lab_detach(const struct lab_prog *attached, const struct cli_args *args)
{
	struct xdp_program *prog;
	int err;

	if (attached->holder == LAB_HELD_BY_LINK)
		return lab_detach_link(attached, args);
	prog = xdp_program__from_id(attached->id);
	err = libxdp_get_error(prog);
	if (!err)
		err = xdp_program__detach(prog, args->ifindex, attached->mode, 0);
	if (err)
		pr_err(err, "cannot detach %s from %s", lab_describe(attached), args->dev);
	else
		lab_report_detached(attached, args);
	xdp_program__close(prog);
	return err;
}

void lab_take_back(struct xdp_program *prog, const struct cli_args *args)
{
	struct bpf_object *obj = xdp_program__bpf_obj(prog);
	struct lab_prog progs[LAB_MAX_PROGS];
	int count = lab_programs(args->ifindex, progs);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	struct bpf_program *ours;

	ours = bpf_object__find_program_by_name(obj, xdp_program__name(prog));
	if (!ours || bpf_obj_get_info_by_fd(bpf_program__fd(ours), &info, &len))
		return;
	for (int i = 0; i < count; i++)
		if (progs[i].id == info.id)
			lab_detach(&progs[i], args);
}

static bool is_meant(const struct lab_prog *prog, const struct cli_args *args)
{
	if (args->unload_id)
		return prog->id == args->unload_id;
	return !args->progname || !strcmp(prog->name, args->progname);
}

static int not_there(const struct lab_prog *progs, int count, const struct cli_args *args)
{
	const char *what = args->unload_id ? pr_text("id %u", args->unload_id) : args->progname;
	const char *there = "";

	for (int i = 0; i < count; i++)
		there = pr_text("%s%s%s", there, i ? ", " : "", lab_describe(&progs[i]));
	if (!count)
		return pr_err_because(-ENOENT, "no XDP program is attached there.", NULL,
				      "nothing to unload from %s", args->dev);
	return pr_err_because(-ENOENT, pr_text("there is: %s", there), NULL,
			      "%s is not attached to %s", what, args->dev);
}

static int which_one(const struct lab_prog *progs, int count, struct cli_args *args)
{
	cli_usage_error(args, "which one? Several programs fit: name one by its id");
	for (int i = 0; i < count; i++)
		if (is_meant(&progs[i], args))
			fprintf(stderr, "  --unload %-6u %s\n", progs[i].id, progs[i].name);
	return -EINVAL;
}

/* A dispatcher goes with all its programs at once, not one by one. */
static int detach_dispatcher(const struct lab_prog *progs, int count, const struct cli_args *args)
{
	struct xdp_multiprog *mp = xdp_multiprog__get_from_ifindex(args->ifindex);
	int err = libxdp_get_error(mp) ?: xdp_multiprog__detach(mp);

	xdp_multiprog__close(mp);
	if (err)
		return pr_err(err, "cannot detach the programs of %s", args->dev);
	for (int i = 0; i < count; i++)
		lab_report_detached(&progs[i], args);
	return 0;
}

static int unload_all(const struct lab_prog *progs, int count, const struct cli_args *args,
		      lab_detach_fn *detach)
{
	int err = 0;

	if (!count)
		pr_info("Nothing to unload: no XDP program on %s.", args->dev);
	else if (progs[0].holder == LAB_HELD_BY_DISPATCHER)
		err = detach_dispatcher(progs, count, args);
	else
		for (int i = 0; i < count && !err; i++)
			err = detach(&progs[i], args);
	return err;
}

static int unload_one(const struct lab_prog *progs, int count, struct cli_args *args,
		      lab_detach_fn *detach)
{
	const struct lab_prog *meant = NULL;
	int fits = 0;

	for (int i = 0; i < count; i++) {
		if (!is_meant(&progs[i], args))
			continue;
		meant = &progs[i];
		fits++;
	}
	if (!fits)
		return not_there(progs, count, args);
	return fits > 1 ? which_one(progs, count, args) : detach(meant, args);
}

int lab_unload(struct cli_args *args, lab_detach_fn *detach)
{
	struct lab_prog progs[LAB_MAX_PROGS];
	int count, err;

	if (lab_check_root())
		return -EPERM;
	count = lab_programs(args->ifindex, progs);
	if (count < 0)
		return pr_err(count, "cannot see what runs on %s", args->dev);
	if (args->unload_all)
		err = unload_all(progs, count, args, detach);
	else
		err = unload_one(progs, count, args, detach);
	if (!err)
		libxdp_clean_references(args->ifindex); /* pins of dispatchers that are gone */
	return err;
}
