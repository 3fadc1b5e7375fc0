#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 58
# time limit: 240
#
# The grader's harness: what it does with programs and checks that go wrong, and what is left.

load helpers

setup_file() {
	in_private_world
	export GRADER=$BATS_FILE_TMPDIR/grader
	local lesson=$GRADER/odd-programs cc libs object objects=()
	make -s -C "$LAB_TREE/check"
	mkdir -p "$GRADER/check" "$lesson"
	cc="$(configured CC) -std=gnu11 -D_GNU_SOURCE -g $(configured CFLAGS)"
	libs="$(configured LDFLAGS) $(configured LIBS) -lm"
	for object in "$LAB_TREE"/check/.build/*.o; do
		[[ $object == *[0-9]-* || $object == *_kern.o ]] || objects+=("$object")
	done
	# shellcheck disable=SC2046,SC2086 # lists of words
	$cc $(configured LIBS_CFLAGS) -pthread -I"$LAB_TREE/check" -I"$LAB_TREE/common" \
		-I"$LAB_TREE/headers" -o "$GRADER/check/grade" "$BATS_TEST_DIRNAME/grader/checks.c" \
		"${objects[@]}" "$LAB_TREE/common/liblab.o" $libs
	cp "$BATS_TEST_DIRNAME/grader/odd.c" "$lesson"
	$cc -o "$lesson/odd" "$lesson/odd.c"
	compile_bpf no_null_check
	compile_bpf slow
	cp "$BATS_FILE_TMPDIR"/{no_null_check,slow}.o "$BATS_TEST_DIRNAME/bpf/no_null_check.c" "$lesson"
}

grade() { # ARG...
	tar -cf - -C "$GRADER" odd-programs | "$GRADER/check/grade" odd-programs "$@"
}

# judged STATUS EXERCISE TEXT...: the exit status, and what it says
judged() {
	local expected=$1 exercise=$2 text
	shift 2
	run --separate-stderr grade "$exercise" --seed 51f3
	[ "$status" -eq "$expected" ] || show_run "its status should have been $expected" || return 1
	[ -z "$stderr" ] || show_run 'it should have been silent on stderr' || return 1
	for text; do
		[[ $output == *"$text"* ]] || show_run "it should have said '$text'" || return 1
	done
}

@test "a check that returns has passed" {
	judged 0 nothing '  ok       nothing'
}

@test "a check without a message does not compile" {
	compiles() { # CALL
		printf '#include "check.h"\nvoid f(void);\nvoid f(void)\n{\n\t%s\n}\n' "$1" |
			$(configured CC) -std=gnu11 -D_GNU_SOURCE -I"$LAB_TREE/check" -I"$LAB_TREE/common" \
				-I"$LAB_TREE/headers" -x c -fsyntax-only - >/dev/null 2>&1
	}
	compiles 'not_yet("%u of them", 3);'
	run compiles 'not_yet("");'
	[ "$status" -ne 0 ]
	run compiles 'not_yet();'
	[ "$status" -ne 0 ]
}

@test "a program that does not end is ended after five seconds, and it says so" {
	judged 1 hang './odd hang had not ended after 5 seconds'
}

@test "a program that ignores Ctrl-C is ended" {
	judged 1 stubborn 'had not ended 2 seconds after signal 2'
}

@test "a program that crashes: the signal" {
	judged 1 crash './odd crash was ended by signal 11 (Segmentation fault)'
}

@test "a program that crashes, built with a sanitizer: the line" {
	# shellcheck disable=SC2046
	$(configured CLANG) -g -fsanitize=address -o "$GRADER/odd-programs/odd" \
		"$GRADER/odd-programs/odd.c" || skip 'needs tool clang-sanitizer: no run-time library'
	judged 1 crash AddressSanitizer odd.c:
	$(configured CC) -g -o "$GRADER/odd-programs/odd" "$GRADER/odd-programs/odd.c"
}

@test "a program that forks without end is ended" {
	judged 1 forks 'started more than 150 processes'
}

@test "a program that prints megabytes fills no memory" {
	judged 0 flood
}

@test "a program can neither change the tree nor the machine" {
	judged 0 vandal
	[ -x "$GRADER/odd-programs/odd" ]
	[ ! -e /etc/xdp-lab-was-here ]
}

@test "a program sees no other network, no descriptor and no disk" {
	judged 0 escape
}

@test "what a program leaves running is gone before the next check" {
	run grade --all --seed 1
	[[ $output == *'ok       daemon'*'ok       alone'* ]] || show_run 'it should be alone'
}

@test "a program that is missing" {
	judged 1 missing 'there is no nosuch in odd-programs'
}

@test "a check that crashes is the lab's fault, not the learner's" {
	judged 3 broken 'cannot tell' "a fault of the lab's"
}

@test "a machine that cannot tell: cause and cure, exit status 3" {
	judged 3 cannot 'cannot tell' 'because  this one is too small' 'cure     another machine'
}

@test "a program that the verifier refuses: the line, in words, and the kernel's own" {
	judged 1 refused "the kernel's verifier refuses the program" 'no_null_check.c:' \
		'the kernel says:' '| '
}

@test "a program or an object that is not there: what there is" {
	judged 1 unnamed 'no_null_check.o has no program xdp_nosuch; it has: unchecked'
	judged 1 unbuilt 'there is no nosuch.o in odd-programs'
}

@test "frames of all kinds arrive, with noise too" {
	judged 0 wire
	run grade wire --noise
	[ "$status" -eq 0 ] || show_run 'noise should not matter'
}

@test "under fire: how many frames a program has met, where its queue runs over" {
	judged 0 fire
}

@test "a seed repeats a run exactly, another does not" {
	run grade chance --seed 51f3
	first=$output
	run grade chance --seed 51f3
	[ "$output" = "$first" ] || show_run 'it should have been the same'
	[[ $output == *'(seed 51f3)'*'--seed 51f3'* ]] || show_run 'it should name the seed'
	run grade chance --seed 51f4
	[ "$output" != "$first" ] || show_run 'it should have been different'
}

@test "the first failure ends a lesson, --all goes on" {
	run grade --seed 1
	[ "$status" -eq 1 ]
	[[ $output == *'not yet  hang'*'  -        crash'*'  -        chance'* ]] ||
		show_run 'what follows a failure should not have run'
}

@test "side by side or one by one: the same words, whatever ends first" {
	local how side_by_side
	same() { sed 's/"seconds":[0-9.]*//; s/0xffff[0-9a-f]*//g' <<<"$output"; } # the kernel's own
	for how in '' '--all --json' '--all --tap'; do
		# shellcheck disable=SC2086 # words
		run grade --seed 51f3 --summary $how
		side_by_side=$(same)
		# shellcheck disable=SC2086
		run grade --seed 51f3 --summary --one-by-one $how
		[ "$side_by_side" = "$(same)" ] ||
			show_run "side by side it was: $side_by_side"
	done
}

