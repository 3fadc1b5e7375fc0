#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/attach.sh [RUNS]: what one attach costs: the processor time, in the program and in the
# kernel, of the lab's loaders and of `xdp-loader load`, for the same program on the same device,
# in turns.
#
# It needs root. The exit status is 1 if a loader of ours takes more than xdp-loader, or more than
# 2.5 ms, in the median of the runs (25 unless told otherwise). LAB_TREE: where the programs are.

set -eu

# shellcheck source=bench/runs.bash
. "$(dirname "$0")/runs.bash" 25 "$@"
limit=2500 # microseconds
if [ -z "${LAB_BENCH_INSIDE-}" ]; then # in a world of its own: nothing stays
	LAB_BENCH_INSIDE=1 exec "$here/../testenv/private.sh" "$here/attach.sh" "$runs"
fi

tree=${LAB_TREE:-$here/..}
basic01=$tree/basic01-xdp-pass
basic02=$tree/basic02-prog-by-name
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cc -O2 -Wall -o "$tmp/cpu_time" "$here/cpu_time.c"

median() { # NUMBER...
	printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

names=('basic01: xdp_pass_user' '  xdp-loader load' 'basic02: xdp_loader' '  xdp-loader load -n')
times=('' '' '' '')

attach() { # WHICH: notes the time that it took
	local command=()
	case $1 in
	0) command=("$basic01/xdp_pass_user" --dev left) ;;
	1) command=(xdp-loader load left "$basic01/xdp_pass_kern.o") ;;
	2) command=("$basic02/xdp_loader" --dev left) ;;
	3) command=(xdp-loader load -n xdp_pass_func left "$basic02/xdp_prog_kern.o") ;;
	esac
	# xdp-loader fails where another runs on this machine: its lock file is in /run, for all.
	times[$1]+=" $(flock "$(type -P xdp-loader)" "$tmp/cpu_time" "${command[@]}")"
	"$basic01/xdp_pass_user" --dev left --unload-all --quiet
}

ip link add left type veth peer name right
ip link set left up
ip link set right up
for ((run = 0; run < runs; run++)); do
	for which in 0 1 2 3; do
		attach "$which"
	done
done

status=0
printf 'processor time of one attach, median of %d runs; wanted: at most %d us\n' "$runs" "$limit"
for which in 0 1 2 3; do
	# shellcheck disable=SC2086 # a list of numbers
	medians[which]=$(median ${times[which]})
done
for which in 0 1 2 3; do
	verdict=''
	if [ $((which % 2)) = 0 ]; then
		if [ "${medians[which]}" -gt "$limit" ] ||
			[ "${medians[which]}" -gt "${medians[which + 1]}" ]; then
			verdict='   too much'
			status=1
		fi
	fi
	printf '%-24s %6d us%s\n' "${names[which]}" "${medians[which]}" "$verdict"
done
exit "$status"
