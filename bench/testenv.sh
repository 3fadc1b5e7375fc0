#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bench/testenv.sh [RUNS]: how long testenv.sh takes for setup (with its ping) and teardown, beside
# the bare ip commands and the ping that make and remove the same network, in turns. Compare on an
# idle machine: where others wait for the processor too, a shell waits more often than ip does.
#
# It needs root. The exit status is 1 if, in the median of the runs (25 unless told otherwise),
# setup takes more than 3 times as long, or teardown more than 1.5 times.

set -eu

# shellcheck source=bench/runs.bash
. "$(dirname "$0")/runs.bash" 25 "$@"
if [ -z "${LAB_BENCH_INSIDE-}" ]; then # in a world of its own: nothing stays
	LAB_BENCH_INSIDE=1 exec "$here/../testenv/private.sh" "$here/testenv.sh" "$runs"
fi

# shellcheck disable=SC2317 # these four are called by name
bare_setup() {
	ip netns add left
	ip link add dev left address 02:ca:fe:00:01:01 mtu 1500 type veth \
		peer name veth0 netns left address 02:ca:fe:00:01:02 mtu 1500
	ip link set dev left alias made-by-hand
	ip -n left link set dev lo up
	ip -n left address add dev veth0 fc00:dead:cafe:1::2/64 nodad
	ip -n left link set dev veth0 up
	ip -n left neighbour add fc00:dead:cafe:1::1 lladdr 02:ca:fe:00:01:01 dev veth0 nud permanent
	ip address add dev left fc00:dead:cafe:1::1/64 nodad
	ip link set dev left up
	ip neighbour add fc00:dead:cafe:1::2 lladdr 02:ca:fe:00:01:02 dev left nud permanent
	ip netns exec left ping -c 1 -W 1 fc00:dead:cafe:1::1
}

# shellcheck disable=SC2317
bare_teardown() {
	ip link delete dev left
	ip netns delete left
}

# shellcheck disable=SC2317
our_setup() {
	"$here/../testenv/testenv.sh" setup --name left
}

# shellcheck disable=SC2317
our_teardown() {
	"$here/../testenv/testenv.sh" teardown --name left
}

declare -A times=()
took() { # WHAT: run it and note the microseconds
	local start=${EPOCHREALTIME/[.,]/}
	"$1" >/dev/null
	times[$1]+="$((${EPOCHREALTIME/[.,]/} - start)) "
}

median() { # WHAT
	local all
	read -ra all <<<"${times[$1]}"
	printf '%s\n' "${all[@]}" | sort -n | sed -n "$(((${#all[@]} + 1) / 2))p"
}

worse=0
compare() { # WHAT LIMIT-IN-PERCENT
	local bare ours percent verdict=ok
	bare=$(median "bare_$1") ours=$(median "our_$1")
	percent=$((ours * 100 / bare))
	[ "$percent" -le "$2" ] || verdict='TOO SLOW' worse=1
	printf '%-9s  bare ip %6d us   testenv.sh %6d us   %d.%02d times, at most %d.%02d: %s\n' "$1" \
		"$bare" "$ours" $((percent / 100)) $((percent % 100)) $(($2 / 100)) $(($2 % 100)) "$verdict"
}

# Nothing waits for the kernel to notice that the first device of a namespace is up.
ip link add dev first type veth peer name second
ip link delete dev first
for ((run = 0; run < runs; run++)); do
	for who in bare our; do
		took "${who}_setup"
		took "${who}_teardown"
	done
done
compare setup 300
compare teardown 150
exit "$worse"
