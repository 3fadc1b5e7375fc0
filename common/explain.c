// SPDX-License-Identifier: GPL-2.0-only
/* The one place that knows what an error number and the libraries' words mean to a person. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "explain.h"
#include "pr.h"

/*
 * The first row that fits is taken: the error number (0: any), and a piece of what was said (NULL:
 * anything), by whom it must be. Rows with words come before those with a number alone. A person's
 * own names may stand in what the libraries say and in lines of C: of those, whole phrases only.
 */
enum by {
	LIBRARY, /* libbpf and libxdp */
	KERNEL, /* its sentence, as a driver says it */
	VERIFIER, /* the sentences at the end of its log; "": that it refused the program */
	PERSON, /* the mode that was asked for */
	ROOT, /* nobody: it is root whom this happens to */
};

struct text {
	int err;
	enum by by;
	const char *said;
	const char *why;
	const char *fix;
};

#define FEW_FILES                                                                             \
	"this process may not open as many files as it needs: maps and programs count, too.", \
		"ulimit -n shows how many it may; for more of them: ulimit -n 1024"
#define WAS_FASTER "it is not attached any more: another process was faster."
#define LOOK_AGAIN "see what runs there now: {self} --dev {dev} --list"

/* clang-format off */
static const struct text texts[] = {
	/* Whatever fails with it. */
	{ -EMFILE, LIBRARY, NULL, FEW_FILES },
	{ 0, LIBRARY, "Too many open files", FEW_FILES },
	{ 0, LIBRARY, " cpu mask ",
	  "how many CPUs there are stands in /sys/devices/system/cpu/possible, and it cannot be read.",
	  "ls shows whether it is there; if not: mount -t sysfs sysfs /sys" },
	{ 0, VERIFIER, "Extension program changes packet data",
	  "{prog} moves packet borders (bpf_xdp_adjust_head or _tail), and this libxdp's dispatcher\n"
	  "cannot call such a program on this kernel: it needs the device for itself.",
	  "remove the others, {self} --dev {dev} --unload-all, and attach it again;\n"
	  "or use libxdp 1.5.5 or newer, which can." },
	/* The verifier. Its wording changes from kernel to kernel: these only add an idea. */
	{ 0, VERIFIER, "map_value_or_null",
	  "the kernel's verifier refuses the program: {reason}",
	  "bpf_map_lookup_elem() may return NULL: compare with NULL before you use the pointer." },
	{ 0, VERIFIER, "mem_or_null",
	  "the kernel's verifier refuses the program: {reason}",
	  "what was reserved may be NULL: compare with NULL before you use the pointer." },
	{ 0, VERIFIER, "invalid mem access 'scalar'",
	  "the kernel's verifier refuses the program: {reason}",
	  "it reads through a number: through NULL, which has to be excluded before, or through a\n"
	  "pointer that is none any more since the packet was moved." },
	{ 0, VERIFIER, "invalid access to packet",
	  "the kernel's verifier refuses the program: {reason}",
	  "compare with data_end before you read: if (header + 1 > data_end) return XDP_PASS;\n"
	  "it must be a pointer that is compared: a length, data_end - data, proves nothing." },
	{ 0, VERIFIER, "jumps is too complex",
	  "the kernel's verifier refuses the program: {reason}",
	  "it follows a loop turn by turn: give it a small bound, for (int i = 0; i < 8; i++)." },
	{ 0, VERIFIER, "infinite loop detected",
	  "the kernel's verifier refuses the program: {reason}",
	  "it follows a loop turn by turn: give it a small bound, for (int i = 0; i < 8; i++)." },
	{ 0, VERIFIER, "program is too large",
	  "the kernel's verifier refuses the program: {reason}",
	  "it follows a loop turn by turn: give it a small bound, for (int i = 0; i < 8; i++)." },
	{ 0, VERIFIER, "cannot call GPL-restricted function",
	  "the kernel's verifier refuses the program: {reason}",
	  "state the licence in the program: char _license[] SEC(\"license\") = \"GPL\";" },
	{ 0, VERIFIER, "Unreleased reference",
	  "the kernel's verifier refuses the program: {reason}",
	  "whatever was reserved must be submitted or discarded on every path." },
	{ 0, VERIFIER, "unknown opcode 8d",
	  "the kernel's verifier refuses the program: {reason}",
	  "compile with -O2: without it clang calls functions through pointers." },
	{ 0, VERIFIER, "not allowed in non-JITed programs",
	  "the kernel's verifier refuses the program: {reason}",
	  "switch the JIT compiler on, sudo sysctl net.core.bpf_jit_enable=1, and load again;\n"
	  "if it is on, this kernel's cannot do it: on arm64 that takes Linux 6.0." },
	{ 0, VERIFIER, "type=map_value expected=map_ptr",
	  "the kernel's verifier refuses the program: {reason}",
	  "where a map is wanted it found a variable: end the map's declaration with SEC(\".maps\")." },
	{ 0, VERIFIER, "R0 !read_ok",
	  "the kernel's verifier refuses the program: {reason}",
	  "a path of the program ends without a verdict: return one, XDP_PASS for example." },
	{ 0, VERIFIER, "",
	  "the kernel's verifier refuses the program: {reason}",
	  "change the line that it names, compile again (make), and load again." },

	/* Opening an object file. */
	{ 0, LIBRARY, "legacy map definitions",
	  "{file} declares its maps in the old way, struct bpf_map_def SEC(\"maps\"),\n"
	  "which libbpf 1.0 gave up.",
	  "declare them in SEC(\".maps\") with __uint() and __type(); compile again." },
	{ 0, LIBRARY, ": unknown field '",
	  "{file} declares a map with a field that libbpf does not know.",
	  "there are type, max_entries, map_flags and pinning with __uint(), key and value with\n"
	  "__type(); compile again." },
	{ 0, LIBRARY, ": map type isn't specified",
	  "{file} declares a map without a type.",
	  "begin its declaration with __uint(type, BPF_MAP_TYPE_ARRAY), say; compile again." },
	{ 0, LIBRARY, "bad map relo against '",
	  "{file} uses as a map what is declared in another section than \".maps\".",
	  "end its declaration with SEC(\".maps\") and compile again." },
	{ 0, LIBRARY, "': failed to initialize slot [",
	  "{file} has an array of programs, for tail calls, and this loader loads\n"
	  "{prog} alone, without those that belong into the array.",
	  "use a loader that loads them all, as calls_user of basic06 does." },
	{ 0, LIBRARY, "BTF is required, but is missing or corrupted",
	  "{file} carries no usable type information (BTF), and its maps need it.",
	  "compile it with clang -g." },
	{ 0, LIBRARY, "missing BPF prog type, check ELF section name",
	  "the section name of {prog} does not tell what kind of program it is.",
	  "write SEC(\"xdp\") in front of the function and compile again." },
	{ 0, LIBRARY, "failed to find valid kernel BTF",
	  "{file} needs the kernel's own type information, and this kernel has none.",
	  "use a kernel built with CONFIG_DEBUG_INFO_BTF." },
	{ 0, LIBRARY, "failed to find BTF for extern '",
	  "{file} uses {name}, which is defined nowhere.",
	  "look at what clang warns of; correct the name, or write what is missing." },
	{ 0, LIBRARY, "': not found in kernel ",
	  "{file} takes {name} from the kernel, and this kernel has no such thing.",
	  "is the name right? Else use another kernel; uname -r shows which one runs." },
	{ 0, LIBRARY, "couldn't reuse pinned map",
	  "a map of another shape is pinned at the place where {prog} wants its map.",
	  "remove what was pinned there before: {self} --dev {dev} --unload-all" },
	{ -ENOEXEC, LIBRARY, NULL,
	  "{file} is no whole object file that clang made for BPF.",
	  "make it again: rm {file}; make" },

	/* Taking off what is gone by now. */
	{ -ENOENT, LIBRARY, "libxdp: No XDP dispatcher found on ifindex ", WAS_FASTER, LOOK_AGAIN },
	{ -ENOENT, LIBRARY, "libxdp: Couldn't find program with id ", WAS_FASTER, LOOK_AGAIN },
	{ -ENOENT, LIBRARY, "libxdp: Asked to unload prog ", WAS_FASTER, LOOK_AGAIN },
	{ -ENOENT, LIBRARY, "libxdp: couldn't get program fd", WAS_FASTER, LOOK_AGAIN },

	/* The device's driver, in the words that drivers use. */
	{ 0, KERNEL, "generic XDP can't be active at the same time",
	  "{dev} already runs a program in the other mode, and the kernel allows one mode at a time.",
	  "see what runs there with {self} --dev {dev} --list, and remove it with --unload-all." },
	{ 0, KERNEL, "XDP link",
	  "the program on {dev} is held by a BPF link, and only the link can let go of it.",
	  "{self} --dev {dev} --unload-all" },
	{ 0, KERNEL, "Too few free TX rings",
	  "the driver says: {kernel}. Native XDP needs a transmit queue for each CPU.",
	  "use fewer queues, ethtool -L {dev} combined 1, or attach in the slower skb mode: -S" },
	{ 0, KERNEL, "LRO",
	  "the driver says: {kernel}. Packets that the card has merged cannot be shown to XDP.",
	  "ethtool -K {dev} lro off rx-gro-hw off, then again; or attach in the slower skb mode: -S" },
	{ 0, KERNEL, "GRO_HW",
	  "the driver says: {kernel}. Packets that the host has merged cannot be shown to XDP,\n"
	  "and this host does not let its guest switch that off.",
	  "attach in the slower skb mode: -S; or have the host do it, with QEMU: guest_csum=off,\n"
	  "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off" },
	{ 0, KERNEL, "Peer MTU",
	  "the driver says: {kernel}. Native XDP wants each packet in one page.",
	  "set the MTU of both ends, ip link set DEV mtu 1500; or attach in skb mode: -S" },
	{ 0, KERNEL, "MTU",
	  "the driver says: {kernel}. Native XDP wants each packet in one page.",
	  "ip link set {dev} mtu 1500, then again; or attach in the slower skb mode: -S" },
	{ -ERANGE, LIBRARY, NULL,
	  "packets may be longer (MTU) than the driver can take: native XDP wants each in one page.",
	  "ip link set {dev} mtu 1500, of a veth both ends; or attach in the slower skb mode: -S" },
	{ 0, KERNEL, "frame too large",
	  "the driver says: {kernel}. Native XDP wants each packet in one page.",
	  "ip link set {dev} mtu 1500, then again; or attach in the slower skb mode: -S" },
	{ 0, KERNEL, "peer tx queues",
	  "the driver says: {kernel}.",
	  "ethtool -L {dev} rx N, as many as its other end has tx; or the slower skb mode: -S" },
	{ 0, KERNEL, "channel",
	  "the driver says: {kernel}.",
	  "see and change them with ethtool -l and -L {dev}; or the slower skb mode: -S" },
	{ 0, KERNEL, "queues",
	  "the driver says: {kernel}.",
	  "try fewer queues, ethtool -L {dev} combined 1, or the slower skb mode: -S" },
	{ -EOPNOTSUPP, KERNEL, "native",
	  "the driver of {dev} has no native XDP. The kernel says:\n{kernel}.",
	  "attach in the slower skb mode, which every device has: -S" },
	{ -EOPNOTSUPP, PERSON, "native",
	  "the driver of {dev} has no native XDP. The kernel says:\n{kernel}.",
	  "attach in the slower skb mode, which every device has: -S" },

	/* What a card without offload makes of it: any number that has not been explained above. */
	{ -EINVAL, PERSON, "offload",
	  "the network card of {dev} cannot run XDP programs itself; hardly any can.",
	  "leave out --offload-mode: then the kernel runs the program." },
	{ -EOPNOTSUPP, PERSON, "offload",
	  "the network card of {dev} cannot run XDP programs itself; hardly any can.",
	  "leave out --offload-mode: then the kernel runs the program." },
	{ -EINVAL, LIBRARY, "': failed to create: ",
	  "the kernel does not make the map {name}: what it declares does not go with its type.",
	  "look at its declaration: a ring buffer has max_entries, its size, and neither key nor\n"
	  "value; an array has keys of 4 bytes; all others have both." },

	/* A number and nothing else. */
	{ -EPERM, ROOT, NULL,
	  "the kernel does not allow it, not even to root: {error}.",
	  "in a container: start it with --privileged. Else kernel lockdown or a security module may\n"
	  "be what forbids it; -v shows at which step." },
	{ -EPERM, LIBRARY, NULL,
	  "the kernel does not allow it: {error}.",
	  "run it as root: sudo {self} …; in a container that needs --privileged." },
	{ -EACCES, LIBRARY, NULL,
	  "the kernel does not allow it: {error}.\n"
	  "Where it looks for a pin, there may be a directory.",
	  "ls -ld shows what is there; if nobody needs it: rmdir" },
	{ -ENODEV, LIBRARY, NULL,
	  "{dev} is gone, or its driver is.",
	  "ip link shows the devices that there are." },
	{ -EBUSY, LIBRARY, NULL,
	  "{dev} is taken by another program.",
	  "see which with {self} --dev {dev} --list, and remove it with --unload-all." },
	{ -EEXIST, LIBRARY, NULL,
	  "{dev} is taken by another program.",
	  "see which with {self} --dev {dev} --list, and remove it with --unload-all." },
	{ -ENOMEM, LIBRARY, NULL,
	  "there is not enough memory.",
	  "where a container or a shell limits it, try again outside." },
	{ -ENOSPC, LIBRARY, NULL,
	  "there is no room left on the device or in the file system.",
	  "df shows how full a file system is; remove what nobody needs." },
	{ -ENAMETOOLONG, LIBRARY, NULL,
	  "the name of a function is too long.",
	  "give it a shorter one, of 60 letters at most, and compile again." },
	{ -E2BIG, LIBRARY, NULL,
	  "ten programs are the most that libxdp's dispatcher takes on one device.",
	  "remove one: {self} --dev {dev} --list, then --unload ID." },
};
/* clang-format on */

