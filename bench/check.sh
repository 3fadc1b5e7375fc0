#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/check.sh [RUNS]: how long it takes from saving a file to the verdict, lesson by lesson.
#
# In a copy of the tree with the worked answers, so that every check of a lesson runs: touches the
# BPF program, and types lab check. Prints the medians of the runs (7 unless told otherwise): the
# build, the grading, all of it; and the largest resident memory of the grader. It needs root.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
runs=${1:-7}
case $runs in
*[!0-9]* | '' | 0)
	sed -n '4,8s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git -C "$here/.." ls-files -z | (cd "$here/.." && tar -c --null -T -) | tar -x -C "$copy"
cd "$copy"
./configure -q
make -s -j2
make -s -C check

median() { # NUMBER...
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

printf '%-24s %8s %8s %8s %10s\n' lesson build grade all memory
sum=0
for lesson in *[0-9][0-9]-*; do
	last=$(find "$lesson/solution" -name '*.patch' -printf '%f\n' | sort -n | tail -n 1)
	last=${last#*-}
	./lab solution "$lesson" "${last%.patch}" --apply >/dev/null
	make -s -C "$lesson"
	build=() grade=() all=()
	for ((run = 0; run < runs; run++)); do
		touch "$lesson"/*_kern.c
		begin=${EPOCHREALTIME/[.,]/}
		said=$(./lab check "$lesson" --all --time) || :
		all+=($(((${EPOCHREALTIME/[.,]/} - begin) / 1000)))
		[[ $said =~ built\ in\ ([0-9]+)\.([0-9]+)\ s,\ +graded\ in\ ([0-9]+)\.([0-9]+) ]]
		build+=($((10#${BASH_REMATCH[1]}${BASH_REMATCH[2]} * 10)))
		grade+=($((10#${BASH_REMATCH[3]}${BASH_REMATCH[4]} * 10)))
	done
	memory=$(tar -c "$lesson" headers | command time -f %M check/grade "$lesson" --all 2>&1 >/dev/null |
		tail -n 1)
	printf '%-24s %5d ms %5d ms %5d ms %7d KiB\n' "$lesson" "$(median "${build[@]}")" \
		"$(median "${grade[@]}")" "$(median "${all[@]}")" "$memory"
	sum=$((sum + $(median "${all[@]}")))
done
printf '%-24s %26d ms\n' 'all of them' "$sum"
