#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 23
# once: it is about the machine around the grader; grader.t has the answers
# time limit: 400
#
# The worked answers under bad conditions: each passes, or the lab says that it cannot tell. Never
# is a right answer "not yet".

load helpers

setup_file() {
	in_private_world
	export COPY=$BATS_FILE_TMPDIR/copy
	local lesson last
	mkdir -p "$COPY"
	cp -a "$LAB_TREE"/{lab,Makefile,configure,config.mk,common,headers,check,testenv,doctor,docs} \
		"$LAB_TREE"/*[0-9][0-9]-* "$COPY"
	[ ! -d "$LAB_TREE/lib" ] || cp -a "$LAB_TREE/lib" "$COPY"
	cd "$COPY" || return
	for lesson in *[0-9][0-9]-*; do
		last=$(answers "$lesson" | tail -n 1)
		[ -z "$last" ] || ./lab solution "$lesson" "$last" --apply >/dev/null
		make -s -C "$lesson"
	done
	make -s -C check
	cp -r basic04-pinning-maps "$BATS_FILE_TMPDIR/neighbour"
}

answers() { # LESSON: the names of its exercises, in their order
	find "$1/solution" -name '*.patch' -printf '%f\n' 2>/dev/null | sort -n |
		sed 's/^[0-9]*-\(.*\)\.patch$/\1/'
}

# What a later answer takes back by its nature is not asked for.
undone() { # LESSON NAME
	grep -qs "^Undoes:.*\b$2\b" "$1"/solution/*.patch
}

# all_pass [ARG...]: every exercise of every lesson, those of one side by side, with the grader's
# arguments
all_pass() {
	local lesson one said bad=0 count=0
	cd "$COPY" || return
	for lesson in *[0-9][0-9]-*; do
		said=$(tar -cf - "$lesson" headers | ${with_cpu[@]+"${with_cpu[@]}"} \
			check/grade "$lesson" --all --summary "$@") || :
		while read -r one; do
			count=$((count + 1))
			case $one in
			*=passed) ;;
			*=lab) echo "# cannot tell: $lesson ${one%=*}" >&3 ;;
			*)
				! undone "$lesson" "${one%=*}" || continue
				printf '%s\n' "$one" "$said" >&2
				bad=1
				;;
			esac
		done < <(sed -n 's/^summary\t[^\t]*\t//p' <<<"$said" | tr '\t' '\n')
	done
	[ "$count" -gt 20 ] && [ $bad -eq 0 ]
}

@test "with noise on the wire" {
	all_pass --noise
}

@test "while others load and unload programs, and flood the machine with events" {
	# shellcheck disable=SC2016 # for the shell inside
	"$LAB_TREE/testenv/private.sh" bash -c '
		ip link add noise type veth peer name other
		ip link set noise up && ip link set other up
		while :; do
			"$1/xdp_loader" -q --dev noise --progname xdp_abort_func
			ping -q -f -c 300 -W 1 ff02::1%other
			"$1/xdp_loader" -q --dev noise --unload-all
		done >/dev/null 2>&1' sh "$BATS_FILE_TMPDIR/neighbour" 3>&- &
	local noise=$! rc=0
	all_pass --noise || rc=1
	kill "$noise"
	wait "$noise" 2>/dev/null || :
	[ $rc -eq 0 ]
}

@test "on one CPU" {
	local set=$BATS_TEST_TMPDIR/cpuset group
	mkdir "$set"
	mount -t cgroup -o cpuset none "$set" 2>/dev/null ||
		skip 'needs cpuset: no cgroup file system that keeps processes on a CPU'
	group=$set/xdp-lab-$$
	mkdir "$group"
	echo 0 >"$group/cpuset.cpus"
	cat "$set/cpuset.mems" >"$group/cpuset.mems"
	# shellcheck disable=SC2016
	with_cpu=(bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group")
	rc=0
	all_pass || rc=1
	for ((n = 0; n < 100; n++)); do
		! rmdir "$group" 2>/dev/null || break
		sleep 0.05
	done
	umount "$set"
	[ $rc -eq 0 ]
}
