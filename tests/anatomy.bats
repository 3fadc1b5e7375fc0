#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# sanitizers: too
#
# The programs of basic05 and basic06: global variables from outside, slots that are exchanged, and
# nothing that stays behind where something goes wrong.

# shellcheck disable=SC2154,SC2164 # bats sets $output, and stops where cd fails
load helpers

setup_file() {
	in_private_world
	one_program_a_device
	compile_bpf old_style
	compile_bpf pinned
}

setup() {
	hello=$LAB_TREE/basic05-anatomy/hello_user
	ringbuf=$LAB_TREE/basic05-anatomy/ringbuf_user
	calls=$LAB_TREE/basic06-calls/calls_user
	other=$LAB_TREE/basic04-pinning-maps/xdp_prog_kern.o
	pin=/sys/fs/bpf/left/targets
	veth left right
}

teardown() {
	ip link del left 2>/dev/null || :
	rm -rf /sys/fs/bpf/left
}

variable() { # NAME: of the program on left, as bpftool reads it
	local map maps
	maps=$(bpftool -j prog show id "$(attached left)" | member map_ids)
	for map in ${maps//[],[]/ }; do
		bpftool -j map dump id "$map" | member "$1"
	done
}

run_on_frame() { # BYTES TIMES: the program on left, without a network
	head -c "$1" /dev/zero >"$BATS_TEST_TMPDIR/frame"
	bpftool prog run id "$(attached left)" data_in "$BATS_TEST_TMPDIR/frame" repeat "$2" >/dev/null
}

is_attached() {
	[ -n "$(attached left)" ]
}

no_pins() {
	[ ! -e /sys/fs/bpf/left ]
}

is_missed() { # a packet that comes now
	run_on_frame 64 1
	[ "$(variable missed)" -gt 0 ]
}

@test "hello counts, and its loader reads the variable" {
	works 'greeted ' -- "$hello" --dev left -n 1 -i 0.1 --no-greeting
	run_on_frame 64 1000
	[ "$(variable counter)" -ge 1000 ]
}

@test "the knob is turned before the program is loaded, and only when asked for" {
	works -- "$hello" --dev left -n 1 -i 0.01
	[ "$(variable greet)" = 1 ]
	"$hello" --dev left --unload-all
	works -- "$hello" --dev left -n 1 -i 0.01 --no-greeting
	[ "$(variable greet)" = 0 ]
}

@test "what is switched off is not in the kernel's copy" {
	"$hello" --dev left -n 1 -i 0.01
	with=$(bpftool -j prog show id "$(attached left)" | member bytes_xlated)
	"$hello" --dev left --unload-all
	"$hello" --dev left -n 1 -i 0.01 --no-greeting
	without=$(bpftool -j prog show id "$(attached left)" | member bytes_xlated)
	[ "$without" -lt "$with" ]
}

@test "figures of hello as JSON" {
	works '"action":"greeted"' -- "$hello" --dev left -n 2 -i 0.05 --json --no-greeting -q
	jq -e .packets <<<"${lines[0]}"
}

@test "an object without such a variable: an error, and nothing is attached" {
	refused 1 'there is no variable greet' -- "$hello" --dev left --filename "$other" \
		xdp_pass_func --no-greeting
	[ -z "$(attached left)" ]
	run --separate-stderr "$hello" --dev left --filename "$other" xdp_pass_func -n 1 -i 0.1
	[ "$status" -eq 1 ]
	[[ $stderr == *'it has no global variables'* ]]
	[ -z "$(attached left)" ]
}

@test "the device goes while hello looks: it says so" {
	"$hello" --dev left -i 0.1 --no-greeting >/dev/null 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	looker=$!
	poll is_attached
	ip link del left
	wait "$looker" && return 1
	grep -q 'left is gone' "$BATS_TEST_TMPDIR/err"
}

@test "the start for the ring buffer attaches, and takes its program off at Ctrl-C" {
	"$ringbuf" --dev left >"$BATS_TEST_TMPDIR/out" 3>&- &
	reader=$!
	poll is_attached
	kill -INT "$reader"
	wait "$reader"
	grep -q '^0 events received, 0 dropped$' "$BATS_TEST_TMPDIR/out"
	[ -z "$(attached left)" ]
}

@test "calls: each packet goes on in the program of its size" {
	works "pinned: $pin" -- "$calls" --dev left
	run_on_frame 512 3
	run_on_frame 513 4
	[ "$(variable shorts)" -ge 3 ]
	[ "$(variable longs)" = 4 ]
	[ "$(variable missed)" = 0 ]
}

@test "calls: a slot is exchanged, and emptied" {
	"$calls" --dev left
	works 'Slot 1: refuse' -- "$calls" --dev left --slot 1 refuse
	head -c 600 /dev/zero >"$BATS_TEST_TMPDIR/frame"
	run_frame=(bpftool -j prog run id "$(attached left)" data_in "$BATS_TEST_TMPDIR/frame")
	[ "$("${run_frame[@]}" | member retval)" = 1 ]
	works 'Slot 1: empty' -- "$calls" --dev left --slot 1 --clear
	[ "$("${run_frame[@]}" | member retval)" = 2 ]
	[ "$(variable missed)" = 1 ]
	works 'Slot 1: empty' -- "$calls" --dev left --slot 1 --clear
	works 'Slot 1: old_style' -- "$calls" --dev left --slot 1 --filename "$BATS_FILE_TMPDIR/old_style.o"
	[ "$("${run_frame[@]}" | member retval)" = 2 ]
	refused 1 'it is of another kind' 'put it into the same section' \
		-- "$calls" --dev left --slot 1 --filename "$BATS_FILE_TMPDIR/pinned.o" takes_frags
	[ ! -e /sys/fs/bpf/left/by-name ]
}

@test "calls: what is wrong with --slot" {
	refused 2 'from 0 to 3' -- "$calls" --dev left --slot 4 refuse
	refused 2 'from 0 to 3' -- "$calls" --dev left --slot 1x refuse
	refused 2 'which program' -- "$calls" --dev left --slot 1
	refused 2 'which slot' -- "$calls" --dev left --clear
	for words in '--for 3' -S --force --unload-all --unload '--clear --filename calls_kern.o' --clear\ refuse; do
		# shellcheck disable=SC2086
		refused 2 'leave out the rest' -- "$calls" --dev left --slot 1 $words
	done
	refused 2 'there is no option --prio' -- "$calls" --dev left --prio 2
	refused 1 'nobody has pinned targets' -- "$calls" --dev left --slot 1 refuse
	"$calls" --dev left
	refused 1 'there is no program nobody' -- "$calls" --dev left --slot 1 nobody
}

@test "calls: without the pin all slots are empty" {
	"$calls" --dev left
	rm "$pin"
	poll is_missed
}

@test "calls: the pin goes with the program, and not with another one's" {
	"$calls" --dev left
	works "unpinned: $pin" -- "$calls" --dev left --unload-all
	[ ! -e /sys/fs/bpf/left ]
	"$calls" --dev left --for 1
	[ -e "$pin" ]
	poll no_pins || poll no_pins
}

@test "calls: a map of another shape at its place stays, and nothing is attached" {
	mkdir /sys/fs/bpf/left
	bpftool map create "$pin" type array key 4 value 4 entries 1 name mine
	run --separate-stderr "$calls" --dev left
	[ "$status" -eq 1 ]
	[[ $stderr == *'has another shape'* ]]
	[ -z "$(attached left)" ]
	[ -e "$pin" ]
}

@test "a program for tail calls does not share its device" {
	"$calls" --dev left
	refused 1 'left is taken' -- "$hello" --dev left -n 1
	refused 1 'left is taken' -- "$calls" --dev left
}