no_grader() {
	! pgrep -f "$GRADER/check/grade"
}

@test "Ctrl-C: no more words, and nothing is left" {
	local out=$BATS_TEST_TMPDIR/out said n pid
	tar -cf "$BATS_TEST_TMPDIR/tree.tar" -C "$GRADER" odd-programs
	for n in 1 2 3; do
		setsid env --default-signal=INT "$GRADER/check/grade" odd-programs --all \
			<"$BATS_TEST_TMPDIR/tree.tar" >"$out" 2>&1 &
		pid=$!
		sleep "0.$n"
		said=$(cat "$out")
		kill -INT -- -$pid
		wait $pid || :
		poll no_grader
		[[ $(cat "$out") == "$said"* && $(cat "$out") != *'did not come to an end'* ]] ||
			show_run "$(cat "$out")"
	done
	[ -z "$(ip -o link show type veth)" ]
}

@test "JSON: an object a line, which jq reads" {
	run grade refused --json
	[ "$status" -eq 1 ]
	[ "$(jq -r '.result + " " + .exercise' <<<"$output")" = 'not yet refused' ]
	[ -n "$(jq -r '.came, .said' <<<"$output")" ]
}

@test "TAP: a plan, and a skip with its reason where the lab cannot tell" {
	run grade cannot --tap
	[ "$status" -eq 3 ]
	[[ $output == 'ok 1 - '*'# SKIP cannot tell: this one is too small'*1..1* ]] ||
		show_run 'it should have been TAP'
}

@test "a wrong command line: exit status 2 and the usage" {
	local args
	for args in '' nosuch 'odd-programs nosuch' '--nosuch odd-programs' 'odd-programs --seed xyz'; do
		# shellcheck disable=SC2086 # words
		run "$GRADER/check/grade" $args </dev/null
		[ "$status" -eq 2 ] || show_run "'$args' should be refused"
	done
}

@test "killed at twenty moments, it leaves no process, device, pin or program" {
	local moment what pid before
	things() {
		ls -A /run/netns /sys/fs/bpf
		ip -br link
		wc -l </proc/self/mountinfo
	}
	is_gone() { # its programs are named after the seed
		no_grader && ! bpftool prog show | grep -q 'name lab_dead[0-9]'
	}
	before=$(things)
	tar -cf "$BATS_TEST_TMPDIR/tree.tar" -C "$GRADER" odd-programs
	for moment in {10..29}; do
		what=wire
		[ $((moment % 2)) -eq 0 ] || what=--all
		"$GRADER/check/grade" odd-programs $what --seed "dead$moment" \
			<"$BATS_TEST_TMPDIR/tree.tar" >/dev/null &
		pid=$!
		sleep "0.0$((RANDOM % 90 + 10))"
		kill -KILL "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	poll is_gone
	[ "$(things)" = "$before" ] || show_run 'something is left'
}

@test "ten at once give ten right verdicts" {
	local n pids=() out=$BATS_TEST_TMPDIR
	for n in {1..10}; do
		{ grade wire --seed "$n" && grade vandal >>"$out/$n.other"; } >"$out/$n" &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n"
	done
	[ "$(cat "$out"/{1..10} | grep -c '^  ok       wire')" -eq 10 ]
}
