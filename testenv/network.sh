# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# network.sh: what an environment is, how it is made and how it is removed. testenv.sh includes it,
# has set $env and the options, and has die().
#
# Only what was made here is ever removed. The kernel tells: our devices carry the alias
# xdp-lab:NAME, and so does the lo of our namespaces. What the kernel cannot know is in /run/xdp-lab:
# env/NAME (number and settings, written before anything is made; "ready=1" once it stands),
# current (the environment used last) and lock (held while something is made or removed).

# shellcheck disable=SC2034,SC2154 # variables that the two share
run=/run/xdp-lab
link='' inner='' known=() running=()

# The link says nothing unless asked, and packets are what they seem.
quiet='disable_ipv6 accept_dad dad_transmits accept_ra autoconf router_solicitations
	mldv1_unsolicited_report_interval mldv2_unsolicited_report_interval'
offloads='rx off tx off tso off gso off gro off rxvlan off txvlan off'

show() { # COMMAND...: with -v print it
	[ -z "$verbose" ] || printf '%s\n' "$*" >&2
}

ask() { # ARG...: an ip command that changes nothing, for $(...); what is not there is no error
	show ip "$@"
	exec ip "$@" 2>/dev/null
}

batch() { # NETNS COMMAND...: ip commands as one process, in a namespace ('' is this one)
	local in=${1:+-n $1} said line lines
	shift
	for line; do show "ip ${in:+$in }$line"; done
	printf -v lines '%s\n' "$@"
	# shellcheck disable=SC2086 # $in is two words or none
	said=$(ip $in -batch - <<<"$lines" 2>&1) && return 0
	line=${said##*Command failed -:}
	[[ $line =~ ^[0-9]+$ ]] || line=1
	printf 'testenv.sh: this did not work: ip %s%s\n' "${in:+$in }" "${!line}" >&2
	printf '  ip says: %s\n' "${said%%$'\n'*}" >&2
	return 1
}

# ---- What is known of an environment

lock() { # one at a time makes or removes; the kernel unlocks when this process ends
	[ -d "$run/env" ] || mkdir -p "$run/env"
	exec 9>"$run/lock"
	flock -w 60 9 || die 'another testenv.sh has been at work for a minute.' \
		"See which one: fuser -v $run/lock"
}

find_known() { # the environments there are, in $known
	local file
	known=()
	for file in "$run"/env/*; do
		[ ! -f "$file" ] || known+=("${file##*/}")
	done
}

read_state() { # NAME: what setup wrote down; a line that is not as it should be is passed over
	local line
	num='' legacy=0 ipv6=1 vlan=0 ready=0
	if [ -f "$run/env/$1" ]; then
		while read -r line; do
			case $line in
			num=[1-9] | num=[1-9][0-9] | num=[12][0-9][0-9]) num=${line#num=} ;;
			legacy=1 | vlan=1 | ready=1 | ipv6=0) printf -v "${line%=?}" %s "${line#*=}" ;;
			esac
		done <"$run/env/$1"
	fi
	[ -n "$num" ] || ready=0
	addresses
	[ -f "$run/env/$1" ]
}

addresses() { # what follows from number and settings
	local n=${num:-0}
	out6=fc00:dead:cafe:$n::1 in6=fc00:dead:cafe:$n::2
	out4=10.11.$n.1 in4=10.11.$n.2
	v4=$legacy host=$out6 peer=$in6
	[ "$ipv6" = 1 ] || v4=1 host=$out4 peer=$in4
	# A device whose address nobody chose gets another one from udev a moment later, and then the
	# static neighbours would be wrong.
	printf -v out_mac '02:ca:fe:00:%02x:01' "$n"
	printf -v in_mac '02:ca:fe:00:%02x:02' "$n"
}

# ---- What is ours

# Is the device $env ours? Its alias says so; until it has one, its address does. $link describes it.
own_device() {
	link=$(ask -o -d link show dev "$env") || return 1
	[[ ! $link =~ alias\ xdp-lab:$env([[:space:]\\]|$) ]] || return 0
	[ "$ready" = 1 ] || [ -z "$num" ] || [[ $link != *" $out_mac "* ]] || return 0
	link=''
	return 1
}

# Is the namespace $env ours? It has the other end of our device, or the mark on its lo, or it is
# half made and holds nothing but veth0. $inner describes its devices where libxdp may have pins.
own_netns() {
	inner=''
	[ -e "/run/netns/$env" ] || return 1
	[[ -d /sys/fs/bpf/xdp || $link != *" link-netns $env "* ]] || return 0
	inner=$(ask -n "$env" -o -d link show) || :
	[[ ! $inner =~ alias\ xdp-lab:$env([[:space:]\\]|$) ]] || return 0
	[ "$ready" = 1 ] || [ -z "$num" ] ||
		grep -qve '^$' -e '^1: lo:' -e "^[0-9]*: veth0[@.].* $in_mac " <<<"$inner" || return 0
	inner=''
	return 1
}

