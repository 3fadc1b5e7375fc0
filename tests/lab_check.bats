#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 18
# time limit: 300
#
# lab check, around the grader: what it builds, asks, says and keeps. The grader here is a small one
# that only looks at a text, and the lessons are made for it: see front/make_tree.

# shellcheck disable=SC2154,SC2164 # bats sets $output, and stops where cd fails
# shellcheck disable=SC2030,SC2031 # bats: a test is a function
load helpers

load front/helpers
one=one01-alpha two=two02-beta

setup() {
	make_tree
}

teardown() {
	remove_tree
}

@test "without a lesson: the first one with something that has not passed" {
	says 1 "$one" 'failed bytes' '- mode' -- ./lab check
	silent_about "$two"
	answer $one 2
	says 0 'passed bytes' 'passed mode' "Next: $two, exercise 1, mood" -- ./lab check
	says 1 "$two" 'failed mood' -- ./lab check
	answer $two 1
	says 0 'That was the last. All exercises have passed.' -- ./lab check
	says 0 'All exercises have passed' './lab check --all' -- ./lab check
	silent_about mood
}

@test "it stops at the first failure; --all goes on, through all lessons where none is named" {
	says 1 'failed bytes' '- mode' -- ./lab check one
	says 1 'failed bytes' 'failed mode' -- ./lab check one --all
	silent_about mood
	says 1 'failed bytes' 'failed mode' 'failed mood' -- ./lab check --all
}

@test "one exercise, by its name, number or beginning" {
	answer $one 2
	for word in mode 2 mo; do
		says 0 'passed mode' '- bytes' -- ./lab check one01 $word
	done
	says 0 'passed mode' -- ./lab check $one/ mode
}

@test "names that nobody knows, or that can be two things: status 2, and the nearest" {
	mkdir one99-other
	printf 'all:\n' >one99-other/Makefile
	says 2 "'one' can be one01-alpha or one99-other" -- ./lab check one
	says 2 'did you mean two02' -- ./lab check tow02
	says 2 "there is no lesson 'zzzzzzzz'" './lab list' -- ./lab check zzzzzzzz
	says 2 'did you mean mode' 'bytes, mode' -- ./lab check one01 mdoe
	says 2 'type the lesson before it: one01 mode' -- ./lab check mode
	says 2 'has no exercises' -- ./lab check one99
	says 2 'one lesson' -- ./lab check one01 mode bytes
	says 2 'did you mean mode' -- ./lab hint one01 mdoe
	says 2 'did you mean mode' -- ./lab solution one01 mdoe --apply
	[ ! -e .lab/attic ]
	says 2 'usage: lab list' -- ./lab list one01
}

@test "options that are wrong: status 2, and nothing is built" {
	says 2 -- ./lab check --frob
	says 2 -- ./lab check --json --tap
	for seed in '' xyz 123456789 0x12 -1; do
		says 2 hexadecimal -- ./lab check --seed "$seed"
	done
	says 2 -- ./lab check --seed
	says 2 -- ./lab check --kernel
	[ ! -e $one/answer.o ]
}

@test "a seed goes to the grader, --seed=51f3 as well" {
	says 1 'seed 51f3' -- ./lab check one --seed 51f3
	says 1 'seed AB' -- ./lab check one --seed=AB
}

@test "--time: the grader gets the time of the build" {
	says 1 'built in 0.' -- ./lab check one --time
}

@test "the grader's last line is kept back, what looks like it is not" {
	says 1 $'summary\tthis is said by somebody else' -- ./lab check
	silent_about 'bytes=failed'
}

@test "what the grader says comes at once, not at its end" {
	sed -i 's/^stop=/echo early; sleep 60; stop=/' check/grade
	coproc ./lab check 3>&- # nobody is to wait for that sleep
	read -r -t 40 line <&"${COPROC[0]}"
	[ "$line" = early ]
	kill "$COPROC_PID"
}

