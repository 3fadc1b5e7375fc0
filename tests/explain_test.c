// SPDX-License-Identifier: GPL-2.0-only
/*
 * What people are told when something fails: error numbers and words as kernels, drivers and
 * libraries have been seen to say them, also those that no device here can be made to say.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "liblab.c" /* its table too */
#include "tap.h"

struct recorded {
	int err;
	const char *said; /* by libbpf and libxdp */
	const char *why; /* a piece of what must be told */
	const char *fix;
};

/* clang-format off */
#define KERNEL(text) "libbpf: Kernel error message: " text "\n"
#define LOG(text) "libbpf: prog 'p': BPF program load failed: Permission denied\n" \
	"libbpf: prog 'p': -- BEGIN PROG LOAD LOG --\n" text "-- END PROG LOAD LOG --\n"

static const struct recorded recorded[] = {
	{ -EOPNOTSUPP, KERNEL("Underlying driver does not support XDP in native mode"),
	  "no native XDP", "-S" },
	{ -ERANGE, KERNEL("veth: Peer MTU is too large to set XDP"),
	  "Peer MTU is too large", "mtu 1500" },
	{ -EINVAL, KERNEL("MTU too large to enable XDP"), "MTU too large", "ip link set dev7 mtu 1500" },
	{ -EINVAL, KERNEL("can't set XDP while LRO is on, disable LRO first"),
	  "LRO", "ethtool -K dev7 lro off" },
	{ -EINVAL, KERNEL("mlx5_core: can't set XDP while HW-GRO/LRO is on, disable them first"),
	  "LRO", "lro off rx-gro-hw off" },
	{ -EOPNOTSUPP, KERNEL("Can't set XDP while host is implementing GRO_HW/CSUM, "
	  "disable GRO_HW/CSUM first"), "merged", "guest_tso4=off" }, /* no ethtool can do it */
	{ -ENOMEM, KERNEL("Too few free TX rings available"), "transmit queue", "ethtool -L dev7" },
	{ -EEXIST, KERNEL("Native and generic XDP can't be active at the same time"),
	  "other mode", "--unload-all" },
	{ -EBUSY, KERNEL("Can't replace active BPF XDP link"), "held by a BPF link", "--unload-all" },
	{ -EBUSY, "", "taken by another program", "--list" },
	{ -EPERM, "libbpf: permission error while running as root; try raising 'ulimit -l'? "
	  "current value: 8.0 MiB\n", "does not allow it", "container" },
	{ -ENODEV, "", "is gone", "ip link" },
	{ -EINVAL, "libbpf: elf: legacy map definitions in 'maps' section are not supported by "
	  "libbpf v1.0+\n", "old way", "SEC(\".maps\")" },
	{ -ENOTSUP, "libbpf: map 'events': unknown field 'typ'.\n", "does not know", "max_entries" },
	{ -EINVAL, "libbpf: map 'events': map type isn't specified.\n", "without a type", "__uint(type" },
	{ -4005, "libbpf: prog 'p': bad map relo against 'events' in section 'maps2'\n",
	  "another section", "SEC(\".maps\")" },
	{ -EACCES, LOG("11: (85) call bpf_tail_call#12\nR2 type=map_value expected=map_ptr\n"),
	  "R2 type=map_value", "SEC(\".maps\")" },
	{ -EINVAL, "libbpf: BTF is required, but is missing or corrupted.\n", "type information", "-g" },
	{ -ESRCH, "libbpf: prog 'p': missing BPF prog type, check ELF section name 'xdp-prog1'\n",
	  "section name", "SEC(\"xdp\")" },
	{ -EINVAL, "libbpf: couldn't reuse pinned map at '/sys/fs/bpf/m': parameter mismatch\n",
	  "another shape", "--unload-all" },
	{ -EBADF, "libbpf: map 't': failed to initialize slot [0] to prog 'p' fd=-2: -9\n",
	  "array of programs", "loads them all" },
	{ -EACCES, "", "there may be a directory", "rmdir" },
	{ -ENOENT, "libxdp: No XDP dispatcher found on ifindex 5\n", "another process", "--list" },
	{ -ENOENT, "libxdp: Couldn't find program with id 7 on ifindex 5\n", "another process", "--list" },
	{ -ESRCH, "libbpf: failed to find valid kernel BTF\n", "type information", "DEBUG_INFO_BTF" },
	{ -EINVAL, LOG("8: (85) call bpf_tail_call#12\n"
	  "tail_calls are not allowed in non-JITed programs with bpf-to-bpf calls\n"),
	  "non-JITed", "net.core.bpf_jit_enable=1" },
	{ -EINVAL, LOG("Extension program changes packet data, while original does not\n"),
	  "needs the device for itself", "libxdp 1.5.5" },
	/* What stands in a person's own names and lines explains nothing. */
	{ -EINVAL, "libbpf: prog 'LRO_queues_channel_MTU': failed to load: -22\n", "Invalid argument", "" },
	{ -EACCES, LOG("; if (!map_value_or_null) return XDP_DROP; @ prog.c:4\nR1 is a scalar\n"),
	  "R1 is a scalar", "the line that it names" },
	{ -ENOSPC, KERNEL("veth: XDP expects number of rx queues not less than peer tx queues"),
	  "not less than peer tx queues", "ethtool -L dev7 rx N" },
	{ -EINVAL, KERNEL("Not enough queues"), "Not enough queues", "ethtool -L dev7 combined 1" },
	{ -EOPNOTSUPP, KERNEL("ethtool rx/tx channels must be combined to support XDP."),
	  "must be combined", "-S" },
	{ -EINVAL, KERNEL("MTU 9000 larger than 3498 without XDP frag support."),
	  "MTU 9000 larger", "ip link set dev7 mtu 1500" },
	{ -ERANGE, "", "in one page", "mtu 1500" },
	{ -EINVAL, KERNEL("Something that no driver says today"), "no driver says today", "" },
	{ -EINVAL, KERNEL("the first") KERNEL("the last word"), "why: the last word", "" },
	{ -EPERM, KERNEL("a sentence"), "Operation not permitted", "container" },
	{ -4001, "libbpf: elf: failed to get section names\n", "no whole object file", "make" },
	{ -E2BIG, "", "ten programs", "--unload" },
	{ -ENOENT, "libbpf: failed to find BTF for extern 'my_filter' [6] section: -2\n",
	  "p.o uses my_filter, ", "clang" },
	{ -EINVAL, "libbpf: extern (func ksym) 'no_such': not found in kernel or module BTFs\n"
	  "libbpf: failed to load object 'x.o'\n", "p.o takes no_such from the kernel", "uname -r" },
	{ -EMFILE, LOG("processed 21 insns (limit 1000000) max_states_per_insn 0\n"),
	  "may not open as many files", "ulimit -n" },
	{ -EINVAL, "libbpf: map 'm': failed to create: Too many open files(-24)\n",
	  "may not open as many files", "ulimit -n" },
	{ -ENOENT, "libbpf: Failed to open cpu mask file /sys/devices/system/cpu/possible: -2\n",
	  "/cpu/possible", "mount -t sysfs" },
	{ -ENAMETOOLONG, "", "name of a function", "shorter" },
	/* A verifier log as 6.18 writes it, with the place in the source ... */
	{ -EACCES, LOG("0: R1=ctx() R10=fp0\n; return eth->h_proto; @ prog.c:45\n"
	  "3: (71) r0 = *(u8 *)(r1 +12)\ninvalid access to packet, off=12 size=1, R1(id=0,off=12,r=1)\n"
	  "R1 offset is outside of the packet\nprocessed 4 insns (limit 1000000)\n"),
	  "R1 offset is outside of the packet", "data_end" },
	/* ... and as 6.1 does, without. */
	{ -EACCES, LOG("; rec->rx_packets++;\n9: (79) r1 = *(u64 *)(r0 +0)\n"
	  "R0 invalid mem access 'map_value_or_null'\nprocessed 10 insns (limit 1000000)\n"),
	  "R0 invalid mem access 'map_value_or_null'", "compare with NULL" },
	{ -EINVAL, "libbpf: map 'events': failed to create: Invalid argument(-22)\n",
	  "the map events:", "neither key nor" },
	/* What a register held on the way is not why it was refused. */
	{ -EACCES, LOG("3: (85) call bpf_map_lookup_elem#1      ; R0=map_value_or_null(id=1)\n"
	  "from 4 to 9: R0=map_value_or_null(id=1) R10=fp0\n9: (71) r0 = *(u8 *)(r1 +12)\n"
	  "invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)\n"
	  "R1 offset is outside of the packet\nprocessed 10 insns (limit 1000000)\n"),
	  "R1 offset is outside of the packet", "data_end" },
	{ -EACCES, LOG("12: (63) *(u32 *)(r0 +8) = r1\nR0 invalid mem access 'ringbuf_mem_or_null'\n"),
	  "ringbuf_mem_or_null", "compare with NULL" },
	{ -EACCES, LOG("639: (71) r1 = *(u8 *)(r2 +0)\nR2 invalid mem access 'scalar'\n"),
	  "R2 invalid mem access 'scalar'", "NULL" },
	{ -E2BIG, LOG("22: (15) if r1 == 0xa888 goto pc-8\n"
	  "The sequence of 8193 jumps is too complex.\nprocessed 49167 insns (limit 1000000)\n"),
	  "too complex", "bound" },
	{ -EINVAL, LOG("6: (05) goto pc-6\ninfinite loop detected at insn 1\n"), "infinite", "bound" },
	{ -EINVAL, LOG("0: (05) goto pc-1\ninfinite loop detected at insn 0\ncur state: R1=ctx() R10=fp0\n"
	  "old state: R1=ctx() R10=fp0\nprocessed 9 insns (limit 1000000) max_states_per_insn 0\n"),
	  "program: infinite loop detected at insn 0\n", "bound" },
	/* 6.12 and 6.18 say it in the line of the jump, where 6.1 has the line of C. */
	{ -EINVAL, LOG("12: (65) if r1 s> 0xffffffff goto pc-7 infinite loop detected at insn 6\n"
	  "cur state: R1=scalar() R10=fp0 fp-8=mmmm????\nold state: R1=scalar() R10=fp0 fp-8=mmmm????\n"),
	  "program: infinite loop detected at insn 6\n", "bound" },
	{ -EINVAL, LOG("12: (65) if r1 s> 0xffffffff goto pc-7 ; while (i >= 0)\n"
	  "infinite loop detected at insn 6\n"), "program: infinite loop detected at insn 6\n", "bound" },
	{ -EACCES, LOG("4: (55) if r0 != 0x0 goto pc+1 6: R0=map_value_or_null(id=1) R10=fp0\n"
	  "a new sentence\n"), "program: a new sentence", "the line that it names" },
	/* One of its sentences has no end. */
	{ -EINVAL, LOG("11: (85) call bpf_tail_call#12\nexpected prog array map for tail call"
	  "processed 36 insns (limit 1000000) max_states_per_insn 1\n"),
	  "expected prog array map for tail call\n", "make" },
	{ -EINVAL, LOG("cannot call GPL-restricted function from non-GPL compatible program\n"),
	  "GPL", "license" },
	{ -EINVAL, LOG("unknown opcode 8d\n"), "unknown opcode 8d", "-O2" },
	{ -EINVAL, LOG("Unreleased reference id=1 alloc_insn=3\n"), "Unreleased reference", "submitted" },
	/* A format that no kernel has yet: its end is shown all the same. */
	{ -EACCES, LOG("Verification failed: prog.c:45\nReason: something quite new\n"),
	  "something quite new", "make" },
};
/* clang-format on */