# ---- Removing

find_pin_dirs() { # where the lab's loaders pin for the environment's devices: see common/lab_map.h
	local dev=${env//./,} # the BPF file system keeps names with dots to itself
	pin_dirs=("/sys/fs/bpf/$dev" "/sys/fs/bpf/$dev:veth0")
	[ "$vlan" = 0 ] || pin_dirs+=("${pin_dirs[@]/%/,1}" "${pin_dirs[@]/%/,2}")
}

is_our_pin() { # FILE: a map under its own name (the kernel keeps 15 characters), as loaders pin it
	local name=${1##*/} map
	if command -v bpftool >/dev/null; then
		map=$(bpftool map show pinned "$1" 2>/dev/null) && [[ $map == *"  name ${name:0:15}  "* ]]
	else
		[ "$name" = xdp_stats_map ]
	fi
}

remove_pins() {
	local dir pin
	find_pin_dirs
	for dir in "${pin_dirs[@]}"; do
		for pin in "$dir"/*; do
			[ -e "$pin" ] || continue
			is_our_pin "$pin" && rm -f -- "$pin" && continue
			echo "Left alone, as the lab's loaders did not make it: $pin"
		done
		[ ! -d "$dir" ] || rmdir -- "$dir" 2>/dev/null || :
	done
}

remove_dispatchers() { # what libxdp pinned for the programs on our devices
	local line dir
	while read -r line; do
		[[ $line =~ ^([0-9]+):.*\ prog/xdp\ id\ ([0-9]+) ]] || continue
		dir=/sys/fs/bpf/xdp/dispatch-${BASH_REMATCH[1]}-${BASH_REMATCH[2]}
		[ ! -d "$dir" ] || rm -rf -- "$dir"
	done <<<"$link"$'\n'"$inner"
}

find_running() { # the processes inside, in $running
	local proc name
	running=()
	for proc in /proc/[0-9]*; do
		[ ! "$proc/ns/net" -ef "/run/netns/$env" ] || ! read -r name <"$proc/comm" ||
			running+=("$name (pid ${proc##*/})")
	done 2>/dev/null
}

