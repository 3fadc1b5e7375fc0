#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 120
# time limit: 900
# not with --quick
# outside
#
# vm.sh with real guests, and the demo on kernels other than this machine's; for the loaders, the
# pages and the grader there see tests/guest. Outside a private world, because kernels are downloaded.

# A test is a function; bats sets $output and $stderr, and stops where cd fails.
# shellcheck disable=SC2030,SC2031,SC2154,SC2164
load helpers

setup_file() {
	local tool kernel kept=${XDG_CACHE_HOME:-$HOME/.cache}/xdp-lab/vm/kernels
	export vm=$LAB_TREE/testenv/vm.sh LAB_VM_KVM='' # these tests are of emulation
	for tool in qemu-system-x86_64 busybox; do
		[ -n "$(type -P $tool)" ] || skip "needs tool $tool: it is a part of virtual machines"
	done
	for kernel in 6.1 6.12; do
		[ -d "$kept/$kernel" ] || "$LAB_TREE/tests/bare-system" --mirror ||
			skip 'needs mirror: kernels are downloaded from one'
	done
}

# says STATUS STDOUT STDERR COMMAND...: just this, of a command in a guest
says() {
	run --separate-stderr "${@:4}"
	stderr=$(grep -v '^vm: \(collecting\|downloading\|another one\|asking\)' <<<"$stderr" || :)
	[ "$status" -eq "$1" ] || show_run "its status should have been $1" || return 1
	[ "$output" = "$2" ] || show_run "its output should have been '$2'" || return 1
	[ "$stderr" = "$3" ] || show_run "on stderr should have been '$3'" || return 1
}

@test "a command's arguments, directory, output and status are what they are here" {
	cd "$LAB_TREE/docs"
	# shellcheck disable=SC2016 # for the guest's shell
	says 7 "$PWD|a  b|*|\$x|c
d|root|alone" 'on stderr' "$vm" --cpus 1 -- bash -c \
		'printf "%s|" "$PWD" "$@" "$(id -un)"; ls /sys/class/net | grep -vx "lo\|bonding_masters" || printf alone
		echo on stderr >&2; exit 7' bash 'a  b' '*' '$x' $'c\nd'
}

@test "the guest's tree is this one, can be written to, and this one stays as it is" {
	local copy="$BATS_TEST_TMPDIR/a tree of  mine"
	mkdir -p "$copy/.git" "$copy/lib/build"
	cp -r "$LAB_TREE/testenv" "$LAB_TREE/lab" "$copy/"
	echo 'as it is' >"$copy/a file"
	echo data >"$copy/.git/secret"
	echo data >"$copy/lib/build/large"
	cd "$copy"
	# shellcheck disable=SC2016
	says 0 "$(printf '%s\n' "$copy" 'as it is' changed .git .git/secret lib/build/large)" '' \
		testenv/vm.sh -- bash -c 'pwd; cat "a file"; echo changed >"a file" && cat "a file"
			for one in .git .git/secret lib/build/large; do [ -e $one ] || echo "$one"; done'
	[ "$(cat 'a file')" = 'as it is' ]
}