static const char begin_log[] = "-- BEGIN PROG LOAD LOG --\n";

/* Copies the line that begins here; it has no newline where the log was cut off. */
static char *copy_line(const char *line, const char *end)
{
	const char *newline = line ? memchr(line, '\n', end - line) : NULL;

	return line ? strndup(line, (newline ?: end) - line) : NULL;
}

/* What begins where a verifier log has no sentence: C, what is counted, what it compares. */
static bool is_beside_the_point(const char *line)
{
	static const char *const begins[] = { "; ", "\n", "processed ",
					      "cur state:", "old state:" };

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(line, begins[i], strlen(begins[i])))
			return true;
	return false;
}

/* Some sentences stand behind the jump that they are about, where else registers do. */
static const char *behind_jump(const char *line, const char *end)
{
	static const char mark[] = " goto pc";
	const char *jump = isdigit(*line) ? memmem(line, end - line, mark, sizeof(mark) - 1) : NULL;

	if (!jump)
		return line;
	jump += sizeof(mark) - 1;
	jump += strspn(jump, "+-0123456789");
	jump += strspn(jump, " \t");
	return isalpha(*jump) ? jump : line;
}

/* The verifier's sentence is the last line that may hold one. */
static void find_reason(const char *log, const char *end, struct explained_log *out)
{
	const char *reason = log, *source = NULL, *line, *next;
	char *statistic;

	for (line = log; line < end; line = next) {
		next = memchr(line, '\n', end - line);
		next = next ? next + 1 : end;
		if (!strncmp(line, "; ", 2))
			source = line + 2;
		else if (!is_beside_the_point(line))
			reason = behind_jump(line, next);
	}
	out->reason = copy_line(reason, end);
	statistic = out->reason ? strstr(out->reason, "processed ") : NULL;
	if (statistic > out->reason && strstr(statistic, " insns (limit"))
		*statistic = '\0'; /* some of the kernel's sentences do not end with a newline */
	out->source = copy_line(source, end);
}

