#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/vm.sh [RUNS]: how long it takes from typing lab vm to the first line of the guest's command,
# by emulation, for each kernel: the first time, when the tools of the guest have to be collected, and
# every other time. Medians of several runs (5 unless told otherwise), on a machine that does nothing
# else. Kernels have to be there; nothing that is kept is touched.
#
# The exit status is 1 if it takes longer than 12 s the first time, or 9 s then.

set -eu
# shellcheck source=bench/runs.bash
. "$(dirname "$0")/runs.bash" 5 "$@"
kept=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-lab/vm
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
export XDG_CACHE_HOME=$tmp LAB_VM_KVM=''
late=0

first_line() { # KERNEL: milliseconds
	local began now
	began=$(date +%s%N)
	now=$("$here/../testenv/vm.sh" --kernel "$1" -- sh -c 'echo here; cat' 2>/dev/null </dev/null |
		{ read -r word && [ "$word" = here ] && date +%s%N; }) || exit
	echo $(((now - began) / 1000000))
}

report() { # WHAT AIM, the times on stdin
	local all
	mapfile -t all < <(sort -n)
	printf '%-26s %6d ms (%d to %d; aim: %d)\n' "$1" "${all[${#all[@]} / 2]}" "${all[0]}" "${all[-1]}" "$2"
	[ "${all[${#all[@]} / 2]}" -le "$2" ] || late=1
}

for kernel in 6.1 6.12; do
	[ -d "$kept/kernels/$kernel" ] ||
		{ echo "there is no Linux $kernel yet: ./lab vm --kernel $kernel -- true" >&2 && exit 1; }
	report "$kernel, the first time" 12000 < <(for _ in $(seq "$runs"); do
		rm -rf "$tmp/xdp-lab"
		mkdir -p "$tmp/xdp-lab/vm/kernels"
		cp -r "$kept/kernels/$kernel" "$tmp/xdp-lab/vm/kernels/"
		first_line $kernel
	done)
	report "$kernel, then" 9000 < <(for _ in $(seq "$runs"); do first_line $kernel; done)
done
exit $late