@test "what has passed is kept, by name, and stays when the answer is damaged later" {
	answer $one 1
	says 1 'passed bytes' 'failed mode' -- ./lab check
	grep -q "^$one/bytes passed 20[0-9-]* [0-9:]*$" .lab/progress
	[ "$(wc -l <.lab/progress)" -eq 1 ]
	answer $one 0
	says 1 'failed bytes' -- ./lab check
	says 0 'passed  1 bytes' '-       2 mode' '1 of 3 exercises passed' -- ./lab list
	[ "$(wc -l <.lab/progress)" -eq 1 ]
}

@test "what cannot be told is no pass and no failure: status 3; with a failure beside it, 1" {
	answer $one 99
	says 3 'lab bytes' -- ./lab check
	[ ! -s .lab/progress ]
	says 1 'lab bytes' 'failed mood' -- ./lab check --all
}

@test "what this machine cannot judge does not hold anybody up, and is never passed" {
	answer $one 98
	says 3 'lab bytes' 'passed mode' "Next: $two, exercise 1, mood" -- ./lab check one
	says 0 '1 passed' "Next: $two, exercise 1" \
		'Left out, as this machine cannot judge it: one01 bytes. Why: ./lab check one01 bytes' -- ./lab
	says 0 '?       1 bytes' 'passed  2 mode' '1 of 3 exercises passed' 'Left out' -- ./lab list
	answer $two 1
	says 0 'All exercises that this machine can judge have passed. Not judged: one01 bytes.' -- ./lab check
	says 3 'Not judged: one01 bytes.' -- ./lab check
	says 0 'Not judged: one01 bytes.' -- ./lab
	[ "$(grep -c bytes .lab/progress)" -eq 0 ]
	sed -i 's/$/-older/' .lab/untold # with another kernel it is the next again
	says 0 "Next: $one, exercise 1, bytes" -- ./lab
	answer $one 2
	says 0 'passed bytes' -- ./lab check one bytes
	says 0 'All exercises have passed' -- ./lab
	silent_about 'Left out'
}

@test "a grader that dies, or ends without a verdict: status 3, and nothing is kept" {
	answer $one 77
	says 3 -- ./lab check
	answer $one 78
	says 3 'was ended by signal 9' -- ./lab check
	[ ! -s .lab/progress ]
	answer $one 2
	says 0 'passed mode' -- ./lab check
}

@test "code that does not compile: the compiler's message, its first error first, nothing else" {
	printf 'int unused(void) { int x = 1; return 0; }\nint answer = 2\nint other = y;\n' >$one/answer.c
	run ./lab check
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == *answer.c:3:*error:* ]] || show_run 'the first line should be the first error'
	silent_about make 'Error 1' warning: lab: summary "$one"$'\n'
	answer $one 2
	says 0 'passed mode' -- ./lab check
}

@test "a linker's error is shown, too" {
	printf 'all:\n\tcc -o answer answer.c\n' >$one/Makefile
	echo 'int nowhere(void); int main(void) { return nowhere(); }' >$one/answer.c
	says 1 'undefined reference to `nowhere' -- ./lab check
	silent_about make:
}

@test "a warning is shown, and does not stop anything" {
	printf 'int answer = 2;\nint f(void) { int unused; return 0; }\n' >$one/answer.c
	says 0 'warning: unused' 'passed mode' -- ./lab check
	run --separate-stderr ./lab check one --json # nothing was built again
	[ -z "$stderr" ]
}

@test "a file that is missing is named, with the command that brings it back" {
	rm $one/answer.c
	says 1 "$one/answer.c is missing" './lab reset one01' -- ./lab check
	./lab reset one01
	says 1 'failed bytes' -- ./lab check
}

@test "a lesson without its Makefile, and one that is gone as a whole" {
	./lab check || :
	rm $one/Makefile
	says 1 "$one/Makefile is missing" -- ./lab check
	rm -r $one
	says 2 'has no exercises' -- ./lab check one01
	says 0 -- ./lab reset one01
	[ -f $one/answer.c ]
}