static libbpf_print_fn_t to_library;

__attribute__((format(printf, 1, 2))) static void library_says(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	to_library(LIBBPF_WARN, fmt, ap);
	va_end(ap);
}

/* What stands on stderr after the libraries said something and we report an error. */
static char *told(int err, const char *said)
{
	FILE *real = stderr;
	char *text = NULL;
	size_t len;

	if (*said)
		library_says("%s", said);
	stderr = open_memstream(&text, &len);
	pr_err(err, "cannot attach p to dev7");
	fclose(stderr);
	stderr = real;
	return text;
}

static void test_recorded(void)
{
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		char *text = told(recorded[i].err, recorded[i].said);

		ok(strstr(text, recorded[i].why) && strstr(text, recorded[i].fix) &&
			   !strchr(text, '{') && !strstr(text, "ulimit -l"),
		   "%d, %.60s", recorded[i].err, recorded[i].why);
		free(text);
	}
}

static void test_every_number(void)
{
	bool all = true;

	for (int err = 1; err < 140; err++) {
		char *text = told(-err, "");

		all &= strstr(text, "  why: ") && strstr(text, "  fix: ") && !strchr(text, '{');
		free(text);
	}
	ok(all, "every error number gets a cause in words, and something to do");
}

/* Each row is the first that fits what it was made for: none stands behind a wider one. */
static void test_rows(void)
{
	static const char *const forms[] = {
		[LIBRARY] = "%s",
		[KERNEL] = KERNEL("%s"),
		[VERIFIER] = LOG("%s\n"),
		[PERSON] = "",
	};
	const char *hidden = NULL;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *said = NULL;
		size_t first = 0;

		if (texts[i].by == ROOT)
			continue; /* its row depends on who runs this */
		if (asprintf(&said, forms[texts[i].by], texts[i].said ?: "") < 0)
			abort();
		pr_names.mode = texts[i].by == PERSON ? texts[i].said : "auto";
		while (texts[first].by == ROOT ||
		       !fits(&texts[first], texts[i].err ?: -EINVAL, said))
			first++;
		if (first != i)
			hidden = texts[i].said ?: strerror(-texts[i].err);
		free(said);
	}
	pr_names.mode = "auto";
	ok(!hidden, "no text stands behind a wider one: %s", hidden ?: "none");
}

