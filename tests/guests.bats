#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 50
# time limit: 900
# not with --quick
# outside
#
# vm.sh with real guests. What runs in them on which kernel: see tests/guest. Outside a private world,
# because kernels are downloaded. What one start can show of a guest is looked at in several tests.

# A test is a function; bats sets $output and $stderr, and stops where cd fails.
# shellcheck disable=SC2030,SC2031,SC2154,SC2164
load helpers

setup_file() {
	export vm=$LAB_TREE/testenv/vm.sh LAB_VM_KVM='' # these tests are of emulation
	is_possible >/dev/null || return 0
	one_guest
}

# Says why not.
is_possible() {
	local tool kernel kept=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-lab/vm/kernels
	for tool in qemu-system-x86_64 busybox; do
		[ -n "$(type -P $tool)" ] || { echo "needs tool $tool: it is a part of virtual machines" && return 1; }
	done
	for kernel in 6.1 6.12; do
		[ -d "$kept/$kernel" ] || "$LAB_TREE/tests/bare-system" --mirror ||
			{ echo 'needs mirror: kernels are downloaded from one' && return 1; }
	done
}

setup() {
	local why
	why=$(is_possible) || skip "$why"
}

teardown() {
	[ -z "${theirs-}" ] || rm -rf "$theirs"
}

# In a copy of this tree, so that something can stand in it: out, err and status are files then.
one_guest() {
	export copy="$BATS_FILE_TMPDIR/a tree of  mine"
	mkdir -p "$copy/.git" "$copy/lib/build" "$copy/docs"
	cp -r "$LAB_TREE/testenv" "$LAB_TREE/lab" "$copy/"
	echo 'as it is' >"$copy/a file"
	echo data >"$copy/.git/secret"
	echo data >"$copy/lib/build/large"
	cd "$copy/docs"
	# shellcheck disable=SC2016 # for the guest's shell
	../testenv/vm.sh --cpus 1 -- bash -c '
		printf "%s|" "$PWD" "$@" "$(id -un)"
		ls /sys/class/net | grep -vx "lo\|bonding_masters" || echo alone
		cat "../a file"; echo changed >"../a file" && cat "../a file"
		for one in .git .git/secret lib/build/large; do [ -e ../$one ] || echo "no $one"; done
		echo on stderr >&2
		sleep 1000 &
		exit 7' bash 'a  b' '*' '$x' $'c\nd' >"$BATS_FILE_TMPDIR/out" 2>"$BATS_FILE_TMPDIR/err" ||
		echo $? >"$BATS_FILE_TMPDIR/status"
}

@test "a command's arguments, directory, output and status are what they are here" {
	[ "$(head -n 2 "$BATS_FILE_TMPDIR/out")" = "$copy/docs|a  b|*|\$x|c
d|root|alone" ]
	[ "$(grep -v '^vm: \(collecting\|downloading\|another one\|asking\)' "$BATS_FILE_TMPDIR/err")" = 'on stderr' ]
	[ "$(cat "$BATS_FILE_TMPDIR/status")" = 7 ] # and what still sleeps there has ended with it
}

@test "the guest's tree is this one, can be written to, and this one stays as it is" {
	[ "$(tail -n +3 "$BATS_FILE_TMPDIR/out")" = "$(printf '%s\n' 'as it is' changed 'no .git' \
		'no .git/secret' 'no lib/build/large')" ]
	[ "$(cat "$copy/a file")" = 'as it is' ]
}

# says STATUS STDOUT STDERR COMMAND...: just this, of a command in a guest
says() {
	run --separate-stderr "${@:4}"
	stderr=$(grep -v '^vm: \(collecting\|downloading\|another one\|asking\)' <<<"$stderr" || :)
	[ "$status" -eq "$1" ] || show_run "its status should have been $1" || return 1
	[ "$output" = "$2" ] || show_run "its output should have been '$2'" || return 1
	[ "$stderr" = "$3" ] || show_run "on stderr should have been '$3'" || return 1
}

@test "output comes byte by byte as it was written, also much of it, and while it is written" {
	local line began
	"$vm" --cpus 1 -- bash -c 'echo first; sleep 4
		seq 1 20000; head -c 30000 /dev/zero; printf "\r\n\004\021\023\377no newline"' 2>/dev/null | {
		read -r line
		began=${EPOCHREALTIME//[!0-9]/}
		[ "$line" = first ]
		cat >"$BATS_TEST_TMPDIR/out"
		[ $((${EPOCHREALTIME//[!0-9]/} - began)) -gt 3000000 ]
	}
	{ seq 1 20000 && head -c 30000 /dev/zero && printf '\r\n\004\021\023\377no newline'; } |
		cmp - "$BATS_TEST_TMPDIR/out"
}

@test "no such command: 127" {
	says 127 '' "vm: there is no command 'xdp-nothing' in the virtual machine" "$vm" --cpus 1 -- xdp-nothing
	says 127 '' "vm: there is no command './xdp nothing' in the virtual machine" "$vm" --cpus 1 -- './xdp nothing'
}

@test "a panic of the guest, and a guest that hangs" {
	says 125 '' 'vm: the virtual machine broke down: Kernel panic - not syncing: sysrq triggered crash' \
		"$vm" --cpus 1 -- sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
	run --separate-stderr -124 "$vm" --cpus 1 --timeout 3 -- \
		bash -c 'echo "<2>these were its last words" >/dev/kmsg; sleep 1000'
	[ -z "$output" ]
	[[ $stderr == *'did not end within 3 s (--timeout): the virtual machine is gone'* ]] || show_run 'the end'
	[[ $stderr == *'these were its last words' ]] || show_run 'the console'
}

@test "a shell where there is a terminal, with the size of that one" {
	local tries out=$BATS_TEST_TMPDIR/out typed=$BATS_TEST_TMPDIR/typed
	mkfifo "$typed"
	script -qec "stty rows 33 cols 99; '$vm' --cpus 1" /dev/null <"$typed" >"$out" 2>&1 3>&- &
	exec 4>"$typed"
	for ((tries = 0; tries < 300; tries++)); do
		! grep -q 'vm:/.*#' "$out" || break
		sleep 0.2
	done
	printf 'stty size; tty; exit 3\n' >&4
	wait $! || [ $? -eq 3 ]
	exec 4>&-
	grep -q '33 99' "$out" && grep -q /dev/ttyS1 "$out" && grep -q 'a throwaway machine' "$out" || {
		cat "$out" >&2
		false
	}
}

@test "what is a terminal here is one there" {
	local there='test -t 1 && test -t 2 && stty size -F /dev/stdout'
	run script -qec "stty rows 33 cols 99; '$vm' --cpus 1 -- sh -c '$there'" /dev/null </dev/null
	[[ $output == *'33 99'* ]] || show_run 'a terminal'
}

@test "somebody who is not root can use it" {
	theirs=$(mktemp -d /tmp/guests-test.XXXX)
	mkdir -p "$theirs/xdp-lab/vm"
	cp -r "${XDG_CACHE_HOME:-$HOME/.cache}/xdp-lab/vm/kernels" "$theirs/xdp-lab/vm/"
	cp -r "$LAB_TREE/testenv" "$theirs/"
	chown -R 65534 "$theirs"
	cd "$theirs"
	says 5 $'0\n2' '' setpriv --reuid 65534 --regid 65534 --clear-groups env TMPDIR="$theirs" \
		XDG_CACHE_HOME="$theirs" "$theirs/testenv/vm.sh" -- sh -c 'id -u; nproc; exit 5'
}