@test "the lock is free again when the grader runs, and held by a build" {
	says 1 'lock free' -- ./lab check
	flock .lab/lock sleep 1 &
	poll eval '! flock -n .lab/lock true'
	says 1 'waiting for another lab command' 'failed bytes' -- ./lab check
	wait
}

@test "what somebody has put beside the sources does no harm: a pipe, a large file, odd names" {
	mkfifo $one/pipe
	truncate -s 1G $one/capture.pcap
	echo x >"$one/a"$'\n'"b"
	ln -s /nowhere $one/dangling
	says 1 'failed bytes' -- timeout 20 ./lab check
	silent_about tar: complete
}

@test "--tap: one stream with one plan, also where a lesson cannot be built" {
	answer $one 1
	./lab check --all --tap >/run/tap || [ $? -eq 1 ]
	[ "$(grep -c '^ok ' /run/tap)" -eq 1 ]
	[ "$(grep -c '^not ok ' /run/tap)" -eq 2 ]
	[ "$(tail -n 1 /run/tap)" = 1..3 ]
	echo 'in answer;' >$one/answer.c
	./lab check --all --tap >/run/tap || [ $? -eq 1 ]
	grep -q '^not ok 1 - one01 can be built' /run/tap
	grep -q '^# answer.c:1' /run/tap
	grep -q '^not ok 2 - mood' /run/tap
	[ "$(tail -n 1 /run/tap)" = 1..2 ]
	perl -MTAP::Parser -e 'my $p = TAP::Parser->new({ exec => ["cat", "/run/tap"] });
		$p->run; exit($p->parse_errors ? 1 : 0)'
}

@test "--json: each line is an object, also where a lesson cannot be built" {
	printf 'in "answer" = \\;\t\001\n' >$one/answer.c
	./lab check --all --json >/run/json || [ $? -eq 1 ]
	grep -v $'^summary\t' /run/json | jq -s . >/run/array
	[ "$(jq -r '.[0].result' /run/array)" = 'not built' ]
	[[ $(jq -r '.[0].came' /run/array) == *error:* ]]
	[ "$(jq -r '.[1].exercise' /run/array)" = mood ]
}

@test "as root in somebody's tree: it builds as they, and nothing becomes root's" {
	chown -R "$nobody:$nobody" .
	answer $one 2
	says 0 'passed mode' 'uid 0' -- ./lab check
	says 0 -- ./lab hint two
	says 0 -- ./lab solution two --apply
	says 0 -- ./lab reset two
	says 0 -- ./lab undo
	[ -f .lab/progress ] && [ -f $one/answer.o ] && [ -f .lab/hints ]
	[ -z "$(find . -user root)" ]
}

@test "as a person with sudo: the grader alone is run by it" {
	chown -R "$nobody:$nobody" .
	mkdir /run/fake && chmod 755 /run/fake
	# shellcheck disable=SC2016 # for that shell
	printf '#!/bin/sh\n[ "$1" = -- ] && shift\necho "$*" >>%s/sudo.log\nexec "$@"\n' "$TREE" >/run/fake/sudo
	chmod 755 /run/fake/sudo
	says 1 "uid $nobody" 'failed bytes' -- as_nobody env "PATH=/run/fake:$PATH" ./lab check
	[ "$(wc -l <sudo.log)" -eq 1 ]
	[[ $(cat sudo.log) == "$TREE/check/grade $one "* ]]
}

@test "as a person whom sudo refuses: status 3, and sudo's words" {
	chown -R "$nobody:$nobody" .
	mkdir -p /run/fake2 && chmod 755 /run/fake2
	printf '#!/bin/sh\necho "nobody is not in the sudoers file." >&2\nexit 1\n' >/run/fake2/sudo
	chmod 755 /run/fake2/sudo
	says 3 'not in the sudoers file' -- as_nobody env "PATH=/run/fake2:$PATH" ./lab check
	[ ! -s .lab/progress ]
}