/* The mode that was asked for explains what nothing else does. */
static void test_modes(void)
{
	static const struct {
		const char *mode;
		struct recorded error;
	} asked[] = {
		{ "offload", { -EINVAL, "", "cannot run XDP programs itself", "--offload-mode" } },
		{ "offload", { -EOPNOTSUPP, "", "cannot run XDP", "--offload-mode" } },
		{ "offload", { -EPERM, "", "does not allow it", "container" } },
		{ "offload",
		  { -EINVAL, "libbpf: map 'm': failed to create: Invalid argument(-22)\n",
		    "cannot run XDP programs itself", "--offload-mode" } },
		{ "offload", { -ENODEV, "", "is gone", "ip link" } },
		{ "offload", { -EBUSY, "", "taken by another program", "--list" } },
		{ "offload", { -ENOEXEC, "", "no whole object file", "make" } },
		{ "offload", { -EINVAL, LOG("a bad line\n"), "verifier refuses", "make" } },
		{ "offload",
		  { -EINVAL, KERNEL("MTU too large"), "the driver says: MTU too large", "mtu" } },
		{ "native", { -EOPNOTSUPP, "", "no native XDP", "-S" } },
		{ "native", { -EBUSY, "", "taken by another program", "--list" } },
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		char *text;

		pr_names.mode = asked[i].mode;
		text = told(asked[i].error.err, asked[i].error.said);
		ok(strstr(text, asked[i].error.why) && strstr(text, asked[i].error.fix),
		   "with --%s-mode: %d, %s", asked[i].mode, asked[i].error.err, asked[i].error.why);
		free(text);
	}
	pr_names.mode = "auto";
}

