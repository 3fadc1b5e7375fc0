#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# private.sh COMMAND [ARG...]: run a command in a world of its own.
#
# The command gets its own network (nothing but lo), its own mounts and its own process tree.
# /run is empty, /sys shows the new network's devices, and /sys/fs/bpf is an empty BPF file system.
# When the command ends, or is killed, the kernel takes all of it away: devices, attached programs,
# namespaces, pins and whatever still runs in there.
#
# Without the mounts, names of network namespaces and pins would land on the host.

set -eu

if [ "${1-}" = --mounted ]; then # process 1 of the new process tree
	shift
	mount -t tmpfs -o mode=755 xdp-lab /run
	mkdir /run/netns /run/xdp-lab
	mount -t sysfs sysfs /sys
	mount -t bpf -o mode=700 bpf /sys/fs/bpf
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null || :
	ip link set lo up
	rc=0
	"$@" || rc=$? # not exec: process 1 would ignore signals that it does not handle
	exit "$rc"
fi

case ${1-} in
'' | -h | --help)
	sed -n '4s/^# //p' "$0"
	[ $# -ne 0 ] || exit 2
	exit 0
	;;
esac

if [ "$(id -u)" -ne 0 ]; then
	echo "private.sh: making namespaces needs root: sudo $0 $*" >&2
	exit 1
fi

exec 3<&0
# What a script starts in the background ignores Ctrl-C; the command shall not.
heed=(env '--default-signal=INT,QUIT')
"${heed[@]}" true 2>/dev/null || heed=()
"${heed[@]}" setpriv --pdeathsig KILL \
	unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private \
	"$0" --mounted "$@" <&3 3<&- &
world=$!
# shellcheck disable=SC2317 # called from the traps
end() { # EXIT-STATUS: process 1 dies, and with it the world
	kill -KILL "$world" 2>/dev/null || :
	wait "$world" 2>/dev/null || :
	exit "$1"
}
trap 'end 143' TERM
trap 'end 129' HUP
trap : INT # the terminal sends it to the command too, which decides
rc=0
while :; do
	rc=0
	wait "$world" || rc=$?
	kill -0 "$world" 2>/dev/null || break # else a signal cut the wait short
done
exit "$rc"
