// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#define OBJECT "xdp_pass_kern.o"
#define PROGRAM "xdp_prog_simple"
#define LOADER "./xdp_pass_user"

/* ---- verdict: the program drops each packet while it is attached, and no longer ---- */

static void send_some(const struct frame *frame, unsigned int count, const char *after,
		      bool let_through)
{
	unsigned int came;

	sent("%u frames of %u bytes, after %s", count, frame->len, after);
	expected("%s of them behind %s", let_through ? "all" : "none", wire.dev);
	for (unsigned int n = 0; n < count; n++)
		send_frame(frame);
	came = arrived(let_through ? count : 0);
	if (came != (let_through ? count : 0))
		not_yet("%u of %u came through", came, count);
}

static void check_verdict(void)
{
	struct program *program = load(OBJECT, PROGRAM);
	struct frame frames[] = {
		frame_of(ETHERTYPE_NOBODYS, rnd(64, 1514)),
		frame_echo(AF_INET, rnd(1, 9), rnd(80, 1514)),
		frame_tcp(AF_INET6, rnd(1024, 65535), 80, rnd(80, 1514)),
	};
	static const char *const names[] = { "frame of no known type", "ping over IPv4",
					     "TCP packet over IPv6" };
	struct run *loader;
	__u32 verdict;

	for (unsigned int n = 0; n < 3; n++) {
		sent("a %s, %u bytes, by BPF_PROG_TEST_RUN", names[n], frames[n].len);
		expected("the verdict %s", verdict_name(XDP_DROP));
		verdict = verdict_on(program, &frames[n]);
		if (verdict != XDP_DROP)
			not_yet("the verdict %s", verdict_name(verdict));
	}
	lay_wire();
	loader = run(LOADER, "--dev", wire.dev);
	quote(loader->said, loader->err);
	send_some(&frames[0], rnd(3, 9), loader->said, false);
	loader = run(LOADER, "--dev", wire.dev, "--unload-all");
	quote(loader->said, loader->err);
	send_some(&frames[0], rnd(3, 9), loader->said, true);
}

/* ---- mode: the loader prints what the kernel says of each slot of the device ---- */

static const char *slot(__u32 id)
{
	return id ? text("id %u", id) : "empty";
}

/* Two texts, compared without a look at how many blanks stand where. */
static bool same_words(const char *a, const char *b)
{
	for (;; a++, b++) {
		if (strspn(a, " \t") && strspn(b, " \t")) {
			a += strspn(a, " \t");
			b += strspn(b, " \t");
		}
		if (*a != *b)
			return !a[strspn(a, " \t")] && !b[strspn(b, " \t")];
		if (!*a)
			return true;
	}
}

static const char *line_of(const char *out, const char *begins)
{
	const char *at = out;

	while (at) {
		at += strspn(at, " \t\n");
		if (!strncmp(at, begins, strlen(begins)))
			return text("%.*s", (int)strcspn(at, "\n"), at);
		at = strchr(at, '\n');
	}
	return NULL;
}

static void check_slots(const char *dev, int ifindex, const char *mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, now);
	struct run *loader = run(LOADER, "--dev", dev, mode);
	const char *line = line_of(loader->out, "slots:"), *wanted;

	sent("%s", loader->said);
	if (bpf_xdp_query(ifindex, 0, &now) || !now.prog_id) {
		expected("a program on %s", dev);
		quote(loader->said, loader->err);
		not_yet("the kernel says that there is none");
	}
	wanted = text("slots: native %s, skb %s, offload %s", slot(now.drv_prog_id),
		      slot(now.skb_prog_id), slot(now.hw_prog_id));
	expected("%s", wanted);
	quote(loader->said, *loader->err ? loader->err : loader->out);
	if (line && !same_words(line, wanted))
		not_yet("%s", line);
	if (!line)
		not_yet("no line of its output begins with slots:");
	expected("one more line than before: the others, which name %s, too", PROGRAM);
	if (!strstr(loader->out, PROGRAM))
		not_yet("no line that names it");
	expected("exit status 0, as it has attached the program");
	if (loader->status)
		not_yet("exit status %d", loader->status);
	run(LOADER, "--dev", dev, "--unload-all");
}