/* The last lines of the log, in their order. */
static char *copy_tail(const char *log, const char *end, int lines)
{
	const char *at = end;

	while (at > log && !(at[-1] == '\n' && at < end && !--lines))
		at--;
	return strndup(at, end - at);
}

/* Where the last one begins. NULL: there is none, or nothing is refused in it. */
static const char *find_log(const char *said)
{
	const char *log = NULL, *next = said;

	while ((next = strstr(next, begin_log)))
		log = next += sizeof(begin_log) - 1;
	return log && strncmp(log, "processed ", 10) ? log : NULL;
}

bool explain_log(const char *said, struct explained_log *out)
{
	const char *log = find_log(said), *end;

	if (!log)
		return false;
	end = strstr(log, "-- END PROG LOAD LOG --") ?: log + strlen(log);
	find_reason(log, end, out);
	out->tail = copy_tail(log, end, 12);
	return true;
}

void explain_log_free(struct explained_log *log)
{
	free(log->reason);
	free(log->source);
	free(log->tail);
}

/* What the kernel said through libbpf (its "extended ack"), or "". */
static const char *find_kernel_words(const char *said)
{
	static const char mark[] = "Kernel error message: ";
	static char sentence[256];
	const char *found = NULL;

	while ((said = strstr(said, mark)))
		found = said += sizeof(mark) - 1;
	snprintf(sentence, sizeof(sentence), "%.*s", found ? (int)strcspn(found, "\n") : 0,
		 found ?: "");
	return sentence;
}

