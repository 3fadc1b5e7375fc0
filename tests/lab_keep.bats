#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 22
# time limit: 300
#
# lab hint, solution, reset, undo, list and watch: what they show, and that nothing which a learner
# has written is ever lost. On a tree of its own: see front/make_tree.

# shellcheck disable=SC2154,SC2164 # bats sets $output, and stops where cd fails
load helpers
load front/helpers
one=one01-alpha two=two02-beta

setup() {
	make_tree
}

teardown() {
	no_watch
	remove_tree
}

use_git() { # the tree as somebody has cloned it
	git init -q .
	git config user.email learner@example.org
	git config user.name learner
	echo '/.lab/' >.gitignore
	echo '*.o' >>.gitignore
	git add -A
	git commit -qm 'as it came'
}

state_of() { # DIRECTORY: names, kinds, modes and contents of what is in it
	(cd "$1" && find . ! -type d ! -name '*.o' -printf '%p %y %m %l\n' -type f -exec md5sum {} \; | sort)
}

# ---- hints and answers

@test "hints come one by one, the same as on the page; then the last again, and where the answer is" {
	says 0 'Hint 1:' '  bytes, hint 1:' '      code 1' 'hint 1 of 3' './lab hint one01 bytes' -- ./lab hint
	silent_about 'hint 2:' '<'
	says 0 'Hint 2:' 'hint 2 of 3' -- ./lab hint one01 bytes
	says 0 'Hint 3:' 'the last of 3' './lab solution one01 bytes' -- ./lab hint one01 bytes
	says 0 'Hint 3:' 'the last of 3' -- ./lab hint one01 bytes
	says 0 'mode, hint 1' -- ./lab hint one01 mode
}

@test "hint --all shows all of them, without an exercise those of the next one" {
	says 0 'Hint 1:' 'Hint 2:' 'Hint 3:' 'code 3' -- ./lab hint --all
	answer $one 1
	./lab check one || :
	says 0 'mode, hint 1' -- ./lab hint one
	says 0 'mood, hint 1' -- ./lab hint two
	answer $one 2
	./lab check one
	for command in 'hint one' 'solution one --apply'; do
		# shellcheck disable=SC2086 # words
		says 2 'nothing of it is left to do: name the exercise' -- ./lab $command
	done
}

@test "an exercise without hints, and a page that is missing, say so" {
	sed -i '/<details>/,$d' $two/README.md
	says 1 'has no hints for mood' -- ./lab hint two
	rm $two/README.md
	says 1 'README.md is missing' -- ./lab hint two
	says 2 'there is no option --frob' -- ./lab hint --frob
}

@test "solution shows why, and the difference; it changes nothing" {
	before=$(state_of $one)
	says 0 'It works because the number is 2.' '+int answer = 2;' 'on top of: bytes' '--apply' -- \
		./lab solution one mode
	says 0 'the number is 1' -- ./lab solution
	silent_about SPDX
	[ "$(state_of $one)" = "$before" ]
}

@test "solution --apply writes the answers up to that one, and says how to get back" {
	answer $one 5
	says 0 './lab undo 1' 'up to mode' -- ./lab solution one mode --apply
	grep -q 'answer = 2' $one/answer.c
	says 0 'passed mode' -- ./lab check one
	says 0 'holds the worked answer already' -- ./lab solution one mode --apply
	says 0 -- ./lab undo 1
	grep -q 'answer = 5' $one/answer.c
}

# ---- the lesson as it came

@test "reset: the lesson as it came, what was there is saved; undo brings it back, undo undoes undo" {
	came=$(state_of $one)
	answer $one 3
	echo mine >$one/mine.txt
	mkdir $one/old && echo older >"$one/old/a file"
	ln -s ../elsewhere $one/old/link
	chmod 755 $one/text.txt
	mine=$(state_of $one)
	says 0 'is as it came' './lab undo 1' -- ./lab reset one
	[ "$(state_of $one)" = "$came" ]
	says 0 'what it was before reset' -- ./lab undo
	[ "$(state_of $one)" = "$mine" ]
	says 0 'what it was before undo' -- ./lab undo
	[ "$(state_of $one)" = "$came" ]
	says 0 -- ./lab undo 1
	[ "$(state_of $one)" = "$mine" ]
	says 0 'before reset' 'before undo' -- ./lab undo --list
}

@test "undo LESSON: the last that was replaced of this lesson, whatever came after it" {
	echo 'int answer = 41;' >$one/answer.c
	says 1 "nothing to undo" "of $one" './lab undo --list' -- ./lab undo one
	says 0 -- ./lab reset one
	echo 'int answer = 42;' >$two/answer.c
	says 0 -- ./lab reset two
	says 0 "$one is what it was before reset" -- ./lab undo one
	grep -qx 'int answer = 41;' $one/answer.c
	grep -q 'int answer = 0;' $two/answer.c
	says 0 "$two is what it was before reset" -- ./lab undo $two/
	grep -qx 'int answer = 42;' $two/answer.c
	says 2 "there is no lesson 'three'" -- ./lab undo three
}

