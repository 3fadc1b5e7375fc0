#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/build.sh [RUNS]: how long make takes: all from nothing on two jobs, nothing to do, and one
# BPF program edited. Medians of several runs, in a copy of the tree; compare on an idle machine.

set -eu
cd "$(dirname "$0")/.."
runs=${1:-7}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp -r Makefile configure common headers ./*[0-9][0-9]-* tests "$tmp"
cd "$tmp"
make -s distclean
./configure -q

seconds() { # COMMAND...: how long it took
	local start end
	start=$(date +%s%N)
	"$@" >/dev/null
	end=$(date +%s%N)
	echo "$(((end - start) / 1000000))"
}

median() { # WHAT TARGET, the figures on stdin
	sort -n | awk -v what="$1" -v target="$2" '
		{ v[NR] = $1 }
		END { printf "%-28s %5d ms   (%d to %d; aim: %d)\n", what, v[int((NR + 1) / 2)], v[1], v[NR], target }'
}

for _ in $(seq "$runs"); do
	make -s clean
	seconds make -s -j2
done | median 'all, from nothing, -j2' 700
for _ in $(seq "$runs"); do seconds make -s; done | median 'nothing to do' 100
for _ in $(seq "$runs"); do
	touch basic02-prog-by-name/xdp_prog_kern.c
	seconds make -s
done | median 'one _kern.c edited' 400
