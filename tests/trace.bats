#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel's trace, of which there is one for the machine, and which one process reads at a time.

# shellcheck disable=SC2154 # bats sets $output
load helpers

setup_file() {
	in_private_world
	exec 8</sys/kernel/tracing/README && flock 8 # tests/pages has the same lock
}

setup() {
	hello=$LAB_TREE/basic05-anatomy/hello_user
	veth left right
}

teardown() {
	ip link del left 2>/dev/null || :
}

is_attached() {
	[ -n "$(attached left)" ]
}

@test "hello_user --trace shows what the program prints" {
	any_kernel 'who reads, and when'
	"$hello" --dev left -n 20 -i 0.1 --trace >"$BATS_TEST_TMPDIR/out" 3>&- &
	looker=$!
	poll is_attached
	head -c 64 /dev/zero >"$BATS_TEST_TMPDIR/frame"
	bpftool prog run id "$(attached left)" data_in "$BATS_TEST_TMPDIR/frame" repeat 3
	poll grep -q 'bpf_trace_printk: Hello World 3' "$BATS_TEST_TMPDIR/out"
	kill -INT "$looker"
	wait "$looker"
}

@test "with --json the trace goes to stderr" {
	"$hello" --dev left -n 5 -i 0.1 --trace --json >"$BATS_TEST_TMPDIR/out" 3>&-
	jq -e .packets "$BATS_TEST_TMPDIR/out"
}

@test "where tracefs is not mounted, the error says how to mount it" {
	umount -l /sys/kernel/tracing # the lock is on a file in there
	refused 1 'mount -t tracefs' -- "$hello" --dev left -n 1 --trace
	mount -t tracefs tracefs /sys/kernel/tracing
	[ -z "$(attached left)" ]
}
