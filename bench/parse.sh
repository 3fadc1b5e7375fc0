#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/parse.sh [RUNS]: how long a parser on headers/lab/parse.h takes for a packet, beside one that
# does the same and was written out by hand.
#
# It needs root. The exit status is 1 if it takes more than 1.3 times as long, in the median of the
# runs (25 unless told otherwise), for any of the packets that are tried.

set -eu

# shellcheck source=bench/runs.bash
. "$(dirname "$0")/runs.bash" 25 "$@"
tree=$(dirname "$here")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

configured() { # NAME: what configure found
	sed -n "s/^$1 := //p" "$tree/config.mk"
}

# shellcheck disable=SC2046 # lists of words
$(configured CLANG) -target bpf -O2 -g -Wall -I"$tree/headers" $(configured LIBS_CFLAGS) \
	$(configured BPF_INCLUDES) -c "$here/parse_kern.c" -o "$tmp/parse.o"
# shellcheck disable=SC2046
$(configured CC) -std=gnu11 -D_GNU_SOURCE -O2 -Wall $(configured LIBS_CFLAGS) -o "$tmp/parse" \
	"$here/parse.c" "$tree/check/odd.c" $(configured LIBS)
"$tmp/parse" "$tmp/parse.o" "$runs"
