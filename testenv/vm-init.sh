#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vm-init.sh: process 1 of the guest that vm.sh makes. Not for a machine that is meant to go on.
#
# Serial lines: ttyS0 takes the kernel's messages, and ours to vm.sh, each with a mark in front that
# only this run knows; ttyS1 is the command's standard output, or the terminal of the shell; ttyS2
# its standard error, if that is another. What to do stands in /.vm/run, see settings() in vm.sh.

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/.vm/bin
export HOME=/root LC_ALL=C.UTF-8 LAB_IN_VM=1

file_systems() {
	mount -t proc proc /proc
	mount -t sysfs sysfs /sys
	mount -t devtmpfs devtmpfs /dev
	mkdir -p /dev/pts /dev/shm /run /tmp /root
	mount -t devpts devpts /dev/pts
	mount -t tmpfs -o mode=1777 shm /dev/shm
	mount -t tmpfs -o mode=755 run /run
	mount -t bpf -o mode=700 bpf /sys/fs/bpf
	mount -t tracefs tracefs /sys/kernel/tracing
	mkdir -p /run/netns
	chmod 1777 /tmp
	ln -s /proc/self/fd /dev/fd
	ln -s fd/0 /dev/stdin
	ln -s fd/1 /dev/stdout
	ln -s fd/2 /dev/stderr
}

tell() { # WORD...: to vm.sh
	printf '\n%s %s\n' "$mark" "$*" >/dev/ttyS0
}

# Standard output and error: a terminal where vm.sh's is one, else a pipe, so that programs here
# write as they would there.
connect() {
	case $out in
	terminal) exec >/dev/ttyS1 ;;
	pipe) exec > >(exec cat >/dev/ttyS1 5>&- 6>&-) && writers+=($!) ;;
	esac
	case $err in
	same) exec 2>&1 ;;
	terminal) exec 2>/dev/ttyS2 ;;
	pipe) exec 2> >(exec cat >/dev/ttyS2 5>&- 6>&-) && writers+=($!) ;;
	esac
}

# What the command has left running would keep the pipes open.
end_all_but_writers() {
	local one
	for one in /proc/[0-9]*; do
		one=${one#/proc/}
		case " 1 ${writers[*]-} " in *" $one "*) continue ;; esac
		[ ! -e "/proc/$one/exe" ] || kill -KILL "$one" 2>/dev/null
	done
}

run() { # COMMAND...: its status
	local status=0 writers=()
	connect
	case $1 in
	*/*) [ -e "$1" ] ;;
	*) type -P -- "$1" >/dev/null ;;
	esac || {
		echo "vm: there is no command '$1' in the virtual machine" >&2
		exec >/dev/null 2>&1
		wait
		return 127
	}
	setsid "$@" </dev/null 5>&- 6>&- &
	wait $! || status=$?
	exec >/dev/null 2>&1
	end_all_but_writers
	wait
	return $status
}

shell() {
	cat >/run/bashrc <<-'END'
		PS1='vm:\w# '
		echo "Linux $(uname -r) in a throwaway machine, which ends with this shell: exit, or Ctrl-D."
	END
	setsid -c bash --rcfile /run/bashrc -i </dev/ttyS1 >/dev/ttyS1 2>&1 5>&- 6>&-
}

file_systems >/dev/null 2>&1
mapfile -d '' -t settings </.vm/run/settings
mapfile -d '' -t environment </.vm/run/environment
mapfile -d '' -t command </.vm/run/command
mark=${settings[0]} out=${settings[1]} err=${settings[2]} directory=${settings[3]}
rows=${settings[4]} columns=${settings[5]}
[ ${#environment[@]} -eq 0 ] || export "${environment[@]}"
tell alive and well
hostname xdp-lab-vm
ip link set lo up
exec 5<>/dev/ttyS1 6<>/dev/ttyS2 # a size is forgotten when nobody has the line open
mode=(raw -echo)
[ "$out" != shell ] || mode=(sane)
for line in /dev/ttyS1 /dev/ttyS2; do
	busybox stty -F $line "${mode[@]}"
	[ "$rows" = 0 ] || busybox stty -F $line rows "$rows" columns "$columns"
done 2>/dev/null
cd "$directory" || cd /
if [ "$out" = shell ]; then
	shell
else
	run "${command[@]}"
fi
status=$?
exec 5>&- 6>&- # waits until all is sent
tell status $status
reboot -f
