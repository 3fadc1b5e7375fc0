// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which check runs when. They mostly wait, so several run side by side, each in a world of its own;
 * what came of them is told in their order, and nothing that comes after a failure is told, or
 * matters: it reads as if they had run one after the other. (Not a failure of what has passed
 * before: the next exercise may well have asked for something else in its place.)
 */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grade.h"

#define CHECK_SECONDS 60 /* a check that takes longer is broken, or the machine hangs */
#define MAX_PROCESSES 150
#define MAX_EXERCISES 32

static struct turn {
	const struct exercise *exercise;
	struct outcome *outcome;
	pid_t keeper; /* 0: it has not begun */
	bool asked, alone, ended;
} turns[MAX_EXERCISES];

static unsigned int count, running;
static unsigned int end; /* what comes from here on is not asked for any more */

/* ---- One check, in process 1 of its world ---- */

/* However busy the machine is made, this process gets to look after it; its children do not. */
static void go_first(void)
{
	const struct sched_param param = { .sched_priority = 1 };

	sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param);
}

/* Waits for the check, and looks after those that fork without end. */
static void wait_for(pid_t check, struct outcome *outcome)
{
	const struct timespec beat = { .tv_nsec = 4 * 1000 * 1000 };
	double deadline = seconds() + CHECK_SECONDS;
	sigset_t child;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
			if (pid == check)
				return;
		}
		if (seconds() > deadline)
			return;
		if (count_processes() > MAX_PROCESSES) {
			outcome->too_many = true;
			return;
		}
		sigtimedwait(&child, NULL, &beat);
	}
}

/* Whatever the check has open or running ends with this process. */
__attribute__((noreturn)) static void keep(const struct turn *turn)
{
	struct outcome *outcome = turn->outcome;
	double begin = seconds();
	pid_t pid;

	go_first();
	enter_fresh_world();
	pid = fork();
	if (pid < 0)
		give_up(errno, "cannot start a process");
	if (!pid)
		judge(turn->exercise, outcome);
	wait_for(pid, outcome);
	outcome->seconds = seconds() - begin;
	if (outcome->too_many) {
		outcome->result = NOT_YET;
		snprintf(outcome->came, sizeof(outcome->came),
			 "your program started more than %d processes; they were ended",
			 MAX_PROCESSES);
	}
	_exit(0);
}

/* ---- All of them ---- */

static void begin(struct turn *turn)
{
	struct clone_args args = { .flags = CLONE_NEWPID, .exit_signal = SIGCHLD };

	turn->keeper = syscall(SYS_clone3, &args, sizeof(args));
	if (turn->keeper < 0)
		give_up(errno, "cannot start a process in a namespace");
	if (!turn->keeper)
		keep(turn);
	running++;
}

/* The next that may begin now. Those that need the machine for themselves come last, and alone. */
static struct turn *next_turn(unsigned int at_once)
{
	for (int alone = 0; alone < 2; alone++) {
		for (struct turn *turn = turns; turn < turns + end; turn++) {
			if (!turn->asked || turn->keeper)
				continue;
			if (alone || at_once == 1 || !turn->alone)
				return running < (alone ? 1 : at_once) ? turn : NULL;
		}
	}
	return NULL;
}

/* An end: it stands, or it is of one that comes after a failure. */
static void take_end(struct turn *turn)
{
	struct outcome *outcome = turn->outcome;
	unsigned int n = turn - turns;

	turn->ended = true;
	running--;
	if (n >= end) {
		memset(outcome, 0, sizeof(*outcome));
	} else if (outcome->result == NOT_RUN) {
		outcome->result = CANNOT_TELL;
		snprintf(outcome->came, sizeof(outcome->came),
			 "the check itself did not come to an end: a fault of the lab's");
		snprintf(outcome->cure, sizeof(outcome->cure), "try again; then report it");
	} else if (outcome->result == NOT_YET && !wanted.all && !is_behind(turn->exercise)) {
		end = n + 1;
		while (++n < count) {
			if (turns[n].keeper && !turns[n].ended)
				kill(turns[n].keeper, SIGKILL);
			else
				memset(turns[n].outcome, 0, sizeof(*outcome));
		}
	}
}

static void wait_for_an_end(void)
{
	pid_t pid = waitpid(-1, NULL, 0);

	if (pid < 0)
		give_up(errno, "cannot wait for a check");
	for (unsigned int n = 0; n < count; n++) {
		if (turns[n].keeper == pid)
			take_end(&turns[n]);
	}
}

static bool is_decided(const struct turn *turn)
{
	return !turn->asked || turn->ended || (!turn->keeper && turn >= turns + end);
}

static void take_turns(unsigned int at_once)
{
	unsigned int told = 0;
	struct turn *turn;

	while (told < count) {
		while ((turn = next_turn(at_once)))
			begin(turn);
		if (!is_decided(&turns[told])) {
			wait_for_an_end();
			continue;
		}
		if (turns[told].asked)
			report(told + 1, turns[told].exercise, turns[told].outcome);
		told++;
	}
}

int run_checks(void)
{
	bool failed = false, unknown = false;
	double started = seconds();

	go_first();
	report_begin();
	for (const struct exercise *e = wanted.lesson->exercises; e->name; e++, count++) {
		if (count == MAX_EXERCISES)
			give_up(0, "%s has too many exercises", wanted.lesson->dir);
		turns[count].exercise = e;
		turns[count].outcome = &outcomes[count];
		turns[count].alone = wanted.lesson->alone && !strcmp(e->name, wanted.lesson->alone);
		turns[count].asked = !wanted.exercise || !strcmp(e->name, wanted.exercise);
	}
	end = count;
	take_turns(wanted.one_by_one || cpu_count() == 1 ? 1 : 2 * cpu_count());
	for (unsigned int n = 0; n < count; n++) {
		failed |= outcomes[n].result == NOT_YET;
		unknown |= outcomes[n].result == CANNOT_TELL;
	}
	report_end(seconds() - started);
	return failed ? 1 : unknown ? 3 : 0;
}
