#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 15
# time limit: 200
# sanitizers: too
#
# The programs of basic03 and basic04: figures that are right. For their pins see pins.bats.

# shellcheck disable=SC2154,SC2164 # bats sets $output, and stops where cd fails
load helpers

setup_file() {
	in_private_world
	one_program_a_device
}

setup() {
	counter=$LAB_TREE/basic03-map-counter/xdp_load_and_stats
	loader=$LAB_TREE/basic04-pinning-maps/xdp_loader
	stats=$LAB_TREE/basic04-pinning-maps/xdp_stats
	pin=/sys/fs/bpf/lo/xdp_stats_map
}

teardown() {
	"$loader" --dev lo --unload-all >/dev/null
	[ ! -e "$pin" ] || rm "$pin"
	[ ! -d /sys/fs/bpf/lo ] || rm -r /sys/fs/bpf/lo
	ip link del left 2>/dev/null || :
	ip netns del room 2>/dev/null || :
}

figure() { # ACTION FIELD: the last line's figure, without commas
	grep "^$1 " <<<"$output" | tail -n 1 | tr -d , | awk -v field="$2" '
		{ for (i = 1; i < NF; i++) if ($(i + 1) == field) print $i }'
}

@test "basic03 counts the packets that came" {
	"$counter" --dev lo --skb-mode --progname xdp_stats1 -n 1 -i 0.01 >/dev/null
	ping -q -c 7 -i 0.01 127.0.0.1 >/dev/null
	map=$(bpftool -j prog show id "$(attached lo)" | member map_ids)
	run bpftool -j map dump id "${map//[][]/}"
	[ "$(jq '[.[].formatted.value.rx_packets] | add' <<<"$output")" -eq 14 ] # there and back
	"$counter" --dev lo --unload --progname xdp_stats1
}

@test "a bare word names the program" {
	veth left right
	run "$counter" --dev left xdp_stats1 -n 1 -i 0.01
	[ "$status" -eq 0 ]
	grep -q 'prog name:xdp_stats1' <<<"$output"
	grep -q '^XDP_PASS .* packets .* pps .* period 0\.' <<<"$output"
	"$counter" --dev left --unload-all
}

@test "basic04 counts packets and bytes, with Ethernet headers, for each action" {
	"$loader" --dev lo --skb-mode --progname xdp_pass_func
	taskset -c 0 ping -q -c 5 -i 0.01 -s 100 127.0.0.1 >/dev/null
	taskset -c $(($(nproc) - 1)) ping -q -c 5 -i 0.01 -s 1000 127.0.0.1 >/dev/null
	run "$stats" --dev lo -n 1 -i 0.01
	[ "$status" -eq 0 ]
	[ "$(figure XDP_PASS packets)" -eq 20 ]
	[ -z "$(awk 'length > 100 && /^XDP_/' <<<"$output")" ]
	[ "$(figure XDP_PASS bytes)" -eq $((10 * (100 + 42) + 10 * (1000 + 42))) ]
	for action in XDP_ABORTED XDP_DROP XDP_TX XDP_REDIRECT; do
		[ "$(figure $action packets)" -eq 0 ]
	done
}

@test "what is dropped or aborted is counted under that" {
	for program in xdp_drop_func:XDP_DROP xdp_abort_func:XDP_ABORTED; do
		"$loader" --dev lo --skb-mode --progname ${program%:*}
		run ! ping -q -c 3 -i 0.01 -W 1 127.0.0.1
		run "$stats" --dev lo -n 1 -i 0.01
		[ "$(figure ${program#*:} packets)" -eq 3 ]
		[ "$(figure XDP_PASS packets)" -eq 0 ]
		"$loader" --dev lo --unload --progname ${program%:*}
	done
}

