#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vm.sh [--kernel KERNEL] [--timeout SECONDS] [--cpus N] [-- COMMAND [ARG...]]
# vm.sh --clean
#
# Runs a command as root in a throwaway virtual machine that sees this working tree, in the
# directory in which you are, and ends with its exit status. Without a command: a shell.
#
#   --kernel KERNEL    6.1 or 6.12 (Debian's, downloaded once), running, or the path of a vmlinuz
#                      whose modules are in ../lib/modules (default: 6.12)
#   --timeout SECONDS  end it then (default: 600 for a command, never for a shell)
#   --cpus N           how many it has (default: 2)
#   --clean            remove what is kept for virtual machines in ~/.cache/xdp-lab/vm
#
# What the guest writes vanishes with it. It has no network but what the lab makes, 512 MB of
# memory, and this machine's own tools and libraries, without compilers: build before.
# KVM is used where a guest truly starts with it, else emulation; with LAB_VM_KVM= in the
# environment it is not tried. Needs qemu, busybox and no root.
#
# Exit status: the command's; 127 if the guest has no such command; 2 usage; 124 the time was up;
# 130 Ctrl-C; 125 the virtual machine could not be made, or broke down: the last line says why.

set -eu
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd -P)
PATH=$PATH:/usr/sbin:/sbin
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/xdp-lab/vm
kernel=6.12 limit='' cpus=2 command=() qemu='' tmp='' new=''
boot_limit=${LAB_VM_BOOT_LIMIT:-120} kvm_limit=5 # seconds until the guest has to say something
kvm=${LAB_VM_KVM-/dev/kvm}                       # empty: do not even try