static void check_mode(void)
{
	static const char *const modes[] = { "--native-mode", "--skb-mode" };
	unsigned int first = rnd(0, 1);

	lay_wire();
	check_slots(wire.dev, wire.ifindex, modes[first]);
	check_slots(wire.dev, wire.ifindex, modes[!first]);
	/* The kernel's choice: lo has no native mode. */
	check_slots("lo", 1, "--auto-mode");
	check_slots(wire.dev, wire.ifindex, "--auto-mode");
}

/* ---- alive: what was predicted is compared with what happens, here and now ---- */

static char answer(const char *words, char step, unsigned int column)
{
	for (const char *line = words; line; line = strchr(line, '\n')) {
		char at[2], attached_word[16], loaded_word[16];

		line += strspn(line, "\n");
		if (sscanf(line, " %1[a-d] %15s %15s", at, attached_word, loaded_word) == 3 &&
		    at[0] == step)
			return tolower((column ? loaded_word : attached_word)[0]);
	}
	return '?';
}

static void compare(char step, const char *what, __u32 id)
{
	static const char *const words[] = { "attached", "loaded" };
	char *answers = lesson_file("alive.txt");
	struct lab_prog progs[LAB_MAX_PROGS];
	bool is[2] = { attached(progs) > 0, is_loaded(id) };

	sent("step %c: %s", step, what);
	for (unsigned int n = 0; n < 2; n++) {
		char said = answer(answers, step, n);

		if (said != 'y' && said != 'n') {
			expected("yes or no in alive.txt");
			not_yet("for %c, is it %s?, there is no answer yet", step, words[n]);
		}
		expected("as you predicted: %s%s", said == 'y' ? "" : "not ", words[n]);
		if ((said == 'y') != is[n])
			not_yet("the program (id %u) is %s%s now", id, is[n] ? "" : "not ",
				words[n]);
	}
}

/* Kills the process that holds a link for --for. */
static void kill_keeper(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char name[32];

	while (proc && (entry = readdir(proc))) {
		FILE *comm = fopen(text("/proc/%s/comm", entry->d_name), "re");

		if (comm && fgets(name, sizeof(name), comm) && !strncmp(name, "xdp-lab-for", 11))
			kill(strtol(entry->d_name, NULL, 10), SIGKILL);
		if (comm)
			fclose(comm);
	}
}

static __u32 attached_id(const struct run *loader)
{
	struct lab_prog progs[LAB_MAX_PROGS];

	if (attached(progs) != 1) {
		expected("a program on %s", wire.dev);
		quote(loader->said, loader->err);
		not_yet("%s has attached none", loader->said);
	}
	return progs[0].id;
}

static void check_alive(void)
{
	const char *pin = text("/sys/fs/bpf/alone%u", rnd(10, 99));
	struct lab_prog progs[LAB_MAX_PROGS];
	struct program *program;
	struct run *loader;
	__u32 id;

	lay_wire();
	loader = run(LOADER, "--dev", wire.dev);
	id = attached_id(loader);
	compare('a', "attached by the loader, which has ended", id);
	run(LOADER, "--dev", wire.dev, "--unload-all");

	loader = run(LOADER, "--dev", wire.dev, "--for", "600");
	id = attached_id(loader);
	kill_keeper();
	for (unsigned int ms = 0; ms < 3000 && (attached(progs) || is_loaded(id)); ms += 5)
		pause_ms(5); /* the kernel takes a moment */
	compare('b', "attached with --for 600, and its process killed", id);

	program = load(OBJECT, PROGRAM);
	id = id_of(program->fd);
	if (bpf_obj_pin(program->fd, pin))
		cannot_tell("./lab doctor", "nothing can be pinned: %s", strerror(errno));
	bpf_object__close(program->obj);
	compare('c', "loaded and pinned, and not attached", id);
	unlink(pin);
	for (unsigned int ms = 0; ms < 3000 && is_loaded(id); ms += 5)
		pause_ms(5);
	compare('d', "the pin removed", id);
}

LESSON("basic01-xdp-pass", { "verdict", check_verdict }, { "mode", check_mode },
       { "alive", check_alive });