@test "neither root nor sudo: one sentence, and the virtual machine that can" {
	chown -R "$nobody:$nobody" .
	links_without /run/bin sudo
	PATH=/run/bin
	says 3 'takes root, and there is no sudo' './lab check --vm one' -- as_nobody env "PATH=$PATH" ./lab check one
	says 0 'Hint 1' -- as_nobody env "PATH=$PATH" ./lab hint one
}

fake_vm() { # runs the command here, and notes what it was
	cat >testenv/vm.sh <<-'END'
		#!/bin/bash
		echo "$PWD: $*" >>vm.log
		echo 'in a machine of its own' >&2
		while [ "$1" != -- ]; do shift; done
		shift
		exec "$@"
	END
	chmod +x testenv/vm.sh
}

@test "--vm builds here, and checks in there: what it says and what has passed comes back" {
	fake_vm
	answer $one 2
	says 0 'passed mode' 'in a machine of its own' 'seed ab' -- ./lab check --vm one --kernel 6.1 --seed ab
	[[ $(head -n 1 vm.log) == "$TREE: --kernel 6.1 -- "* ]]
	says 0 'place --kernel 6.1' -- ./lab check --vm one --kernel 6.1
	says 0 'place --vm' -- ./lab check --vm one
	says 0 'passed mode' -- ./lab check one
	silent_about place
	silent_about 'bytes=passed'
	grep -q "$one/mode passed" .lab/progress
	[ "$(grep -c passed .lab/progress)" -eq 2 ]
}

@test "--vm --all checks all lessons in one machine, but for those that cannot be built" {
	fake_vm
	answer $one 2
	says 1 'passed mode' 'failed mood' -- ./lab check --vm --all
	[ "$(grep -c "^$TREE: " vm.log)" -eq 1 ]
	says 1 'not ok 3 - mood' '1..3' -- ./lab check --vm --all --tap
	echo 'in answer;' >$one/answer.c
	says 1 'answer.c:1' 'failed mood' -- ./lab check --vm --all
	silent_about make:
}

@test "--vm: a machine that does not start is no verdict" {
	fake_vm
	sed -i 's/^exec .*/echo "vm: no qemu here" >\&2; exit 125/' testenv/vm.sh
	says 3 'no qemu here' -- ./lab check --vm one
	[ ! -s .lab/progress ]
}

@test "a lesson that is gone, or its exercises: it is said, and how to get it back" {
	printf '%s/1-bytes  requires a\n' $one >>check/concepts.txt
	cp -r $one /run/kept
	rm -r $one/solution
	for command in 'check one' 'check one bytes' 'solution one' 'hint one' 'watch one'; do
		# shellcheck disable=SC2086 # words
		says 2 "lab: $one/solution is missing" "git checkout -- $one/solution" -- ./lab $command
	done
	says 0 "Missing: $one/solution." -- ./lab
	rm -r $one
	says 2 "lab: $one is missing" -- ./lab check one
	says 0 "Missing: $one." -- ./lab list
	says 0 'is as it came' -- ./lab reset one
	silent_about 'No such file' 'line '
	rm -r $one
	mv /run/kept $one
	says 1 'failed bytes' -- ./lab check one
	rm $one/README.md
	says 1 "$one/README.md is missing" -- ./lab hint one bytes
	silent_about 'has no hints'
}

@test "two that end at the same time: what has passed in each of them is kept" {
	answer $one 2
	answer $two 1
	mkdir /run/slow
	printf '#!/bin/sh\nsleep 0.5\nexec %s "$@"\n' "$(type -P mv)" >/run/slow/mv
	chmod +x /run/slow/mv
	env "PATH=/run/slow:$PATH" ./lab check one &
	says 0 'passed mood' -- env "PATH=/run/slow:$PATH" ./lab check two
	wait $!
	says 0 '3 of 3 exercises passed' -- ./lab list
	[ "$(wc -l <.lab/progress)" -eq 3 ]
}