@test "nothing to reset and nothing to undo are said, and save nothing" {
	says 1 'nothing to undo' -- ./lab undo
	says 0 'Nothing has been replaced' -- ./lab undo --list
	says 0 'nothing to reset' -- ./lab reset one
	[ ! -e .lab/attic ]
	says 2 'usage' -- ./lab reset
	says 2 "nothing was saved as '7'" -- ./lab undo 7
	says 2 "nothing was saved as '../x'" -- ./lab undo ../x
}

@test "what the reset brings is newer than what was built: the next check builds it" {
	answer $one 2
	says 0 'passed mode' -- ./lab check one
	./lab reset one
	[ $one/answer.c -nt $one/answer.o ]
	[ ! $one/Makefile -nt $one/answer.o ] # what had not changed was not touched
	says 1 'failed bytes' -- ./lab check one
}

@test "reset and solution work after the learner has committed answers of their own" {
	use_git
	came=$(state_of $one)
	answer $one 1
	git commit -qam 'my first answer'
	answer $one 2
	rm $one/text.txt
	git commit -qam 'my second'
	rm -rf .lab
	says 0 -- ./lab reset one
	[ "$(state_of $one)" = "$came" ]
	says 0 -- ./lab undo
	[ ! -e $one/text.txt ]
	says 0 -- ./lab solution one bytes --apply
	grep -q 'answer = 1' $one/answer.c
}

@test "and in the middle of a merge, where git has its marks in the file" {
	use_git
	printf '<<<<<<< HEAD\nint answer = 1;\n=======\nint answer = 2;\n>>>>>>> other\n' >$one/answer.c
	says 0 -- ./lab reset one
	grep -q 'answer = 0' $one/answer.c
	says 0 -- ./lab undo
	grep -q '>>>>>>> other' $one/answer.c
}

@test "without git: the lesson is put aside by the first command that finds it as it came" {
	rm -rf .lab
	[ ! -d .git ]
	./lab list
	answer $one 2
	says 0 'as it came' -- ./lab reset one
	grep -q 'answer = 0' $one/answer.c
}

@test "git that does not have the lessons: git init in a copy, a work tree whose home has gone" {
	rm -rf .lab
	git init -q .
	./lab >/dev/null
	answer $one 2
	git add -A
	says 0 'as it came' -- ./lab reset one
	grep -q 'answer = 0' $one/answer.c
	rm -rf .git .lab
	echo 'gitdir: /nowhere/.git/worktrees/lab' >.git
	./lab >/dev/null
	answer $one 2
	says 0 'as it came' -- ./lab reset one
	rm -r .git .lab
	use_git
	./lab >/dev/null
	[ ! -e .lab/pristine ] # git has them
}

@test "where it is nowhere to be found, that is said, and nothing is changed" {
	rm -rf .lab
	answer $one 2
	says 1 'is not to be found' 'fresh copy' -- ./lab reset one
	grep -q 'answer = 2' $one/answer.c
	[ ! -e .lab/attic ]
	blob=$(sed -n 's/^100644 \(.*\) answer.c$/\1/p' check/as-it-came/$one)
	mkdir -p .lab/pristine
	echo 'int answer = 3; /* not it */' >".lab/pristine/$blob" # damaged
	says 1 'is not to be found' -- ./lab reset one
}

@test "a newer version of a lesson: reset brings the newer one" {
	use_git
	answer $one 2
	printf 'int answer = 0; /* a newer one */\n' >/run/newer.c
	blob=$(git hash-object -w /run/newer.c)
	sed -i "s/ [0-9a-f]* answer.c/ $blob answer.c/" check/as-it-came/$one
	says 0 -- ./lab reset one
	grep -q 'a newer one' $one/answer.c
	says 0 -- ./lab undo
	grep -q 'answer = 2' $one/answer.c
}

@test "an answer that does not fit is a fault of the lab's: said, and nothing is changed" {
	sed -i 's/answer = 0/answer = 7/' $one/solution/1-bytes.patch
	says 1 'does not fit' -- ./lab solution one bytes --apply
	grep -q 'answer = 0' $one/answer.c
	[ -z "$(find . -name '*.orig' -o -name '*.rej')" ]
}

