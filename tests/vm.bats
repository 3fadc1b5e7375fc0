#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 55
# time limit: 400
# not with --quick
#
# vm.sh, as far as it goes without a guest: what it refuses, and how it ends. A qemu of our own
# stands in for the real one; guests.bats has that.

# A test is a function; bats sets $output and $stderr, and stops where cd fails.
# shellcheck disable=SC2030,SC2031,SC2154,SC2164
load helpers

# A kernel as far as its header goes: what is looked at before it is started.
kernel() { # FILE
	{
		head -c 497 /dev/zero
		printf '\001' # sectors of setup, less one
		head -c 2 /dev/zero
		printf '\020\0\0\0' # of the rest, in 16 bytes
		head -c 6 /dev/zero
		printf '\125\252\0\0HdrS'
		head -c 8 /dev/zero
		printf '\100\0' # the release, behind the first sector
		head -c 48 /dev/zero
		printf '9.9.9-made-up (nobody)\0'
		head -c 2000 /dev/zero
	} >"$1"
}

setup_file() {
	in_private_world
	export vm=$LAB_TREE/testenv/vm.sh XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache LAB_VM_KVM=''
	export kernel=$BATS_FILE_TMPDIR/boot/vmlinuz FAKE=''
	export TMPDIR=$BATS_FILE_TMPDIR/tmp
	mkdir "$BATS_FILE_TMPDIR/bin" "$TMPDIR" "${kernel%/*}"
	kernel "$kernel"
	cat >"$BATS_FILE_TMPDIR/bin/qemu-system-x86_64" <<-'END'
		#!/bin/bash
		[[ $* =~ path=([^ ]*/console) ]] && console=${BASH_REMATCH[1]}
		mark=$(grep -a -o -m 1 'xdp-lab-[0-9a-f]\{16\}' "${console%/*}/initrd" | head -n 1)
		[ -z "$FAKE_LOG" ] || echo "$$ $*" >>"$FAKE_LOG"
		case $FAKE:$* in
		hang:* | kvm-hangs:*'-accel kvm'*) exec sleep 1000 ;;
		refuses:*) echo 'qemu: no, not today' >&2 && exit 1 ;;
		panic:*) printf '[    1.0] Kernel panic - not syncing: it was a test\r\n' >>"$console" && exit 0 ;;
		esac
		printf '\n%s alive and well\r\n' "$mark" >>"$console"
		case $FAKE in
		dies) exit 0 ;;
		slow) exec sleep 1000 ;;
		esac
		printf '\n%s status 7\r\n' "$mark" >>"$console"
	END
	chmod +x "$BATS_FILE_TMPDIR/bin/qemu-system-x86_64"
	PATH=$BATS_FILE_TMPDIR/bin:$PATH
}

teardown() {
	rm -rf /tmp/vm-test.*
	! mountpoint -q "$BATS_TEST_TMPDIR/full" || umount "$BATS_TEST_TMPDIR/full"
	[ -z "$(find "$TMPDIR" -maxdepth 1 -name 'xdp-lab-vm.*')" ] # it has tidied up
}

# says STATUS TEXT... -- COMMAND...: one complaint, which begins with the first TEXT
says() {
	local expected=$1 text texts=()
	shift
	while [ "$1" != -- ]; do
		texts+=("$1")
		shift
	done
	run --separate-stderr "${@:2}"
	[ "$status" -eq "$expected" ] || show_run "its status should have been $expected" || return 1
	[ -z "$output" ] || show_run 'it should have been silent on stdout' || return 1
	[[ $stderr == *"vm: ${texts[0]}"* ]] || show_run "it should have said '${texts[0]}'" || return 1
	for text in "${texts[@]:1}"; do
		[[ $stderr == *"$text"* ]] || show_run "it should have said '$text'" || return 1
	done
	! grep -v '^vm: \|^  ' <<<"$stderr" || show_run 'these lines are not its own' || return 1
}