say() { # LINE...
	printf 'vm: %s\n' "$1" >&2
	[ $# -eq 1 ] || printf '  %s\n' "${@:2}" >&2
}

die() { # WHAT [TO-DO...]
	say "$@"
	exit 125
}

usage_error() { # WHAT [LINE...]
	say "$@"
	exit 2
}

# ---- Starting and ending

# shellcheck disable=SC2317 # called from the traps
clean_up() {
	[ "$BASHPID" = $$ ] || return 0 # a child that has not become another program yet
	[ -z "$qemu" ] || stop
	[ -z "$tmp" ] || rm -rf "$tmp"
	[ -z "$new" ] || rm -rf "$new"
}

# shellcheck disable=SC2317
interrupted() { # STATUS HOW
	say "$2: the virtual machine is gone"
	exit "$1"
}

. "$here/testenv/vm-parts.sh"

read_arguments() { # ARG...
	while [ $# -gt 0 ]; do
		case $1 in
		--*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
		--kernel) kernel=${2-} && shift ;;
		--timeout) limit=${2-none} && shift ;;
		--cpus) cpus=${2-none} && shift ;;
		--clean)
			rm -rf "$cache"
			echo "Removed: $cache"
			exit
			;;
		-h | --help)
			sed -n '4,25s/^# \{0,1\}//p' "$0"
			exit
			;;
		--)
			command=("${@:2}")
			[ $# -gt 1 ] || usage_error 'a command has to follow the --'
			break
			;;
		-*) usage_error "there is no option $1; see: $0 --help" ;;
		*) usage_error "a command stands after --, as in: $0 -- $*" ;;
		esac
		shift || usage_error "something has to follow the last option; see: $0 --help"
	done
	[[ $limit =~ ^([1-9][0-9]{0,6})?$ ]] || usage_error "--timeout takes seconds, 1 or more, not '$limit'"
	[[ $cpus =~ ^[1-8]$ ]] || usage_error "--cpus takes 1 to 8, not '$cpus'"
	if [ ${#command[@]} -eq 0 ]; then
		{ [ -t 0 ] && [ -t 1 ]; } || usage_error 'a shell needs a terminal; a command stands after --'
	else
		limit=${limit:-600}
	fi
}

need() { # PROGRAM DEBIAN-PACKAGE
	command -v "$1" >/dev/null || die "$1 is missing" "sudo apt-get install $2"
}

# ---- What the guest gets of this run

# How a descriptor of the command is to be: "terminal" where ours is one, "pipe" where not.
kind() { # DESCRIPTOR
	if [ -t "$1" ]; then echo terminal; else echo pipe; fi
}

settings() { # files in DIR, read by vm-init.sh; "output" is our standard output
	local out err rows=0 columns=0 one
	if [ -t 1 ]; then read -r rows columns < <(stty size 2>/dev/null <&"$output") || :; fi
	out=$(kind "$output") err=$(kind 2)
	[ ! /proc/self/fd/1 -ef /proc/self/fd/2 ] || err=same
	[ ${#command[@]} -gt 0 ] || out=shell err=same
	printf '%s\0' "$mark" "$out" "$err" "$directory" "$rows" "$columns" >"$1/settings"
	for one in TERM NO_COLOR LAB_SELF LAB_QUICK; do
		[ -z "${!one-}" ] || printf '%s=%s\0' "$one" "${!one}"
	done >"$1/environment"
	[ ${#command[@]} -eq 0 ] || printf '%s\0' "${command[@]}" >"$1/command"
}

# The tree where it is here, without what a guest has no use for, and the directories above it.
tree_names() { # each ended by a NUL, without the first slash
	local above='' one
	local -a steps
	IFS=/ read -ra steps <<<"${here#/}"
	for one in "${steps[@]}"; do
		above+=/$one
		printf '%s\0' "${above#/}"
	done
	find "${here#/}" -mindepth 1 \( -path "${here#/}/.git" -o -path "${here#/}/.lab/?*" -o \
		-path "${here#/}/lib/src*" -o -path "${here#/}/lib/build" \) -prune -o \
		-readable \( -type d -o -type l -o -type f -size -32768 \) -print0
}

make_initrd() {
	local size
	mkdir -p "$tmp/run/.vm/run"
	settings "$tmp/run/.vm/run"
	(cd / && tree_names | archive) >"$tmp/tree" || no_space "$tmp"
	size=$(($(stat -c %s "$tmp/tree") / 1048576))
	[ "$size" -lt 96 ] || die "the tree has $size MB, and the virtual machine 512 MB in all" \
		"what is large in it?  du -ah $here | sort -h | tail"
	(cd "$tmp/run" && find .vm/run -print0 | archive) |
		cat "$tools_archive" "$modules" - "$tmp/tree" >"$tmp/initrd" || no_space "$tmp"
	rm "$tmp/tree"
}

# ---- The machine

start() { # kvm|tcg: sets "qemu", its process
	local cpu=max faster='norandmaps init_on_alloc=0 cryptomgr.notests'
	faster+=' initcall_blacklist=crypto_kdf108_init,jent_mod_init'
	# shellcheck disable=SC2054 # qemu's commas
	local lines=(-chardev "file,id=log,path=$tmp/console" -serial chardev:log)
	[ "$1" = tcg ] || cpu=host
	if [ ${#command[@]} -eq 0 ]; then # Ctrl-A X ends it from outside
		# shellcheck disable=SC2054
		lines+=(-chardev stdio,id=shell,mux=on,signal=off -serial chardev:shell)
	else
		# shellcheck disable=SC2054
		lines+=(-add-fd "fd=$to_out,set=1" -chardev file,id=out,path=/dev/fdset/1,append=on -serial chardev:out
			-add-fd "fd=$to_err,set=2" -chardev file,id=err,path=/dev/fdset/2,append=on -serial chardev:err)
	fi
	: >"$tmp/console"
	# "faster": emulated code is translated again for each address that it runs at; with the same
	# each time, programs start three times as fast. Nor is memory wiped that is written at once, nor
	# tried what the kernel has of cryptography, which takes a second.
	setpriv --pdeathsig KILL \
		qemu-system-x86_64 -no-user-config -nodefaults -display none -machine pc -accel "$1" -cpu $cpu \
		-smp "$cpus" -m 512 -nic none -no-reboot -kernel "$vmlinuz" -initrd "$tmp/initrd" \
		-append "console=ttyS0 init=/init quiet loglevel=4 panic=-1 mitigations=off $faster" "${lines[@]}" \
		<&"$input" 2>"$tmp/qemu" &
	qemu=$!
}

stop() {
	kill -KILL "$qemu" 2>/dev/null || :
	wait "$qemu" 2>/dev/null || :
	qemu=''
}

said() { # WORD: what the guest has told us after it
	local line
	while read -r line; do
		case $line in "$mark $1 "*) line=${line#"$mark $1 "} && echo "${line%$'\r'}" ;; esac
	done <"$tmp/console"
}

# Waits until the guest speaks: 0; 1 if it does not within so many seconds, or has ended.
speaks() { # SECONDS
	local end=$((SECONDS + $1))
	while [ -z "$(said alive)" ]; do
		if [ $SECONDS -ge $end ] || ! kill -0 "$qemu" 2>/dev/null; then
			[ -n "$(said alive)" ] # it may have spoken and ended since
			return
		fi
		sleep 0.1
	done
}

kvm_is_worth_trying() {
	[ -w "$kvm" ] && [ "$(cat "$cache/no-kvm" 2>/dev/null)" != "$(</proc/sys/kernel/random/boot_id)" ]
}

# With KVM if the guest really comes up with it, which /dev/kvm alone does not promise.
boot() {
	if kvm_is_worth_trying; then
		start kvm
		speaks $kvm_limit && return
		stop
		say "with KVM nothing starts here within $kvm_limit s: emulating, as from now on until this machine restarts"
		cat /proc/sys/kernel/random/boot_id 2>/dev/null >"$cache/no-kvm" || :
	fi
	start tcg
	speaks "$boot_limit" || not_started
}

# The kernel's last words, if it panicked, else the end of what came.
broke_down() { # WHAT-HAPPENED
	local panic why
	panic=$(tr -d '\r' <"$tmp/console" | sed -n 's/.*\(Kernel panic - not syncing: .*\)/\1/p' | tail -n 1)
	why=$(grep -v '^$' "$tmp/qemu" | tail -n 1)
	die "$1${panic:+: $panic}${why:+: $why}"
}

not_started() {
	if kill -0 "$qemu" 2>/dev/null; then
		stop
		die "the virtual machine hangs: its kernel has said nothing within $boot_limit s"
	fi
	wait "$qemu" || :
	qemu=''
	broke_down 'the virtual machine did not start'
}

last_words() { # of its kernel, if it said any
	tr -d '\r' <"$tmp/console" | grep -v "^$mark \|^$" | tail -n 5
}

# Until it ends by itself, or its time is up.
follow() {
	local timer='' status words=()
	if [ -n "$limit" ]; then
		setpriv --pdeathsig KILL sleep "$limit" >/dev/null 2>&1 &
		timer=$!
	fi
	wait -n "$qemu" ${timer:+"$timer"} || :
	if kill -0 "$qemu" 2>/dev/null; then
		stop
		mapfile -t words < <(last_words)
		say "the command did not end within $limit s (--timeout): the virtual machine is gone" "${words[@]}"
		exit 124
	fi
	qemu=''
	[ -z "$timer" ] || { kill -KILL "$timer" && wait "$timer"; } 2>/dev/null || :
	status=$(said status)
	[[ $status =~ ^[0-9]+$ ]] || broke_down 'the virtual machine broke down'
	return "$status"
}

main() {
	local status=0
	read_arguments "$@"
	[ "$(uname -m)" = x86_64 ] || die "virtual machines are made on x86_64 only, and this is $(uname -m)"
	need qemu-system-x86_64 qemu-system-x86
	need busybox busybox-static
	case $PWD/ in "$here"/*) directory=$PWD ;; *) directory=$here ;; esac
	trap clean_up EXIT
	trap 'interrupted 130 interrupted' INT
	trap 'interrupted 143 terminated' TERM
	trap 'interrupted 129 "the terminal is gone"' HUP
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/xdp-lab-vm.XXXX") || die "cannot write to ${TMPDIR:-/tmp}"
	lock_cache
	choose_kernel "$kernel"
	choose_tools
	mark=xdp-lab-$(od -An -N 8 -t x8 /dev/urandom | tr -d ' ')
	exec {output}>&1
	make_initrd
	exec {output}>&-
	unlock_cache
	exec {input}<&0
	[ ${#command[@]} -eq 0 ] || exec {input}</dev/null
	exec {to_out}> >(exec cat) && writers=$!
	exec {to_err}> >(exec cat >&2) && writers+=" $!"
	boot
	exec {to_out}>&- {to_err}>&-
	follow || status=$?
	# shellcheck disable=SC2086 # words; what came may still be on its way
	wait $writers || :
	exit "$status"
}

main "$@"