remove() { # take $env away, whatever there is of it
	local todo=() last=''
	running=()
	read_state "$env" || :
	if own_device; then
		todo+=("link delete dev $env")
	elif [ -n "$(ask link show dev "$env")" ]; then
		echo "Left alone, as testenv.sh did not make it: device $env"
	fi
	if own_netns; then
		find_running
		todo+=("netns delete $env")
	elif [ -e "/run/netns/$env" ]; then
		echo "Left alone, as testenv.sh did not make it: network namespace $env"
	fi
	[ ${#todo[@]} -eq 0 ] || batch '' "${todo[@]}"
	[ ${#running[@]} -eq 0 ] || printf 'Still running, now without a network: %s\n' "${running[@]}"
	remove_dispatchers
	remove_pins
	[ ! -f "$run/current" ] || read -r last <"$run/current" || :
	[ "$last" = "$env" ] || last=''
	rm -f "$run/env/$env" ${last:+"$run/current"}
}

# ---- Making

check_new() { # WHAT-IP-SHOWS: nothing of this name may exist
	if read_state "$env"; then
		if ! own_device && ! own_netns; then
			remove # by hand somebody has removed the rest
			return
		fi
		[ "$ready" = 1 ] || die "environment '$env' is half made: its setup did not end." \
			"Make it anew: $0 reset --name $env"
		die "environment '$env' exists already; its peer ip is $peer." \
			"Use it: $0 ping --name $env." \
			"Make it anew: $0 reset --name $env${set_legacy:+ --legacy-ip}${set_vlan:+ --vlan}"
	fi
	[[ ! $1 =~ $'\n'[0-9]+": $env"[@:] ]] ||
		die "there is a device '$env', and testenv.sh did not make it. Choose another --name." \
			"It is: $(ask -br link show dev "$env")"
	[ ! -e "/run/netns/$env" ] ||
		die "there is a network namespace '$env', and testenv.sh did not make it. Choose another --name."
}

choose_number() { # WHAT-IP-SHOWS LEGACY: the lowest that no environment and no address uses
	local n name used=' '
	find_known
	for name in "${known[@]}"; do
		read_state "$name" && used+="$num "
	done
	for n in $want {1..254}; do
		[[ $used != *" $n "* && $1 != *" fc00:dead:cafe:$n::"* ]] || continue
		[[ $2 = 0 || $1 != *" 10.11.$n."* ]] || continue
		num=$n
		return 0
	done
	die 'all 254 numbers are in use. Remove what you do not need.' "See what there is: $0 list"
}

make_pair() { # WHAT-IP-SHOWS: the namespace and both ends, not yet up
	local one='mtu 1500 numtxqueues 1 numrxqueues 1' index='' off=/proc/sys/net/ipv6/conf/$env/disable_ipv6
	# The first device ever made in a network namespace gets index 2. If both ends have the same
	# index, the kernel takes a second to notice that they are up.
	[[ $1 =~ $'\n'([2-9]|[1-9][0-9]+): ]] || index='index 3 '
	batch '' "netns add $env" \
		"link add dev $env ${index}address $out_mac $one type veth peer name veth0 netns $env address $in_mac $one" \
		"link set dev $env alias xdp-lab:$env"
	{ echo 0 >"$off"; } 2>/dev/null || :
	if [ ! -e "$off" ] || [ "$(<"$off")" != 0 ]; then
		ipv6=0
		echo ipv6=0 >>"$run/env/$env"
		echo "IPv6 is off on this machine and cannot be switched on for '$env': it gets IPv4."
	fi
	addresses
}

make_vlans() {
	local id
	for id in 1 2; do
		if batch '' "link add link $env name $env.$id type vlan id $id"; then
			batch "$env" "link add link veth0 name veth0.$id type vlan id $id" && continue
		fi
		die 'this kernel cannot make VLAN devices: it lacks 8021q (try: modprobe 8021q).' \
			'Without --vlan everything works but what is about VLANs.'
	done
}

tune() { # DEVICE [PREFIX...]: silence it and switch offloads off; PREFIX does it inside
	local dev=$1
	shift
	# shellcheck disable=SC2086 # a list
	show "$@" sysctl -qw "$(printf "net/ipv6/conf/$dev/%s=0 " $quiet)"
	show "$@" ethtool -K "$dev" "$offloads"
	# shellcheck disable=SC2016 # sh expands it
	"$@" sh -c '
		for key in $2; do echo 0 >/proc/sys/net/ipv6/conf/$1/$key; done
		! command -v ethtool || exec ethtool -K "$1" $3' sh "$dev" "$quiet" "$offloads" &>/dev/null ||
		echo "Note: ethtool could not switch off all offloads of $dev." >&2
}

end() { # END DEVICE OTHER-MAC PREFIX6 PREFIX4: ip commands for one end (1 is outside, 2 inside)
	local other=$((3 - $1))
	[ "$ipv6" = 0 ] || echo "address add dev $2 $4::$1/64 nodad"
	[ "$v4" = 0 ] || echo "address add dev $2 $5.$1/24"
	echo "link set dev $2 up"
	[ "$ipv6" = 0 ] || echo "neighbour add $4::$other lladdr $3 dev $2 nud permanent"
	[ "$v4" = 0 ] || echo "neighbour add $5.$other lladdr $3 dev $2 nud permanent"
}

ends() { # END DEVICE OTHER-MAC: the same for a device and its VLANs
	local id
	end "$@" "fc00:dead:cafe:$num" "10.11.$num"
	[ "$vlan" = 1 ] || return 0
	for id in 1 2; do
		end "$1" "$2.$id" "$3" "fc00:dead:cafe:$((id * 1000 + num))" "10.$((11 + id)).$num"
	done
}

make_env() { # WHAT-IP-SHOWS LEGACY VLAN: an environment $env that nothing stands in the way of
	local lines
	choose_number "$1" "$2"
	legacy=$2 vlan=$3 ipv6=1 ready=0
	addresses
	making=$env # from here on an interrupt removes it
	printf 'num=%s\nlegacy=%s\nvlan=%s\n' "$num" "$legacy" "$vlan" >"$run/env/$env"
	make_pair "$1"
	[ "$vlan" = 0 ] || make_vlans
	tune veth0 nsenter "--net=/run/netns/$env"
	tune "$env"
	mapfile -t lines < <(ends 2 veth0 "$out_mac")
	batch "$env" "link set dev lo up alias xdp-lab:$env" "${lines[@]}"
	mapfile -t lines < <(ends 1 "$env" "$in_mac")
	batch '' "${lines[@]}"
	echo ready=1 >>"$run/env/$env"
	echo "$env" >"$run/current"
}
