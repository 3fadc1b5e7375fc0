#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/build.sh [RUNS]: how long make takes: all from nothing on two jobs, the first four lessons
# alone, nothing to do, and one BPF program edited. Medians of several runs, in a copy of the tree,
# by the clock and, which says more on a busy machine, by the processors.
#
# bench/build.sh --steps [RUNS]: what one of each step of a build takes.

set -eu
steps=''
[ "${1-}" != --steps ] || { steps=1 && shift; }
# shellcheck source=bench/runs.bash
. "$(dirname "$0")/runs.bash" 9 "$@"
cd "$here/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cp -r Makefile configure common headers ./*[0-9][0-9]-* tests "$tmp"
cc -O2 -Wall -o "$tmp/cpu_time" bench/cpu_time.c
cd "$tmp"
make -s distclean
./configure -q

times() { # COMMAND...: milliseconds by the clock and by the processors
	local start cpu
	start=$(date +%s%N)
	cpu=$("$tmp/cpu_time" "$@")
	echo $((($(date +%s%N) - start) / 1000000)) $((cpu / 1000))
}

median() { # WHAT [AIM], the times on stdin
	sort -n | awk -v what="$1" -v aim="${2-}" '
		{ wall[NR] = $1; cpu[NR] = $2 }
		END {
			for (i = 1; i < NR; i++) # there are few
				for (j = i + 1; j <= NR; j++)
					if (cpu[j] < cpu[i]) { t = cpu[i]; cpu[i] = cpu[j]; cpu[j] = t }
			m = int((NR + 1) / 2)
			printf "%-28s %5d ms (%d to %d%s)   processors %5d ms\n", what, wall[m],
				wall[1], wall[NR], aim ? "; aim: " aim : "", cpu[m]
		}'
}

repeat() { # COMMAND...: its times
	for _ in $(seq "$runs"); do times "$@"; done
}

one_step() { # WHAT LESSON TARGET
	for _ in $(seq "$runs"); do
		rm -f "$2/$3"
		times make -s -C "$2" LIBLAB_IS_BUILT=1 "$3"
	done | median "$1"
}

if [ -n "$steps" ]; then
	make -s
	repeat make --version | median 'make, to start'
	repeat make -s -C basic01-xdp-pass LIBLAB_IS_BUILT=1 | median 'a lesson with nothing to do'
	repeat clang --version | median 'clang, to start'
	one_step 'a BPF object' basic03-map-counter xdp_prog_kern.o
	one_step 'a program' basic03-map-counter xdp_load_and_stats
	for _ in $(seq "$runs"); do
		rm common/liblab.o
		times make -s -C common
	done | median 'what they share'
	echo "$(find . -name '*_kern.o' | wc -l) objects, $(find ./*[0-9]-* -name '*.d' \
		! -name '*_kern.d' | wc -l) programs, without what exercises start from"
	exit
fi

for _ in $(seq "$runs"); do
	make -s clean
	times make -s -j2
done | median 'all, from nothing, -j2' 700
for _ in $(seq "$runs"); do
	make -s clean
	times make -s -j2 "lessons=$(echo basic0[1-4]-*)"
done | median 'basic01 to basic04 alone' 700
make -s
repeat make -s | median 'nothing to do' 100
for _ in $(seq "$runs"); do
	touch basic02-prog-by-name/xdp_prog_kern.c
	times make -s
done | median 'one _kern.c edited' 400
