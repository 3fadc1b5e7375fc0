#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 12
# time limit: 240
#
# lab check and the real grader together, as people have them: on a copy of the tree that belongs to
# somebody, through sudo.

# shellcheck disable=SC2154,SC2164 # bats sets $output, and stops where cd fails
load helpers
load front/helpers
lesson=basic01-xdp-pass

setup_file() {
	in_private_world
	export TREE=/run/graded
	mkdir "$TREE"
	mount -t tmpfs -o mode=755,size=512m tree "$TREE"
	(cd "$LAB_TREE" && tar -cf - --exclude=.git --exclude=.lab --exclude=./tests .) | tar -xf - -C "$TREE"
	make -s -C "$TREE/check" # once, for all of them
	"$TREE/lab" >/dev/null # it has been used before
	chown -R "$nobody:$nobody" "$TREE"
	cp -a "$TREE"/{.lab,$lesson} "$BATS_FILE_TMPDIR"
	if [ -d /etc/sudoers.d ]; then
		mount -t tmpfs -o mode=750 sudoers /etc/sudoers.d
		echo "#$nobody ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/lab
		chmod 440 /etc/sudoers.d/lab
	fi
}

setup() {
	cd "$TREE"
	rm -rf .lab $lesson
	cp -a "$BATS_FILE_TMPDIR"/{.lab,$lesson} .
	# shellcheck disable=SC2034 # for the next line
	here=$TREE
	# shellcheck disable=SC1091 # what lab itself goes by
	. "$TREE/check/shared.sh"
	first=$(exercises $lesson | head -n 1)
}

@test "a lesson as it comes, its answers one by one, and all of it undone" {
	says 1 "$lesson" "not yet  $first" 'sent ' 'expected ' 'came ' "./lab hint basic01 $first" -- \
		./lab check basic01
	for name in $(exercises $lesson); do
		says 0 'up to' -- ./lab solution basic01 "$name" --apply
		says 0 "ok       $name" -- ./lab check basic01 "$name"
		grep -q "^$lesson/$name passed" .lab/progress
	done
	says 0 'built in 0.' 'graded in ' -- ./lab check basic01 --time
	silent_about 'summary'
	says 0 'Next: ' -- ./lab check basic01
	says 0 'is what it was before' -- ./lab undo 1
	says 1 "not now  $first" 'it has passed' -- ./lab check basic01
	says 1 "not yet  $first" 'sent ' -- ./lab check basic01 --all
	[ -z "$(find . -user root)" ]
}

@test "what has passed before keeps nobody from the next one" {
	./lab solution basic01 "$first" --apply
	says 0 "ok       $first" -- ./lab check basic01 "$first"
	sed -i 's/return XDP_DROP;/return XDP_PASS;/' $lesson/xdp_pass_kern.c
	says 1 "not now  $first" 'it has passed' 'not yet  mode' '-        alive' -- ./lab check basic01
	says 1 "not yet  $first" 'expected the verdict XDP_DROP' -- ./lab check basic01 "$first"
	says 1 '"result":"not yet"' '"exercise":"mode"' '"result":"not run"' -- ./lab check basic01 --json
	says 1 'not ok 1 ' 'not ok 2 ' '# SKIP an earlier' -- ./lab check basic01 --tap
	./lab solution basic01 alive --apply
	says 0 'ok       alive' -- ./lab check basic01
	sed -i 's/return XDP_DROP;/return XDP_PASS;/' $lesson/xdp_pass_kern.c
	says 1 "not now  $first" 'ok       alive' 'Next: basic02' -- ./lab check basic01
	echo 'int' >>$lesson/xdp_pass_kern.c
	says 1 'error: ' -- ./lab check basic01
	silent_about 'Next:'
}

@test "a source that is brought back with its old date is built again, once" {
	cp -p $lesson/xdp_pass_kern.c /run/kept.c
	./lab solution basic01 "$first" --apply
	says 0 "ok       $first" -- ./lab check basic01 "$first"
	mv /run/kept.c $lesson/xdp_pass_kern.c
	says 1 "not yet  $first" -- ./lab check basic01 "$first"
	touch -r $lesson/xdp_pass_kern.o /run/before
	says 1 "not yet  $first" -- ./lab check basic01 "$first"
	[ ! $lesson/xdp_pass_kern.o -nt /run/before ]
	[ -z "$(find . -user root)" ]
}

@test "the same failure again, from the seed that it has printed" {
	run ./lab check basic01
	seed=$(sed -n 's/.*--seed \([0-9a-f]*\).*/\1/p' <<<"$output" | head -n 1)
	[ -n "$seed" ]
	run ./lab check basic01 --seed "$seed"
	once=$output
	run ./lab check basic01 --seed "$seed"
	[ "$output" = "$once" ]
}

@test "as an ordinary user through sudo, and nothing becomes root's" {
	command -v sudo >/dev/null || skip 'needs tool sudo: to be asked for'
	says 1 "not yet  $first" -- as_nobody ./lab check basic01
	says 0 -- as_nobody ./lab solution basic01 "$first" --apply
	says 0 "ok       $first" -- as_nobody ./lab check basic01 "$first"
	[ -z "$(find . -user root)" ]
}

@test "--json and --tap of all lessons can be read by programs" {
	./lab check --all --json >/run/json || [ $? -eq 1 ]
	jq -se 'length > 2 and all(.[]; .lesson and .exercise and .result)' /run/json
	./lab check --all --tap >/run/tap || [ $? -eq 1 ]
	perl -MTAP::Parser -e 'my $p = TAP::Parser->new({ exec => ["cat", "/run/tap"] }); $p->run;
		exit($p->parse_errors || $p->tests_run < 3 ? 1 : 0)'
}

@test "a program that the verifier refuses: which line, and then the kernel's own text" {
	cat >$lesson/xdp_pass_kern.c <<-'END'
		#include <linux/bpf.h>
		#include <bpf/bpf_helpers.h>

		SEC("xdp")
		int xdp_prog_simple(struct xdp_md *ctx)
		{
			void *data = (void *)(long)ctx->data;

			return *(__u8 *)data;
		}

		char _license[] SEC("license") = "GPL";
	END
	says 1 'return *(__u8 *)data' 'invalid access to packet' -- ./lab check basic01 "$first"
}

@test "killed in the middle: the next check works, and nothing is left" {
	for n in 1 2 3 4 5; do
		setsid ./lab check basic01 >/dev/null 2>&1 &
		sleep "0.$((RANDOM % 3))$n"
		kill -KILL -- -$! 2>/dev/null || :
		wait $! 2>/dev/null || :
	done
	says 1 "not yet  $first" -- ./lab check basic01
	[ -z "$(ip netns list)" ]
	[ -z "$(ip -o link show type veth)" ]
}

@test "two checks of one tree at the same time, while it is being built" {
	touch $lesson/*.c
	./lab check basic01 >/run/one 2>&1 &
	says 1 "not yet  $first" -- ./lab check basic01
	wait $! || [ $? -eq 1 ]
	cat /run/one
	grep -q "not yet  $first" /run/one
}