@test "what the reader tells to type can be typed where it was typed" {
	cd "$LAB_TREE/basic03-map-counter"
	run ../basic04-pinning-maps/xdp_stats --dev lo
	[[ $output == *': ../basic04-pinning-maps/xdp_loader --dev lo'* ]]
	../basic04-pinning-maps/xdp_loader --dev lo --skb-mode
	run ../basic04-pinning-maps/xdp_stats --dev lo -n 1 -i 0.01
	[[ ${lines[-1]} == *' to remove it: ../basic04-pinning-maps/xdp_loader --dev lo --unload '[1-9]* ]]
	${lines[-1]##*to remove it: }
	[ -z "$(attached lo)" ]
	cd /
	PATH=$PATH:$LAB_TREE/basic04-pinning-maps run xdp_stats --dev lo
	[[ $output == *': xdp_loader --dev lo'* ]]
}

@test "through a symlink the reader names the loader that lies beside what it leads to" {
	any_kernel 'what is printed'
	ln -s "$stats" "$BATS_TEST_TMPDIR/reader"
	run "$BATS_TEST_TMPDIR/reader" --dev lo
	[[ $output == *": $loader --dev lo"* ]]
}

@test "where nothing tells how many CPUs there are, a program counts, and the reader says why not" {
	any_kernel 'what is printed'
	works 'pinned: ' -- unshare -m bash -c "mount -t tmpfs none /sys/devices/system
		$loader --dev lo --skb-mode"
	refused 1 'cannot read the map' '/sys/devices/system/cpu/possible' 'mount -t sysfs' \
		-- unshare -m bash -c "mount -t tmpfs none /sys/devices/system; $stats --dev lo -n 1"
}

@test "large numbers have commas, whatever the locale" {
	any_kernel 'what is printed'
	"$loader" --dev lo --skb-mode
	ping -q -c 600 -i 0.001 -s 1400 127.0.0.1 >/dev/null
	for locale in C C.UTF-8 xx_XX; do
		LC_ALL=$locale run "$stats" --dev lo -n 1 -i 0.01
		grep -q '^XDP_PASS  *1,200 packets .* 1,730,400 bytes' <<<"$output"
	done
}

@test "a counter that wraps: the rate is right, and no figure is negative" {
	"$loader" --dev lo --skb-mode
	# Each CPU's record: 3 packets and 300 bytes before they begin again at 0.
	bpftool map update pinned "$pin" key 2 0 0 0 \
		value hex fd ff ff ff ff ff ff ff d4 fe ff ff ff ff ff ff
	env --default-signal=INT "$stats" --dev lo -i 60 >"$BATS_TEST_TMPDIR/out" 2>&1 &
	reader=$!
	poll grep -q 'Ctrl-C' "$BATS_TEST_TMPDIR/out"
	taskset -c 0 ping -q -c 10 -i 0.01 -s 100 127.0.0.1 >/dev/null
	kill $reader
	wait $reader
	output=$(cat "$BATS_TEST_TMPDIR/out")
	[[ $output != *-[0-9]* ]]
	awk -v pps="$(figure XDP_PASS pps)" -v s="$(figure XDP_PASS s)" \
		'BEGIN { exit !(pps * s > 19 && pps * s < 21) }'
}

@test "lines come out of a pipe when they are written" {
	any_kernel 'what is printed'
	"$loader" --dev lo --skb-mode
	start=$(date +%s%N)
	timeout 20 "$stats" --dev lo -i 0.2 -n 50 2>/dev/null | head -n 1 >/dev/null || :
	[ $((($(date +%s%N) - start) / 1000000)) -lt 5000 ]
	run "$loader" --dev lo --list
	grep -q xdp_pass_func <<<"$output" # a closed pipe ends the reader alone
}

@test "--json: each line is an object, and stdout has nothing else" {
	any_kernel 'what is printed'
	"$loader" --dev lo --skb-mode >/dev/null
	"$stats" --dev lo --json -n 3 -i 0.05 >"$BATS_TEST_TMPDIR/json" 2>/dev/null
	[ "$(wc -l <"$BATS_TEST_TMPDIR/json")" -eq 15 ]
	[ "$(jq -r 'select(.dev == "lo" and .period > 0.04 and .packets >= 0) | .action' \
		"$BATS_TEST_TMPDIR/json" | wc -l)" -eq 15 ]
	"$loader" --dev lo --unload-all >/dev/null
	"$counter" --dev lo -S --json -n 2 -i 0.05 >"$BATS_TEST_TMPDIR/json" 2>/dev/null
	[ "$(jq -r .action "$BATS_TEST_TMPDIR/json" | sort -u)" = XDP_PASS ]
}

@test "intervals and counts that make no sense are refused" {
	any_kernel 'what is printed'
	for wrong in '-i 0' '-i abc' '-i nan' '-i -1' '-i 1e99' '-n 0' '-n -1' '-n x' '-n 1.5' '-i' '-n'; do
		# shellcheck disable=SC2086 # two words
		run "$stats" --dev lo $wrong
		[ "$status" -eq 2 ]
		grep -q '^Error: ' <<<"$output"
	done
}

@test "SIGINT and SIGTERM end the reader with figures, status 0, and what stays" {
	"$loader" --dev lo --skb-mode
	for signal in INT TERM; do
		env --default-signal=INT "$stats" --dev lo -i 60 >"$BATS_TEST_TMPDIR/$signal" 2>&1 &
		reader=$!
		poll grep -q 'Ctrl-C' "$BATS_TEST_TMPDIR/$signal"
		kill -$signal $reader
		wait $reader
		grep -q '^XDP_PASS ' "$BATS_TEST_TMPDIR/$signal"
		tail -n 1 "$BATS_TEST_TMPDIR/$signal" | grep -q "stays on lo; to remove it: .*--unload [0-9]"
	done
	run "$loader" --dev lo --list
	grep -q xdp_pass_func <<<"$output"
}

@test "Ctrl-C while a loader attaches ends it after the first figures, and it says what stays" {
	any_kernel 'the moment of a signal'
	type strace >/dev/null || skip 'needs tool strace: it sends the signal in the middle'
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: sanitizers make calls like these of their own'
	local program
	for program in "$counter" "$LAB_TREE/basic05-anatomy/hello_user"; do
		run strace -qq -o /dev/null -e inject=write:signal=INT:when=1 "$program" --dev lo -S -i 60
		[ "$status" -eq 0 ]
		[[ ${lines[0]} == 'Success: Loading'* ]]
		[[ ${lines[-1]} == *'stays on lo; to remove it: '* ]]
		"$program" --dev lo --unload-all
	done
}

@test "where the figures cannot be written, it is said what stays, and on stderr" {
	local out program
	for out in '>/dev/full' '>&-'; do
		for program in "$counter" "$LAB_TREE/basic05-anatomy/hello_user"; do
			run --separate-stderr bash -c "'$program' --dev lo -S -n 1 -i 0.01 $out"
			[ "$status" -eq 1 ]
			[[ $stderr =~ ^'Error: cannot write '.*'Note: '.*' stays on lo; to remove it: '(.*)$ ]]
			${BASH_REMATCH[1]}
			[ -z "$(attached lo)" ]
		done
	done
	"$loader" -q --dev lo -S
	refused 1 'cannot write' -- bash -c "'$stats' --dev lo -n 1 -i 0.01 >/dev/full"
}

@test "with --for the last line says that the program stays until then, or that none is left" {
	run "$counter" --dev lo --skb-mode --for 60 -i 0.1 -n 1
	[ "$status" -eq 0 ]
	[[ ${lines[-1]} =~ ^'xdp_stats1 (id '[0-9]+', skb) stays on lo until its time is up; sooner: ' ]]
	eval "${lines[-1]#*sooner: }"
	run "$counter" --dev lo --skb-mode --for 1 -i 0.5 -n 4
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = 'No program is left on lo.' ]
}

