#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/check.sh [RUNS]: how long it takes from saving a file to the verdict, lesson by lesson.
#
# In a copy of the tree, as a learner goes through a lesson: as it comes, then with one worked answer
# after the other. In each state it touches the BPF program and types lab check, which ends at the
# first exercise that is not yet right. Prints the medians over all states and runs (3 runs of each
# unless told otherwise): the build, the grading, all of it; then what the whole lesson takes when
# all of it is right, and the largest resident memory of the grader. It needs root, and time(1).

set -eu

# shellcheck source=bench/runs.bash
. "$(dirname "$0")/runs.bash" 3 "$@"
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

# save LESSON: one round; the figures go to build, grade and all, in milliseconds
save() {
	local begin said
	touch "$1"/*_kern.c
	begin=${EPOCHREALTIME/[.,]/}
	said=$(./lab check "$1" --time) || :
	all+=($(((${EPOCHREALTIME/[.,]/} - begin) / 1000)))
	[[ $said =~ built\ in\ ([0-9]+)\.([0-9]+)\ s,\ +graded\ in\ ([0-9]+)\.([0-9]+) ]]
	build+=($((10#${BASH_REMATCH[1]}${BASH_REMATCH[2]} * 10)))
	grade+=($((10#${BASH_REMATCH[3]}${BASH_REMATCH[4]} * 10)))
}

printf '%-24s %8s %8s %8s %12s %10s\n' lesson build grade all 'all right' memory
sum=0
for lesson in *[0-9][0-9]-*; do
	build=() grade=() all=()
	mapfile -t answers < <(find "$lesson/solution" -name '*.patch' -printf '%f\n' | sort -n |
		sed 's/^[0-9]*-\(.*\)\.patch$/\1/')
	make -s -C "$lesson"
	for answer in '' "${answers[@]}"; do
		[ -z "$answer" ] || ./lab solution "$lesson" "$answer" --apply >/dev/null
		make -s -C "$lesson"
		for ((run = 0; run < runs; run++)); do
			save "$lesson"
		done
	done
	right=$(median "${all[@]: -$runs}")
	memory=$(tar -c "$lesson" headers | command time -f %M check/grade "$lesson" --all 2>&1 >/dev/null |
		tail -n 1)
	printf '%-24s %5d ms %5d ms %5d ms %9d ms %6d KiB\n' "$lesson" "$(median "${build[@]}")" \
		"$(median "${grade[@]}")" "$(median "${all[@]}")" "$right" "$memory"
	sum=$((sum + right))
done
printf '%-24s %39d ms\n' 'all of them, all right' "$sum"