/*
 * In the last verifier log, from the instruction at which it stopped. What stands there before,
 * the person's lines of C and what the registers hold, may have the same words in it.
 */
static bool is_in_log(const char *said, const char *text)
{
	const char *log = find_log(said), *next;
	bool found = log && !*text;

	for (; *text && log && *log; log = next + (*next == '\n')) {
		const char *sentence;

		next = strchrnul(log, '\n');
		sentence = behind_jump(log, next);
		if (isdigit(*sentence))
			found = false;
		else if (!is_beside_the_point(sentence))
			found |= memmem(sentence, next - sentence, text, strlen(text)) != NULL;
	}
	return found;
}

/* The name that stands in quotes where this was said: before it, or behind it. */
static const char *find_name(const char *said, const char *text)
{
	static char name[128];
	const char *begin = text && *text ? strstr(said, text) : NULL;

	*name = '\0';
	if (!begin)
		return name;
	if (*text == '\'')
		while (begin > said && begin[-1] != '\'')
			begin--;
	else
		begin += strlen(text);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(begin, "'\n"), begin);
	return name;
}

static bool fits(const struct text *text, int err, const char *said)
{
	if ((text->err && text->err != err) || (text->by == ROOT && geteuid()))
		return false;
	if (!text->said)
		return true;
	switch (text->by) {
	case KERNEL:
		return strstr(find_kernel_words(said), text->said);
	case VERIFIER:
		return is_in_log(said, text->said);
	case PERSON:
		return !strcmp(pr_names.mode, text->said);
	case LIBRARY:
	case ROOT:
		break;
	}
	return strstr(said, text->said);
}