rename_left() { # older kernels do so only while it is down
	ip link set left down
	ip link set left name other
}

@test "a device that vanishes, or gets another name, ends the reader within a second" {
	any_kernel 'how soon it ends'
	for change in 'ip link del left' rename_left 'ip link del dev left'; do
		veth left right
		rm -f "$BATS_TEST_TMPDIR/out"
		program=$stats
		[[ $change != *' dev '* ]] || program=$counter # once for basic03's, which loads
		[ "$program" = "$counter" ] || "$loader" --dev left >/dev/null
		"$program" --dev left -i 30 >"$BATS_TEST_TMPDIR/out" 2>&1 &
		reader=$!
		poll grep -q 'Ctrl-C' "$BATS_TEST_TMPDIR/out"
		$change
		status=0
		start=$(date +%s%N)
		wait $reader || status=$?
		[ "$status" -eq 1 ]
		[ $((($(date +%s%N) - start) / 1000000)) -lt 1500 ]
		grep -q 'left is gone' "$BATS_TEST_TMPDIR/out"
		ip link del other 2>/dev/null || :
		rm -rf /sys/fs/bpf/left
	done
}

@test "a reader needs less than 4 MB" {
	any_kernel 'what is printed'
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: sanitizers take memory of their own'
	"$loader" --dev lo --skb-mode
	"$stats" --dev lo -i 60 >"$BATS_TEST_TMPDIR/out" &
	reader=$!
	poll grep -q 'Ctrl-C' "$BATS_TEST_TMPDIR/out"
	kb=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$reader/status)
	kill $reader
	wait $reader || :
	[ "$kb" -gt 0 ]
	[ "$kb" -lt 4096 ]
	"$loader" --dev lo --unload-all
	"$counter" --dev lo -S -i 60 >"$BATS_TEST_TMPDIR/out" &
	reader=$!
	poll grep -q 'Ctrl-C' "$BATS_TEST_TMPDIR/out"
	kb=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$reader/status)
	kill $reader
	wait $reader || :
	[ "$kb" -lt 4096 ]
}