nothing_is_half_kept() {
	[ -z "$(find "$XDG_CACHE_HOME" -name 'new.*')" ]
	[ -z "$(find "$XDG_CACHE_HOME" -mindepth 1 -type d -empty ! -name kernels)" ]
}

@test "--help says what there is, and so does lab help vm" {
	works '--kernel' '--timeout' '--cpus' '--clean' -- "$vm" --help
	works 'usage: lab vm ' 'lab vm --clean' '--kernel' -- "$LAB_TREE/lab" help vm
}

@test "a command line that is wrong is refused with status 2" {
	says 2 "there is no option --kernal" -- "$vm" --kernal 6.1 -- true
	says 2 'a command stands after --' -- "$vm" true
	says 2 'a command has to follow' -- "$vm" --
	says 2 'something has to follow' -- "$vm" --kernel
	says 2 'a shell needs a terminal' -- "$vm"
	for bad in 0 -1 abc 1.5 99999999999; do
		says 2 '--timeout takes seconds' "'$bad'" -- "$vm" --timeout "$bad" -- true
	done
	for bad in 0 9 many; do
		says 2 '--cpus takes 1 to 8' -- "$vm" --cpus "$bad" -- true
	done
}

@test "an unknown kernel: the list of those that there are" {
	says 2 "there is no kernel '6.66'" '  6.1 ' '  6.12 ' '  running ' "$(uname -r)" '  PATH ' -- \
		"$vm" --kernel 6.66 -- true
	says 2 "there is no kernel ''" '  6.12 ' -- "$vm" --kernel= -- true
}

@test "a path that is no kernel, a broken and a truncated one" {
	says 125 "there is no file /nowhere/vmlinuz" -- "$vm" --kernel /nowhere/vmlinuz -- true
	says 125 "there is no file /tmp" -- "$vm" --kernel /tmp -- true
	says 125 "/etc/passwd is no Linux kernel" -- "$vm" --kernel /etc/passwd -- true
	: >"$BATS_TEST_TMPDIR/vmlinuz"
	says 125 "$BATS_TEST_TMPDIR/vmlinuz is no Linux kernel" -- \
		"$vm" --kernel "$BATS_TEST_TMPDIR/vmlinuz" -- true
	head -c 1000 "$kernel" >"$BATS_TEST_TMPDIR/vmlinuz"
	says 125 "$BATS_TEST_TMPDIR/vmlinuz is cut short: 1000 of 1280 bytes" -- \
		"$vm" --kernel "$BATS_TEST_TMPDIR/vmlinuz" -- true
	nothing_is_half_kept
}

@test "the running kernel, where its image is not here or not for everybody" {
	if [ ! -e "/boot/vmlinuz-$(uname -r)" ] && [ ! -e "/lib/modules/$(uname -r)/vmlinuz" ]; then
		says 125 "the image of the running kernel, $(uname -r), is not on this machine" \
			'--kernel 6.12' -- "$vm" --kernel running -- true
	fi
	mkdir -m 777 /tmp/vm-test.open
	install -m 600 "$kernel" /tmp/vm-test.open/vmlinuz
	says 125 '/tmp/vm-test.open/vmlinuz cannot be read by nobody' 'sudo install -m 644' -- \
		env TMPDIR=/tmp/vm-test.open XDG_CACHE_HOME=/tmp/vm-test.open/c \
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$vm" --kernel /tmp/vm-test.open/vmlinuz -- true
}