static void test_root(void)
{
	char *text;

	if (!geteuid()) {
		text = told(-EPERM, "");
		ok(strstr(text, "--privileged") && !strstr(text, "sudo"),
		   "root is not told to become root");
		free(text);
	}
	if (seteuid(geteuid() ?: 65534))
		abort();
	text = told(-EPERM, "");
	ok(strstr(text, "sudo ./self"), "others are");
	free(text);
	(void)!seteuid(getuid());
}

/* The libraries go on without the map that they could not make: other words come of it. */
static void test_few_files(void)
{
	struct rlimit before, few;
	char *text;

	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){ 8, before.rlim_max };
	setrlimit(RLIMIT_NOFILE, &few);
	text = told(-EINVAL, LOG("BPF map 'p.bss' is referenced but wasn't created\n"));
	setrlimit(RLIMIT_NOFILE, &before);
	ok(strstr(text, "may not open as many files") && !strstr(text, "log"),
	   "too few descriptors are seen where nobody tells of them");
	free(text);
	text = told(-ENOMEM, LOG("processed 21 insns (limit 1000000) max_states_per_insn 0\n"));
	ok(strstr(text, "not enough memory") && !strstr(text, "refuses"),
	   "what the verifier has accepted it does not refuse");
	free(text);
}

/* A command that is given is whole, and can be typed. */
static void test_paths(void)
{
	char dir[4000], *text;

	memset(dir, 'd', sizeof(dir));
	for (size_t i = 0; i < sizeof(dir); i += 200)
		dir[i] = '/';
	strcpy(dir + sizeof(dir) - 6, "/self");
	pr_names.self = dir;
	text = told(-EBUSY, "");
	ok(strstr(text, "/self --dev dev7 --list, and remove it with --unload-all."),
	   "a long path is not cut off");
	free(text);

	pr_names.self = "./no/such/self";
	text = told(-EIO, "");
	ok(!strstr(text, "no/such") && strstr(text, "/../lab doctor`"),
	   "what does not lie beside a link is named by where the program lies");
	free(text);
	pr_names.self = "./self";
}

