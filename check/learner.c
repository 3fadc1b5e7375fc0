// SPDX-License-Identifier: GPL-2.0-only
/* The learner's own programs: run with limits on time, processes and what they may print. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grade.h"

#define OUTPUT_MAX (256 * 1024)
#define RUN_SECONDS 5
#define STOP_SECONDS 2

unsigned int count_processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	unsigned int count = 0;

	if (!proc)
		return 0;
	while ((entry = readdir(proc)))
		count += isdigit((unsigned char)entry->d_name[0]) != 0;
	closedir(proc);
	return count;
}

static void limit(int what, rlim_t most)
{
	struct rlimit limits = { most, most };

	setrlimit(what, &limits);
}

/* In the new process, before the learner's program: what it needs, and no more. */
static void become_learner(const char *const argv[], const int out[2], const int err[2])
{
	static const int dropped[] = { CAP_MKNOD,	  CAP_SYS_BOOT, CAP_SYS_MODULE,
				       CAP_SYS_RAWIO,	  CAP_SYS_TIME, CAP_MAC_ADMIN,
				       CAP_SYS_TTY_CONFIG };
	static const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/tmp",
		"LC_ALL=C",
		"TERM=dumb",
		"NO_COLOR=1",
		NULL,
	};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	syscall(SYS_close_range, 3, ~0U, 0);
	for (size_t n = 0; n < sizeof(dropped) / sizeof(dropped[0]); n++)
		prctl(PR_CAPBSET_DROP, dropped[n]);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 16 << 20);
	limit(RLIMIT_NOFILE, 1024);
	setpgid(0, 0);
	if (!chdir(text("%s/%s", tree, wanted.lesson->dir)))
		execvpe(argv[0], (char *const *)argv, (char *const *)environment);
	dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static char *command_line(const char *const argv[])
{
	char *line = text("%s", argv[0]);

	while (*++argv)
		line = text("%s %s", line, *argv);
	return line;
}

/* A program of the lesson's that is not there has not been built: say so, in one sentence. */
static void check_there(const char *name)
{
	const char *path = text("%s/%s/%s", tree, wanted.lesson->dir, name);

	if (name[0] == '.' && access(path, X_OK))
		say_not_yet("there is no %s in %s: does the Makefile still name it?", name + 2,
			    wanted.lesson->dir);
}

struct run *start_in_background(const char *const argv[])
{
	struct run *run = calloc(1, sizeof(*run));
	int out[2], err[2];