static void append(char *out, size_t size, const char *text, int len)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%.*s", len, text);
}

struct filling {
	int err;
	const char *kernel;
	const char *reason;
	const char *name;
};

/* What a {name} in a text stands for. */
static const char *value_of(const char *name, int len, const struct filling *with)
{
	const struct {
		const char *name;
		const char *value;
	} values[] = {
		{ "self", pr_names.self },	   { "dev", pr_names.dev },
		{ "prog", pr_names.prog },	   { "file", pr_names.file },
		{ "error", strerror(-with->err) }, { "kernel", with->kernel },
		{ "reason", with->reason },	   { "name", with->name },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (!strncmp(values[i].name, name, len) && !values[i].name[len])
			return *values[i].value ? values[i].value : strerror(-with->err);
	return "";
}

static void fill_in(char *out, size_t size, const char *text, const struct filling *with)
{
	*out = '\0';
	while (*text) {
		int plain = strcspn(text, "{");
		int name;

		append(out, size, text, plain);
		text += plain;
		if (*text != '{')
			break;
		name = strcspn(++text, "}");
		append(out, size, value_of(text, name, with), size);
		text += name + (text[name] == '}');
	}
}

/* Where they do not say so: they take a map that they could not make for one that is missing. */
static bool may_open_few_files(void)
{
	struct rlimit limit = {};

	return !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < 32;
}

void explain(int err, const char *said, struct explained *out)
{
	static const struct text unknown = { .why = "{kernel}", .fix = "" };
	const struct text *text = &unknown;
	struct explained_log log = {};
	struct filling with;

	if (err <= -__LIBBPF_ERRNO__START)
		err = -ENOEXEC; /* libbpf's own numbers: it could not make sense of the file */
	if (may_open_few_files())
		err = -EMFILE;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && text == &unknown; i++)
		if (fits(&texts[i], err, said))
			text = &texts[i];
	explain_log(said, &log);
	with = (struct filling){ err, find_kernel_words(said), log.reason ?: "",
				 find_name(said, text->said) };
	out->refused = text->by == VERIFIER;
	fill_in(out->why, sizeof(out->why), text->why, &with);
	fill_in(out->fix, sizeof(out->fix), text->fix, &with);
	explain_log_free(&log);
}