/* What a library said on the way to a success is not the cause of an error that comes later. */
static void test_old_words(void)
{
	FILE *real = stdout;
	char *text;

	library_says("%s", KERNEL("MTU too large to enable XDP"));
	stdout = fopen("/dev/null", "w");
	pr_info("Success");
	fclose(stdout);
	stdout = real;
	text = told(-EBUSY, "");
	ok(strstr(text, "taken by another program") && !strstr(text, "MTU"),
	   "words from before a success do not explain what fails after it");
	free(text);

	pr_err_because(-EINVAL, "a cause", "a cure", "this and what the libraries said is over");
	text = told(-EBUSY, "");
	ok(!strstr(text, "over"), "nor do those of an earlier error");
	free(text);
}

static void test_verbose(void)
{
	FILE *real = stderr;
	char *text = NULL;
	size_t len;

	pr_level = PR_VERBOSE;
	stderr = open_memstream(&text, &len);
	library_says("%s", "libbpf: map 'm': failed to create\n");
	library_says("%s", "libbpf: permission error while running as root; try raising "
			   "'ulimit -l'? current value: 8.0 MiB\n");
	fclose(stderr);
	stderr = real;
	pr_level = PR_NORMAL;
	ok(strstr(text, "failed to create") && !strstr(text, "ulimit"),
	   "-v shows what libbpf says, but never its hint about ulimit");
	free(text);
	free(told(-EPERM, ""));
}

static void test_logs(void)
{
	static const char begin[] = "-- BEGIN PROG LOAD LOG --\n";
	struct explained_log log = {};

	ok(!explain_log("", &log) && !explain_log("no log in here", &log), "no log, no reason");
	ok(explain_log(begin, &log) && !*log.reason, "a log that is empty");
	explain_log_free(&log);
	ok(explain_log("-- BEGIN PROG LOAD LOG --\n; a = b; @ x.c:1\nbad", &log) &&
		   !strcmp(log.reason, "bad") && !strcmp(log.source, "a = b; @ x.c:1"),
	   "a log that was cut off");
	explain_log_free(&log);
}

static void test_odd_logs(void)
{
	struct explained_log log = {};
	char *text;

	ok(explain_log("-- BEGIN PROG LOAD LOG --\n-- END PROG LOAD LOG --\n", &log) &&
		   !*log.reason && !*log.tail,
	   "a log with nothing between its marks");
	explain_log_free(&log);
	text = told(-EACCES, "-- BEGIN PROG LOAD LOG --\n-- END PROG LOAD LOG --\n");
	ok(strstr(text, "refuses the program: Permission denied") && !strstr(text, "-- END"),
	   "where the verifier gives no reason, the error number does");
	free(text);
	ok(explain_log("-- BEGIN PROG LOAD LOG --\nthe reason-- END PROG LOAD LOG --\nmore\n",
		       &log) &&
		   !strcmp(log.reason, "the reason") && !strcmp(log.tail, "the reason"),
	   "a log without a last newline ends at its mark");
	explain_log_free(&log);
	ok(explain_log(LOG("an older log\n") LOG("the newest log\n"), &log) &&
		   !strcmp(log.reason, "the newest log"),
	   "of two logs the last counts");
	explain_log_free(&log);
	text = told(-EACCES,
		    LOG("; return eth->h_proto; @ prog.c:45\n3: (71) r0 = *(u8 *)(r1 +12)\n"
			"R1 offset is outside of the packet\nprocessed 4 insns\n"));
	ok(strstr(text, "at:  return eth->h_proto; @ prog.c:45\n"),
	   "the line of the source is shown");
	free(text);
}

static void test_huge_log(void)
{
	static const char begin[] = "-- BEGIN PROG LOAD LOG --\n";
	size_t size = 10 << 20;
	char *huge, *text;

	huge = malloc(size + 100);
	strcpy(huge, begin);
	memset(huge + strlen(begin), 'x', size);
	for (size_t i = strlen(begin) + 70; i < size; i += 71)
		huge[i] = '\n';
	strcpy(huge + size, "\nthe last word\n-- END PROG LOAD LOG --\n");
	text = told(-EACCES, huge);
	ok(strstr(text, "the last word") && strlen(text) < 4000, "of a huge log the end is shown");
	free(text);
	free(huge);
}

int main(void)
{
	pr_names = (struct pr_names){
		.self = "./self", .dev = "dev7", .prog = "p", .file = "p.o", .mode = "auto"
	};
	pr_keep_library_messages();
	to_library = libbpf_set_print(NULL);
	libbpf_set_print(to_library);
	test_recorded();
	test_every_number();
	test_logs();
	test_odd_logs();
	test_huge_log();
	test_rows();
	test_modes();
	test_root();
	test_few_files();
	test_paths();
	test_old_words();
	test_verbose();
	return done();
}