@test "without qemu or busybox: which package has it" {
	local missing
	for missing in qemu-system-x86_64 busybox; do
		rm -rf "$BATS_TEST_TMPDIR/path"
		mkdir "$BATS_TEST_TMPDIR/path"
		ln -s /usr/bin/* /usr/sbin/* "$BATS_FILE_TMPDIR"/bin/* "$BATS_TEST_TMPDIR/path/" 2>/dev/null || :
		rm "$BATS_TEST_TMPDIR/path/$missing"
		case $(PATH=$BATS_TEST_TMPDIR/path:/usr/sbin:/sbin type -P $missing) in '') ;; *) false ;; esac
		says 125 "$missing is missing" 'sudo apt-get install' -- \
			env PATH="$BATS_TEST_TMPDIR/path" "$vm" --kernel "$kernel" -- true
	done
}

@test "no network and nothing kept: said so, and nothing is half kept" {
	[ -n "$(type -P apt-get)" ] || skip 'needs tool apt-get: kernels are downloaded with it'
	says 125 'Linux 6.12 is not kept here, and cannot be downloaded: ' 'is this machine connected?' -- \
		"$vm" -- true
	[[ $stderr != *': apt knows no'* ]] || show_run 'it should have said what apt said'
	nothing_is_half_kept
	[ ! -e "$XDG_CACHE_HOME/xdp-lab/vm/kernels/6.12" ]
}

@test "a kernel that was kept and is damaged is not started" {
	local dir=$XDG_CACHE_HOME/xdp-lab/vm/kernels/6.1
	mkdir -p "$dir"
	cp "$kernel" "$dir/vmlinuz"
	: >"$dir/modules.cpio"
	(cd "$dir" && sha256sum vmlinuz modules.cpio >sums)
	run -7 "$vm" --kernel 6.1 -- true
	printf x >>"$dir/vmlinuz"
	says 125 "Linux 6.1, as kept in $dir, is damaged" 'cannot be downloaded' -- "$vm" --kernel 6.1 -- true
	[ ! -e "$dir" ]
}

@test "no room: one clear line, and nothing is half kept" {
	mkdir "$BATS_TEST_TMPDIR/full"
	mount -t tmpfs -o size=1m full "$BATS_TEST_TMPDIR/full"
	says 125 "cannot write to $BATS_TEST_TMPDIR/full" 'is there room?' -- \
		env XDG_CACHE_HOME="$BATS_TEST_TMPDIR/full" "$vm" --kernel "$kernel" -- true
	[ -z "$(find "$BATS_TEST_TMPDIR/full" -name 'new.*' -o -name 'tools-*')" ]
	says 125 "cannot write to $BATS_TEST_TMPDIR/full" 'is there room?' -- \
		env TMPDIR="$BATS_TEST_TMPDIR/full" "$vm" --kernel "$kernel" -- true
	umount "$BATS_TEST_TMPDIR/full"
	mkdir -m 755 /tmp/vm-test.theirs
	says 125 'cannot write to /tmp/vm-test.theirs/xdp-lab/vm' 'XDG_CACHE_HOME' -- \
		env TMPDIR=/tmp XDG_CACHE_HOME=/tmp/vm-test.theirs setpriv --reuid 65534 --regid 65534 \
		--clear-groups "$vm" --kernel "$kernel" -- true
}

@test "what the machine says of itself: hanging, a panic, a refusal, an end without a status" {
	says 125 'the virtual machine hangs: its kernel has said nothing within 1 s' -- \
		env FAKE=hang LAB_VM_BOOT_LIMIT=1 "$vm" --kernel "$kernel" -- true
	says 125 'the virtual machine did not start: Kernel panic - not syncing: it was a test' -- \
		env FAKE=panic "$vm" --kernel "$kernel" -- true
	says 125 'the virtual machine did not start: qemu: no, not today' -- \
		env FAKE=refuses "$vm" --kernel "$kernel" -- true
	says 125 'the virtual machine broke down' -- env FAKE=dies "$vm" --kernel "$kernel" -- true
	run --separate-stderr "$vm" --kernel "$kernel" -- true
	[ "$status" -eq 7 ] && [ -z "$output$stderr" ] || show_run 'it should have been silent'
}

@test "--timeout ends it with status 124" {
	says 124 'the command did not end within 1 s (--timeout)' -- \
		env FAKE=slow "$vm" --kernel "$kernel" --timeout 1 -- true
}

@test "KVM that hangs: falls back, says so once, and remembers until this machine restarts" {
	local log=$BATS_TEST_TMPDIR/log
	: >"$BATS_TEST_TMPDIR/kvm"
	export FAKE=kvm-hangs FAKE_LOG=$log LAB_VM_KVM=$BATS_TEST_TMPDIR/kvm
	says 7 'with KVM nothing starts here within 5 s: emulating' -- "$vm" --kernel "$kernel" -- true
	[ "$(grep -o 'accel [a-z]*' "$log" | tr '\n' ' ')" = 'accel kvm accel tcg ' ]
	run --separate-stderr -7 "$vm" --kernel "$kernel" -- true
	[ -z "$stderr" ] || show_run 'it should have been silent'
	[ "$(grep -o 'accel [a-z]*' "$log" | tail -n 1)" = 'accel tcg' ]
	echo another-start >"$XDG_CACHE_HOME/xdp-lab/vm/no-kvm"
	FAKE='' run -7 "$vm" --kernel "$kernel" -- true
	[ "$(grep -o 'accel [a-z]*' "$log" | tail -n 1)" = 'accel kvm' ]
	run ! kill -0 "$(head -n 1 "$log" | cut -d ' ' -f 1)"
}

until_started() {
	local tries
	for ((tries = 0; tries < 400; tries++)); do
		[ ! -s "$BATS_TEST_TMPDIR/log" ] || return 0
		sleep 0.05
	done
	return 1
}

qemu_is_gone() {
	! kill -0 "$(cut -d ' ' -f 1 "$BATS_TEST_TMPDIR/log")" 2>/dev/null
}

# Who reads what it says waits for all that have its output.
timer_is_gone() {
	! pgrep -f 'sleep 4321' >/dev/null
}

@test "Ctrl-C, a lost terminal, TERM and KILL: nothing of it remains, and the first three say so" {
	local signal pid status
	for signal in INT HUP TERM KILL; do
		rm -f "$BATS_TEST_TMPDIR/log"
		FAKE=slow FAKE_LOG=$BATS_TEST_TMPDIR/log env --default-signal=INT \
			"$vm" --kernel "$kernel" --timeout 4321 -- true 2>"$BATS_TEST_TMPDIR/said" 3>&- &
		pid=$!
		until_started
		poll pgrep -f 'sleep 4321'
		kill "-$signal" "$pid"
		status=0
		wait "$pid" || status=$?
		poll qemu_is_gone
		poll timer_is_gone
		case $signal:$status in
		INT:130 | HUP:129 | TERM:143)
			[ "$(grep -c '^vm: .*the virtual machine is gone$' "$BATS_TEST_TMPDIR/said")" = 1 ]
			;;
		KILL:137) rm -rf "$TMPDIR"/xdp-lab-vm.* ;;
		*) echo "$signal ended it with $status" >&2 && false ;;
		esac
	done
}

@test "two at once prepare what they need once" {
	local one two
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	"$vm" --kernel "$kernel" -- true 2>"$BATS_TEST_TMPDIR/1" 3>&- &
	one=$!
	"$vm" --kernel "$kernel" -- true 2>"$BATS_TEST_TMPDIR/2" 3>&- &
	two=$!
	wait "$one" || [ $? -eq 7 ]
	wait "$two" || [ $? -eq 7 ]
	[ "$(cat "$BATS_TEST_TMPDIR"/[12] | grep -c collecting)" = 1 ]
	nothing_is_half_kept
}

@test "--clean removes all that is kept, and nothing else" {
	local keep=$XDG_CACHE_HOME/xdp-lab/another
	run -7 "$vm" --kernel "$kernel" -- true
	mkdir -p "$keep"
	works "Removed: $XDG_CACHE_HOME/xdp-lab/vm" -- "$vm" --clean
	[ ! -e "$XDG_CACHE_HOME/xdp-lab/vm" ] && [ -d "$keep" ]
	works 'Removed' -- "$vm" --clean
}