@test "a directory where a file has to be, and a file that cannot be read" {
	use_git
	chown -R "$nobody:$nobody" .
	rm $one/answer.c
	mkdir $one/answer.c && echo mine >$one/answer.c/deep
	chown -R "$nobody:$nobody" .
	says 0 -- as_nobody ./lab reset one
	grep -q 'answer = 0' $one/answer.c
	grep -q mine .lab/attic/1-$one-reset/answer.c/deep
	echo secret >$one/root.txt && chmod 600 $one/root.txt
	says 1 'could not be saved, so nothing was changed' -- as_nobody ./lab solution one bytes --apply
	grep -q 'answer = 0' $one/answer.c
	mkdir $one/closed && chmod 700 $one/closed && rm $one/root.txt
	says 1 'could not be saved, so nothing was changed' -- as_nobody ./lab solution one bytes --apply
	grep -q 'answer = 0' $one/answer.c
}

@test "files, directories, links and pipes change places: undo brings back just what was there" {
	mkdir /run/elsewhere $one/notes && echo theirs >/run/elsewhere/deep
	echo mine >$one/notes/deep
	rm $one/answer.c && mkdir $one/answer.c && echo mine >$one/answer.c/deep
	first=$(state_of $one)
	says 1 'answer.c is missing' -- ./lab check one
	says 0 -- ./lab reset one
	rm -r $one/notes && ln -s /run/elsewhere $one/notes
	second=$(state_of $one)
	says 0 -- ./lab undo 1 # files that lay where the link is now
	[ "$(state_of $one)" = "$first" ]
	[ "$(cat /run/elsewhere/deep)" = theirs ]
	says 0 -- ./lab undo
	[ "$(state_of $one)" = "$second" ]
	rm $one/notes $one/answer.c && mkfifo $one/answer.c && echo a file >$one/notes
	says 0 -- timeout 20 ./lab undo 1
	silent_about cmp: mkdir:
	[ "$(state_of $one)" = "$first" ]
	[ -p .lab/attic/4-$one-undo/answer.c ]
}

@test "interrupted while files are replaced, it goes on to the end and says so" {
	answer $one 2
	echo other >$one/text.txt
	mkdir /run/slow
	printf '#!/bin/sh\n: >/run/moving\nsleep 0.2\nexec %s "$@"\n' "$(type -P mv)" >/run/slow/mv
	chmod +x /run/slow/mv
	PATH=/run/slow:$PATH setsid env --default-signal=INT ./lab reset one >/run/said 2>&1 3>&- &
	poll [ -e /run/moving ]
	kill -INT -- -$!
	wait $!
	grep -qF './lab undo 1' /run/said
	grep -q 'answer = 0' $one/answer.c
	[ "$(cat $one/text.txt)" = 'a text' ]
}

@test "killed at twenty random moments, no text of a learner's is ever lost" {
	use_git
	for ((n = 1; n <= 20; n++)); do
		echo "int answer = $n; /* text number $n */" >$one/answer.c
		echo "more $n" >"$one/more $n.txt"
		case $((n % 3)) in
		0) command='reset one' ;;
		1) command='solution one mode --apply' ;;
		2) command=undo ;;
		esac
		# shellcheck disable=SC2086 # words
		setsid ./lab $command >/dev/null 2>&1 & # a process group of its own
		sleep "0.0$((RANDOM % 10))"
		kill -KILL -- -$! 2>/dev/null || :
		wait $! 2>/dev/null || :
		grep -rq "text number $n \*" $one .lab/attic || show_run "text number $n is lost" || return 1
		[ -e "$one/more $n.txt" ] || grep -rq "more $n$" .lab/attic || show_run "more $n is lost" || return 1
	done
	says 0 -- ./lab reset one
	grep -q 'answer = 0' $one/answer.c
	[ -z "$(find .lab -name 'work.*')" ]
}

# ---- list, and lab alone

@test "list shows lessons in the order of the course, with what has passed" {
	answer $one 1
	./lab check || :
	says 0 "$one " 'about alpha' 'passed  1 bytes        Make it 1.' '-       2 mode' \
		'1 of 3 exercises passed' -- ./lab list
	[[ $output == *"$one"*"$two"* ]]
	printf 'two02-beta teaches b\none01-alpha teaches a\n' >check/concepts.txt
	run ./lab list
	[[ $output == *"$two"*"$one"* ]]
}

@test "lab alone: what is next, which file, which page, which command" {
	says 0 '3 exercises, 0 passed' "Next: $one, exercise 1, bytes: Make it 1." "edit   $one/answer.c" \
		"read   $one/README.md, from the top; the exercise is there from line" \
		'./lab check one01 bytes' 'This machine: kernel' -- ./lab
	answer $one 2
	./lab check
	says 0 '3 exercises, 2 passed' "Next: $two" -- ./lab
	answer $two 1
	./lab check
	says 0 '3 exercises, 3 passed' './lab check --all' -- ./lab
	rm config.mk
	says 0 'not set up yet: ./lab setup' -- ./lab
}