@test "on a file system whose locks are for writers, as NFS, or that has none" {
	cat >/run/nfs.c <<-'END'
		#include <errno.h>
		#include <fcntl.h>
		#include <stdlib.h>

		int flock(int fd, int how)
		{
			errno = getenv("NO_LOCKS") ? ENOLCK : EBADF;
			return how && (getenv("NO_LOCKS") || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR) ? -1 : 0;
		}
	END
	cc -shared -fPIC -o /run/nfs.so /run/nfs.c
	for world in A=B NO_LOCKS=1; do
		says 1 'failed bytes' -- env LD_PRELOAD=/run/nfs.so $world ./lab check one
		silent_about waiting 'flock: 9'
		answer $one 3
		says 0 'undo' -- env LD_PRELOAD=/run/nfs.so $world ./lab reset one
	done
}

@test "in Turkish, where i is not in [a-z], and tools have words of their own" {
	command -v locale-gen >/dev/null || skip 'needs tool locale-gen: to make this language'
	mkdir /run/locales
	localedef -i tr_TR -f ISO-8859-9 /run/locales/tr_TR
	turkish=(env LOCPATH=/run/locales LC_ALL=tr_TR)
	says 0 '  list' '  solution' -- "${turkish[@]}" ./lab help
	says 0 'bytes, hint 1' -- "${turkish[@]}" ./lab hint one
	printf 'int f(void) { int unused; return 0; }\nint answer = y;\n' >$one/answer.c
	run "${turkish[@]}" ./lab check
	[[ ${lines[0]} == *answer.c:2:*error:* ]] || show_run 'the first line should be the first error'
	mount -o remount,ro "$TREE"
	says 3 "$TREE is read-only" -- "${turkish[@]}" ./lab check
	mount -o remount,rw "$TREE"
}

@test "a read-only tree: one sentence, status 3" {
	printf '#!/bin/sh\necho asked here\n' >doctor/doctor.sh
	chmod +x doctor/doctor.sh
	./lab list >/dev/null
	[ -s .lab/machine ]
	./lab check || :
	echo >>$one/answer.c
	mount -o remount,ro "$TREE"
	says 3 "$TREE is read-only" 'copy of your own' -- ./lab check
	[ "${#lines[@]}" -eq 1 ]
	says 1 "$TREE is read-only" -- ./lab reset one
	says 0 'Hint 1' -- ./lab hint one
	says 0 'It works because' -- ./lab solution one
	says 0 'Next:' -- ./lab
	says 0 'asked here' -- ./lab doctor # although what it said before cannot be forgotten
	mount -o remount,rw "$TREE"
	says 1 'failed bytes' -- ./lab check
}

@test "somebody else's tree: one sentence, status 3" {
	says 3 'may not write in' -- as_nobody ./lab check
	[ "${#lines[@]}" -eq 1 ]
	says 0 'Hint 1' -- as_nobody ./lab hint one
}

@test "a full disk: one sentence, nothing is half written, and the next command works" {
	answer $one 2
	mkdir -p .lab && touch .lab/lock .lab/progress
	head -c 100M /dev/zero >fill 2>/dev/null || :
	run ./lab check
	[ "$status" -eq 3 ] || [ "$status" -eq 0 ] || show_run 'neither'
	says 1 'so nothing was changed' -- ./lab reset one
	[ "${#lines[@]}" -eq 1 ]
	[ "$(cat $one/answer.c)" = 'int answer = 2;' ]
	says 0 'Hint 1' 'could not be kept: is the disk full?' -- ./lab hint one bytes
	rm fill
	says 0 'passed mode' -- ./lab check one
	grep -q "$one/mode passed" .lab/progress
}