@test "output comes byte by byte as it was written, also much of it, and while it is written" {
	local began now
	"$vm" -- bash -c 'seq 1 20000; head -c 30000 /dev/zero; printf "\r\n\004\021\023\377no newline"' \
		>"$BATS_TEST_TMPDIR/out" 2>/dev/null
	{ seq 1 20000 && head -c 30000 /dev/zero && printf '\r\n\004\021\023\377no newline'; } |
		cmp - "$BATS_TEST_TMPDIR/out"
	"$vm" -- bash -c 'echo first; sleep 5; echo last' | while read -r line; do
		now=${EPOCHREALTIME//[!0-9]/}
		[ "$line" != first ] || began=$now
		[ "$line" != last ] || [ $((now - began)) -gt 3000000 ]
	done
}

@test "no such command: 127; a command's own daemons end with it" {
	says 127 '' "vm: there is no command 'xdp-nothing' in the virtual machine" "$vm" -- xdp-nothing
	says 127 '' "vm: there is no command './xdp nothing' in the virtual machine" "$vm" -- './xdp nothing'
	says 0 'done' '' "$vm" -- bash -c 'sleep 1000 & echo done'
}

@test "a panic of the guest, and a guest that hangs" {
	says 125 '' 'vm: the virtual machine broke down: Kernel panic - not syncing: sysrq triggered crash' \
		"$vm" -- sh -c 'echo c >/proc/sysrq-trigger; sleep 100'
	says 124 '' 'vm: the command did not end within 2 s (--timeout): the virtual machine is gone' \
		"$vm" --timeout 2 -- sleep 1000
	run --separate-stderr -124 "$vm" --timeout 3 -- \
		bash -c 'echo "<2>these were its last words" >/dev/kmsg; sleep 1000'
	[[ $stderr == *'the virtual machine is gone'*'these were its last words' ]] || show_run 'the console'
}

@test "a shell where there is a terminal, with the size of that one" {
	local tries out=$BATS_TEST_TMPDIR/out typed=$BATS_TEST_TMPDIR/typed
	mkfifo "$typed"
	script -qec "stty rows 33 cols 99; '$vm'" /dev/null <"$typed" >"$out" 2>&1 3>&- &
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
	run script -qec "stty rows 33 cols 99; '$vm' -- sh -c 'test -t 1 && test -t 2 && stty size -F /dev/stdout'" \
		/dev/null </dev/null
	[[ $output == *'33 99'* ]] || show_run 'a terminal'
}

@test "somebody who is not root can use it" {
	theirs=$(mktemp -d /tmp/guests-test.XXXX)
	mkdir -p "$theirs/xdp-lab/vm"
	cp -r "${XDG_CACHE_HOME:-$HOME/.cache}/xdp-lab/vm/kernels" "$theirs/xdp-lab/vm/"
	cp -r "$LAB_TREE/testenv" "$theirs/"
	chown -R 65534 "$theirs"
	cd "$theirs"
	says 5 '0' '' setpriv --reuid 65534 --regid 65534 --clear-groups env TMPDIR="$theirs" \
		XDG_CACHE_HOME="$theirs" "$theirs/testenv/vm.sh" -- sh -c 'id -u; exit 5'
}

teardown() {
	[ -z "${theirs-}" ] || rm -rf "$theirs"
}

in_guest() { # KERNEL COMMAND...: it works there
	run --separate-stderr "$vm" --kernel "$@"
	[ "$status" -eq 0 ] || show_run 'it should have worked'
}

@test "each kernel: it is that one, the dispatcher runs, and the demo shows what it should" {
	local kernel
	for kernel in 6.1 6.12; do
		in_guest $kernel -- bash -ec '
			uname -r
			ip link add left type veth peer name right
			ip link set left up
			cd basic02-prog-by-name
			./xdp_loader --dev left
			./xdp_loader --dev left --progname xdp_drop_func
			xdp-loader status left
			./xdp_loader --dev left --unload-all
			ls -A /sys/fs/bpf/xdp 2>/dev/null || :
			../testenv/demo.sh'
		[[ $output == "$kernel".* ]] || show_run "it should have been Linux $kernel"
		[[ $output == *'shares the device'*' =>'*xdp_drop_func*' =>'*xdp_pass_func* ]] || show_run 'a chain'
		[[ $output == *'Ping is answered again.'*'It has counted '* ]] || show_run 'the demo'
	done
}

@test "VLANs: both ends answer, also where IPv6 is off by default, and teardown takes all pins" {
	# shellcheck disable=SC2016 # for the guest's shell
	in_guest 6.12 -- bash -ec '
		t=$PWD/testenv/testenv.sh
		modprobe 8021q
		echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
		$t setup --name left --vlan --legacy-ip
		for peer in fc00:dead:cafe:1001::2 fc00:dead:cafe:2001::2 10.12.1.2 10.13.1.2; do
			ping -q -c 1 -W 5 $peer
		done
		cd basic04-pinning-maps
		./xdp_loader --dev left.1
		$t exec ./xdp_loader --dev veth0.2
		$t teardown
		$t setup --name left.1 >/dev/null
		! $t setup --name left --vlan
		$t teardown
		find /sys/fs/bpf -mindepth 1 ! -path "*debug" ! -path /sys/fs/bpf/xdp
		ip -br link show type veth'
	[[ $output == *'pinned: /sys/fs/bpf/left,1/'*'pinned: /sys/fs/bpf/left:veth0,2/'* ]] ||
		show_run 'the pins'
	[[ $stderr == *"there is a device 'left.1' already. "* ]] || show_run 'refused'
	[ "${lines[-1]}" = "Tearing down environment 'left.1'" ] || show_run 'nothing should be left'
}