	check_there(argv[0]);
	if (!run || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		give_up(errno, "no memory or no pipe");
	run->said = command_line(argv);
	run->out = calloc(1, OUTPUT_MAX + 1);
	run->err = calloc(1, OUTPUT_MAX + 1);
	if (!run->out || !run->err)
		give_up(ENOMEM, "no memory");
	run->pid = fork();
	if (run->pid < 0)
		give_up(errno, "cannot start a process");
	if (!run->pid)
		become_learner(argv, out, err);
	close(out[1]);
	close(err[1]);
	run->out_fd = out[0];
	run->err_fd = err[0];
	return run;
}

/* Takes what has been printed; what is too much is read and forgotten. False: nobody prints now. */
static bool take(int *fd, char *to, size_t *len)
{
	char rest[4096];
	ssize_t got;

	if (*len < OUTPUT_MAX)
		got = read(*fd, to + *len, OUTPUT_MAX - *len);
	else
		got = read(*fd, rest, sizeof(rest));
	if (got > 0) {
		*len += *len < OUTPUT_MAX ? got : 0;
		return true;
	}
	close(*fd);
	*fd = -1;
	return false;
}

/* Waits for output, this long at most; true if there was some. */
static bool take_output(struct run *run, int ms)
{
	struct pollfd fds[2] = { { run->out_fd, POLLIN, 0 }, { run->err_fd, POLLIN, 0 } };
	bool some = false;

	if (poll(fds, 2, ms) <= 0)
		return false;
	if (fds[0].revents)
		some |= take(&run->out_fd, run->out, &run->out_len);
	if (fds[1].revents)
		some |= take(&run->err_fd, run->err, &run->err_len);
	return some;
}

/* Where a sanitizer tells where it was: its first two lines that matter. */
static const char *place(const char *err)
{
	const char *report = strstr(err, "ERROR: AddressSanitizer");
	const char *frame = report ? strstr(report, wanted.lesson->dir) : NULL;
	int before = 0;

	if (!report)
		report = strstr(err, "runtime error:");
	if (!report)
		return "";
	while (frame && frame - before > report && frame[-before - 1] != ' ')
		before++;
	return text("\n%.*s%s%.*s", (int)strcspn(report, "\n"), report, frame ? "\nat " : "",
		    frame ? (int)strcspn(frame - before, "\n") : 0, frame ? frame - before : "");
}

static void judge_end(struct run *run, int status)
{
	run->ended = true;
	run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	while (take_output(run, 0))
		;
	if (WIFSIGNALED(status) && run->to_its_end) { /* what was said before is of another one */
		sent("%s", run->said);
		expected("that it ends by itself");
		quote(run->said, run->err);
	}
	if (WIFSIGNALED(status))
		say_not_yet("%s was ended by signal %d (%s)%s", run->said, WTERMSIG(status),
			    strsignal(WTERMSIG(status)), place(run->err));
	if (strstr(run->err, "ERROR: AddressSanitizer") || strstr(run->err, "runtime error:"))
		say_not_yet("%s does something that C does not allow%s", run->said,
			    place(run->err));
}

bool has_ended(struct run *run)
{
	int status;

	if (!run->ended && waitpid(run->pid, &status, WNOHANG) == run->pid)
		judge_end(run, status);
	return run->ended;
}

static void kill_group(struct run *run)
{
	kill(-run->pid, SIGKILL);
	kill(run->pid, SIGKILL);
}

struct run *run_to_end(const char *const argv[])
{
	struct run *run = start_in_background(argv);
	double deadline = seconds() + RUN_SECONDS;

	run->to_its_end = true;
	while (!has_ended(run)) {
		if (seconds() > deadline) {
			kill_group(run);
			sent("%s", run->said);
			expected("that it ends by itself");
			quote(run->said, *run->err ? run->err : run->out);
			say_not_yet("%s had not ended after %d seconds, and was ended", run->said,
				    RUN_SECONDS);
		}
		if (!take_output(run, 5) && run->out_fd < 0 && run->err_fd < 0)
			pause_ms(1);
	}
	return run;
}

void stop(struct run *run, int signal)
{
	double deadline = seconds() + STOP_SECONDS;

	if (has_ended(run))
		return;
	kill(run->pid, signal);
	for (int status; !run->ended;) {
		if (waitpid(run->pid, &status, WNOHANG) == run->pid) {
			if (WIFSIGNALED(status) && WTERMSIG(status) == signal)
				status = 0; /* it did not object */
			judge_end(run, status);
		} else if (seconds() > deadline) {
			kill_group(run);
			say_not_yet("%s had not ended %d seconds after signal %d (%s)", run->said,
				    STOP_SECONDS, signal, strsignal(signal));
		} else if (!take_output(run, 5)) {
			pause_ms(1);
		}
	}
}

char *next_line(struct run *run, unsigned int ms)
{
	double deadline = seconds() + ms / 1000.0;

	for (;;) {
		char *from = run->out + run->out_read;
		char *end = memchr(from, '\n', run->out_len - run->out_read);

		if (end) {
			run->out_read = end + 1 - run->out;
			return text("%.*s", (int)(end - from), from);
		}
		if (seconds() > deadline || (has_ended(run) && !take_output(run, 0)))
			return NULL;
		take_output(run, 5);
	}
}

char *lesson_file(const char *name)
{
	const char *path = text("%s/%s/%s", tree, wanted.lesson->dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *words = calloc(1, 65536);

	if (!words || fd < 0 || read(fd, words, 65535) < 0)
		say_not_yet("there is no file %s/%s", wanted.lesson->dir, name);
	close(fd);
	return words;
}

const char *give_file(const char *name, const void *begin, const void *end)
{
	size_t len = (const char *)end - (const char *)begin;
	const char *path = text("/tmp/%s", name);
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, begin, len) != (ssize_t)len || close(fd))
		give_up(errno, "cannot write %s", path);
	return path;
}
