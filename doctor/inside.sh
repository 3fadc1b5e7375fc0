#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# inside.sh DIR: what only root can find out, in a private world that vanishes with this script.
# DIR has the probe and its object, where they could be compiled. Prints lines "KEY yes|no WHY".

set -u
dir=$1

try() { # KEY WHAT COMMAND...
	key=$1 what=$2
	shift 2
	if why=$("$@" 2>&1); then
		echo "$key yes $what"
	else
		echo "$key no $(echo "$why" | tail -n 1)"
	fi
}

mounted() { # TYPE PATH
	awk -v type="$1" -v path="$2" '$2 == path && $3 == type { found = 1 } END { exit !found }' /proc/mounts ||
		{ echo "not mounted on $2" && false; }
}

try bpffs 'can be mounted on /sys/fs/bpf' mounted bpf /sys/fs/bpf
try tracefs 'can be mounted on /sys/kernel/tracing' mounted tracefs /sys/kernel/tracing
try netns 'network namespaces can be made' ip netns add doctor
try veth 'pairs can be made' ip link add doctor0 type veth peer name doctor1
ip link set doctor0 up 2>/dev/null && ip link set doctor1 up 2>/dev/null
try ipv6 'addresses can be set' sh -c '
	echo 0 >/proc/sys/net/ipv6/conf/doctor0/disable_ipv6 &&
	ip address add fc00:dead:cafe:9999::1/64 dev doctor0'
try vlan 'devices can be made' ip link add link doctor0 name doctor0.1 type vlan id 1
[ ! -x "$dir/probe" ] || [ ! -f "$dir/probe_kern.o" ] || "$dir/probe" "$dir/probe_kern.o" doctor0
