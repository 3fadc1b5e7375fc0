# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# pins.sh: what is pinned for the devices of an environment; part of network.sh.

# shellcheck disable=SC2154 # variables of network.sh

# The lab's loaders pin a map under its name (for a moment with _new) in a directory for the device:
# DEV here, NETNS:DEV in a namespace, with a comma for each dot. See lab_pin_dir() in common/. In its
# by-name/ are those of maps that ask for a pin.
find_pins() { # the directories for our devices, in $dirs, and what lies there, in $pins
	local dir name=${env//./,}
	dirs=("/sys/fs/bpf/$name" "/sys/fs/bpf/$name":[!:]*)
	[ "$vlan" = 0 ] || dirs+=("/sys/fs/bpf/$name,"[12])
	pins=()
	for dir in "${dirs[@]}"; do
		pins+=("$dir"/*)
	done
}

is_our_pin() { # FILE: one of the maps that the lab's loaders pin?
	local name=${1##*/}
	[ "$name" != by-name ] || return 0
	name=${name%_new}
	[[ $name =~ ^(xdp_stats_map|targets)$ ]] || return
	! command -v bpftool >/dev/null ||
		[[ $(bpftool map show pinned "$1" 2>/dev/null) == *"  name $name  "* ]]
}

# libxdp pins the programs on a device in dispatch-INDEX-ID: its index, and the id of the dispatcher
# that runs there. Of devices that are gone the indexes are known; but a device in another network
# may have the same, or a new one here: so there only what runs nowhere is left over.
is_left_over() { # INDEX ID
	local net one nets=()
	[[ ! $'\n'$outside$'\n'$inside$'\n' =~ $'\n'"$1:"[^$'\n']*\ prog/xdp\ id\ "$2"[^0-9] ]] || return 0
	[[ " $indexes $((1000 + num)) $((2000 + num)) $((3000 + num)) " == *" $1 "* ]] || return 1
	for net in /proc/[0-9]*/ns/net /run/netns/*; do
		for one in "${nets[@]}"; do
			[ ! "$net" -ef "$one" ] || continue 2
		done
		nets+=("$net")
		[[ ! $(nsenter "--net=$net" ip -d link show 2>/dev/null) =~ prog/xdp\ id\ "$2"([^0-9]|$) ]] ||
			return 1
	done
}

remove_dispatchers() {
	local dir index all=(/sys/fs/bpf/xdp/dispatch-*-*)
	[ ${#all[@]} -gt 0 ] || return 0
	exec 8</sys/fs/bpf/xdp
	flock -w 5 8 || : # while libxdp has it, something may be pinned that runs in a moment
	for dir in "${all[@]}"; do
		index=${dir%-*}
		! is_left_over "${index##*-}" "${dir##*-}" || rm -rf -- "$dir"
	done
	exec 8<&-
}

remove_pins() {
	local pin
	find_pins
	for pin in "${pins[@]}"; do
		is_our_pin "$pin" && rm -rf -- "$pin" && continue
		echo "Left alone, as the lab's loaders did not make it: $pin"
	done
	[[ -z ${dirs[1]-} && ! -d ${dirs[0]} ]] || rmdir -- "${dirs[@]}" 2>/dev/null || :
	remove_dispatchers
}
