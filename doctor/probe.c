// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe QUESTION OBJECT DEV: what can XDP do on this machine? Tries it on DEV, which belongs to the
 * doctor, and says why it works or not; the exit status is the answer. Not an example: it asks, and
 * cleans up by ending together with the private network that it runs in.
 */
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

static int no_libbpf_words(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

static int no_libxdp_words(enum libxdp_print_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
	return 0;
}

/* Loads the program plainly and attaches it in one mode. */
static int try_mode(const char *file, int ifindex, __u32 mode)
{
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	int err = obj ? bpf_object__load(obj) : -errno;

	if (!err)
		err = bpf_xdp_attach(ifindex, bpf_program__fd(bpf_object__next_program(obj, NULL)),
				     mode | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	if (!err)
		err = bpf_xdp_detach(ifindex, mode, NULL);
	bpf_object__close(obj);
	return err;
}

static int try_native(const char *file, int ifindex)
{
	return try_mode(file, ifindex, XDP_FLAGS_DRV_MODE);
}

static int try_generic(const char *file, int ifindex)
{
	return try_mode(file, ifindex, XDP_FLAGS_SKB_MODE);
}

static int try_load(const char *file, int ifindex)
{
	struct bpf_object *obj = bpf_object__open_file(file, NULL);
	int err = obj ? bpf_object__load(obj) : -errno;

	(void)ifindex;
	bpf_object__close(obj);
	return err;
}

/* Through libxdp: does the device run our program itself, or the dispatcher that calls it? */
static int try_dispatcher(const char *file, int ifindex)
{
	DECLARE_LIBXDP_OPTS(xdp_program_opts, opts, .open_filename = file);
	struct xdp_program *prog = xdp_program__create(&opts);
	struct xdp_multiprog *mp;
	int err = libxdp_get_error(prog);

	if (err)
		return err;
	err = xdp_program__attach(prog, ifindex, XDP_MODE_UNSPEC, 0);
	if (err)
		return err;
	mp = xdp_multiprog__get_from_ifindex(ifindex);
	err = libxdp_get_error(mp);
	if (!err && xdp_multiprog__is_legacy(mp))
		err = -EPERM; /* libxdp has fallen back to one program a device */
	if (!libxdp_get_error(mp))
		xdp_multiprog__detach(mp);
	return err;
}

static const struct question {
	const char *name;
	int (*try)(const char *file, int ifindex);
	const char *yes;
} questions[] = {
	{ "load", try_load, "the kernel takes a BPF program" },
	{ "native", try_native, "on veth" },
	{ "generic", try_generic, "on any device" },
	{ "dispatcher", try_dispatcher, "several programs share a device" },
	{},
};

int main(int argc, char **argv)
{
	const struct question *q = questions;
	int err;

	while (argc == 4 && q->name && strcmp(q->name, argv[1]))
		q++;
	if (argc != 4 || !q->name) {
		fprintf(stderr, "usage: probe load|native|generic|dispatcher OBJECT DEV\n");
		return 2;
	}
	libbpf_set_print(no_libbpf_words);
	libxdp_set_print(no_libxdp_words);
	err = q->try(argv[2], if_nametoindex(argv[3]));
	puts(err ? strerror(-err) : q->yes);
	return err ? 1 : 0;
}