@test "who has skipped something goes on from the last that passed, and comes back to it in the end" {
	cp $two/solution/1-mood.patch $two/solution/2-more.patch
	echo "$two/mood passed 2026-01-01 00:00" >>.lab/progress
	says 0 "Next: $two, exercise 2, more" -- ./lab
	says 1 'failed mood' -- ./lab check
	[[ $output == *"$two"* && $output != *"$one"* ]]
	echo "$two/more passed 2026-01-01 00:00" >>.lab/progress
	says 0 "Next: $one, exercise 1, bytes" -- ./lab
	[ -z "$(./lab 2>&1 >/dev/null | head -n 1)" ]
	run --separate-stderr bash -c './lab | true' # nobody reads it
	[ -z "$stderr" ]
}

@test "what has passed survives a newer version with other exercises, numbers and lines of its own" {
	answer $one 1
	./lab check || :
	mv $one/solution/1-bytes.patch $one/solution/3-bytes.patch
	echo 'a line that nobody knows' >>.lab/progress
	says 0 'passed  2 bytes' -- ./lab list
}

# ---- watch

watch() { # [ARG...]: starts it; what it says comes in $BATS_TEST_TMPDIR/said
	./lab watch "$@" >"$BATS_TEST_TMPDIR/said" 2>&1 </dev/null 3>&- &
	watcher=$!
}

no_watch() {
	[ -n "${watcher-}" ] || return 0
	kill "$watcher" 2>/dev/null || :
	wait "$watcher" 2>/dev/null || :
}

comes() { # COMMAND...: it succeeds within twenty seconds: several checks, on a busy machine
	local tries
	for ((tries = 0; tries < 400; tries++)); do
		"$@" && return
		sleep 0.05
	done
	cat "$BATS_TEST_TMPDIR/said" >&2
	return 1
}

said() { # TEXT
	grep -qF -- "$1" "$BATS_TEST_TMPDIR/said"
}

said_times() { # N TEXT
	[ "$(grep -cF -- "$2" "$BATS_TEST_TMPDIR/said")" -eq "$1" ]
}

@test "watch checks at once and after each save, and never clears" {
	watch one
	comes said 'failed bytes'
	comes said 'waiting for you to save'
	answer $one 1
	comes said 'passed bytes'
	comes said_times 2 'waiting for you'
	answer $one 2
	comes said 'passed mode'
	no_watch
	run ! grep -q $'\033' "$BATS_TEST_TMPDIR/said"
	[ "$(grep -c '^----' "$BATS_TEST_TMPDIR/said")" -eq 3 ]
}

@test "watch sees saving by rename, as editors do, and ignores what is built" {
	watch one
	comes said 'waiting for you to save'
	echo 'int answer = 1;' >$one/.new && mv $one/.new $one/answer.c
	comes said 'passed bytes'
	comes said_times 2 'waiting for you'
	sleep 0.7
	touch $one/answer.o
	sleep 0.7
	no_watch
	[ "$(grep -c '^----' "$BATS_TEST_TMPDIR/said")" -eq 2 ]
}

@test "watch works without inotifywait" {
	links_without /run/nobin inotifywait
	PATH=/run/nobin watch one
	comes said 'waiting for you to save'
	answer $one 2
	comes said 'passed mode'
	no_watch
}

@test "watch goes on to the next lesson when one has passed, and ends with the last" {
	watch
	comes said 'failed bytes'
	answer $one 2
	comes said "$two: waiting for you"
	answer $two 1
	comes said 'That was the last'
	wait "$watcher"
}

@test "watch: keys check, show a hint, and end it" {
	script -qefc './lab watch one' "$BATS_TEST_TMPDIR/said" >/dev/null < <(
		for key in r h q; do
			times=$((${times-0} + 1))
			comes said_times $times 'waiting for you' && printf %s $key
		done
		sleep 5)
	said 'Keys: r check now, h next hint, q end'
	said 'bytes, hint 1'
	[ "$(grep -c '^----' "$BATS_TEST_TMPDIR/said")" -eq 2 ]
}

none_listens() {
	! pgrep -x inotifywait >/dev/null
}

@test "watch killed leaves no process behind" {
	watch one
	comes said 'waiting for you to save'
	kill -KILL "$watcher"
	wait "$watcher" || :
	comes none_listens
}

@test "watch says what is wrong with its words" {
	says 2 'did you mean' -- ./lab watch tow02
	says 2 'there is no option --x' -- ./lab watch --x
	says 2 'one lesson' -- ./lab watch one two
}
