# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# network.sh: what an environment is, how it is made and how it is removed. testenv.sh includes it,
# sets $env (its name) and ${given[--…]} (the options), and has show(), die() and wrong().
#
# Only what was made here is ever removed. The kernel tells: our devices carry the alias
# xdp-lab:NAME, and so does the lo of our namespaces. What it cannot know is in /run/xdp-lab:
# env/NAME (see read_state; written before anything is made), current (the environment used last)
# and lock (held while something is made or removed).

# shellcheck disable=SC2034,SC2154 # variables that the two share
run=/run/xdp-lab

# The link says nothing unless asked, and packets are what they seem.
quiet='disable_ipv6 accept_dad dad_transmits accept_ra autoconf router_solicitations
	mldv1_unsolicited_report_interval mldv2_unsolicited_report_interval'
offloads='rx off tx off tso off gso off gro off rxvlan off txvlan off'

# ---- ip

ask() { # ARG...: an ip command that changes nothing, for $(...); what is not there is no error
	show ip "$@"
	exec ip "$@" 2>/dev/null
}

batch() { # NETNS COMMAND...: ip commands as one process, in a namespace ('' is this one)
	local in=${1:+-n $1 } said lines number
	shift
	[ -z "$verbose" ] || printf "ip $in%s\n" "$@" >&2
	printf -v lines '%s\n' "$@"
	# shellcheck disable=SC2086 # $in is two words or none
	said=$(ip $in-batch - <<<"$lines" 2>&1) && return
	number=${said##*Command failed -:}
	[[ $number =~ ^[0-9]+$ ]] || number=1
	set -- "this did not work: ip $in${!number}" "ip says: ${said%%$'\n'*}"
	[[ $1 != *' type vlan '* ]] ||
		set -- "$@" 'This kernel may lack 8021q (try: modprobe 8021q); --vlan alone needs it.'
	die "$@"
}

# ---- What there is

cannot_note() {
	die "cannot write to $run, where it is noted what there is." \
		"Is that file system read-only, or full? See: findmnt -T $run; df $run"
}

lock() { # one at a time makes or removes; the kernel unlocks when this process ends
	[ -d "$run/env" ] || mkdir -p "$run/env" 2>/dev/null || :
	{ exec 9>"$run/lock"; } 2>/dev/null || cannot_note
	flock -w 60 9 || die 'another testenv.sh has been at work for a minute.' \
		"See which one: fuser -v $run/lock"
}

find_known() { # the environments there are, in $known; what setup cannot have written is none
	local file
	known=()
	for file in "$run"/env/*; do
		[[ ! -f $file || ! ${file##*/} =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,14}$ ]] ||
			known+=("${file##*/}")
	done
}

check_name() { # can an environment be called $env?
	local why='' most=15
	[ -z "${given[--vlan]-}" ] || most=13 # its devices are called NAME.1 and NAME.2
	case $env in
	'') why='it is empty' ;;
	-* | .* | *.) why='it begins with a dash or a dot, or ends with a dot' ;;
	*[!A-Za-z0-9._-]*) why='only letters, digits, dot, dash and underscore can be used' ;;
	all | default | lo | ip | tc | xdp | globals) why='the system uses this name itself' ;;
	esac
	[ ${#env} -le $most ] || why="of its ${#env} characters a device's name can have $most"
	[ -z "$why" ] || wrong "'$env' cannot be the name of an environment: $why."
}

# What setup wrote down of $env, a line: its number, then 1 or 0 for each of IPv6, IPv4, VLANs, and
# whether it stands. A line that is not like that says nothing. And what follows from it.
read_state() {
	local line=''
	[ ! -f "$run/env/$env" ] || read -r line <"$run/env/$env" || :
	[[ $line =~ ^([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-4])(\ [01]){4}$ ]] || line='0 1 0 0 -'
	read -r num ipv6 ipv4 vlan ready <<<"$line"
	ids=0 # of its VLANs; 0 is what comes without a tag
	[ "$vlan" = 0 ] || ids='0 1 2'
	hosts="fc00:dead:cafe:$num::1 10.11.$num.1"
	[ "$ipv6" = 1 ] || hosts=${hosts#* }
	[ "$ipv4" = 1 ] || hosts=${hosts% *}
	peers=${hosts/1 /2 } host=${hosts%% *}
	peers=${peers%1}2 peer=${host%1}2
	anew="Make it anew: $0 reset --name $env"
	# A device whose address nobody chose gets another one from udev a moment later, and then the
	# static neighbours would be wrong.
	printf -v mac '02:ca:fe:00:%02x:0' "$num" # and 1 outside, 2 inside
	[ -f "$run/env/$env" ]
}

write_state() { # NUMBER IPV6 IPV4 VLAN READY
	{ echo "$*" >"$run/env/$env"; } 2>/dev/null || cannot_note
	read_state
}

is_marked() { # WHAT-IP-SHOWS: does a device there carry our alias?
	[[ $1$'\n' == *"alias xdp-lab:$env"[\\$'\n']* ]]
}

is_there() { # WHAT-IP-SHOWS: is our device among them? Who is inside cannot see it.
	[ -n "$within" ] ||
		[[ $'\n'$1 =~ $'\n'[0-9]+": $env@"[^$'\n']*"alias xdp-lab:$env"([\\]|$'\n'|$) ]]
}

show_network() { # what the kernel knows of both ends
	local what in
	for what in link address neighbour route '-6 route'; do
		for in in "$what show dev $env" "-n $env $what show dev veth0"; do
			printf '\nip %s\n' "$in"
			# shellcheck disable=SC2086 # words
			ip $in 2>&1 || :
		done
	done
}

# What is there of $env, and is it ours? $device and $netns get ours, theirs or nothing. What is
# half made may lack its mark: then its address tells, or that nothing but lo is in the namespace.
look() {
	local id there # the namespace, if our device has its other end in it
	device='' netns='' inside=''
	outside=$(ask -o link show dev "$env") || :
	if is_marked "$outside" || [[ $ready$outside == 0*" ${mac}1 "* ]]; then
		device=ours
	elif [ -n "$outside" ]; then
		device=theirs outside=''
	fi
	for id in ${ids#0}; do
		outside+=$'\n'$(ask -o link show dev "$env.$id") || :
	done
	[ -e "/run/netns/$env" ] || return 0
	netns=ours there=''
	[[ $outside$'\n' != *" link-netns $env"[\\\ $'\n']* ]] || there=$env
	[[ -z $there || -d /sys/fs/bpf/xdp ]] || return 0 # what else is in it matters to libxdp alone
	inside=$(ask -n "$env" -o link show) || :
	if [ -z "$inside" ] && [ -f "$run/env/$env" ]; then
		return # a name that was left when by hand somebody unmounted what it stood for
	elif ! is_marked "$inside" && [ -z "$there" ] &&
		[[ $ready != 0 || $inside == *$'\n'* ]]; then
		netns=theirs inside=''
	fi
}

# ---- Removing

# The lab's loaders pin a map under its name (for a moment with _new) in a directory for the device:
# DEV here, NETNS:DEV in a namespace, with a comma for each dot. See lab_pin_dir() in common/.
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
	name=${name%_new}
	[[ $name =~ ^(xdp_stats_map|targets)$ ]] || return
	! command -v bpftool >/dev/null ||
		[[ $(bpftool map show pinned "$1" 2>/dev/null) == *"  name $name  "* ]]
}

remove_pins() {
	local pin line
	find_pins
	for pin in "${pins[@]}"; do
		is_our_pin "$pin" && rm -f -- "$pin" && continue
		echo "Left alone, as the lab's loaders did not make it: $pin"
	done
	[[ -z ${dirs[1]-} && ! -d ${dirs[0]} ]] || rmdir -- "${dirs[@]}" 2>/dev/null || :
	while read -r line; do # what libxdp pinned for the programs on our devices
		[[ ! $line =~ ^([0-9]+):.*\ prog/xdp\ id\ ([0-9]+) ]] ||
			rm -rf -- "/sys/fs/bpf/xdp/dispatch-${BASH_REMATCH[1]}-${BASH_REMATCH[2]}"
	done <<<"$outside"$'\n'"$inside"
}

find_running() { # the processes inside, in $running
	local proc name
	running=()
	for proc in /proc/[0-9]*; do
		[ ! "$proc/ns/net" -ef "/run/netns/$env" ] || ! read -r name <"$proc/comm" ||
			running+=("$name (pid ${proc##*/})")
	done 2>/dev/null
}

find_todo() { # what ip is to delete, in $todo
	todo=()
	look
	[ "$device" != ours ] || todo+=("link delete dev $env")
	[ "$netns" != ours ] || todo+=("netns delete $env")
}

remove() { # take $env away, whatever there is of it
	local todo running=() what said
	read_state || :
	find_todo
	for what in "$device device" "$netns network namespace"; do
		[[ $what != theirs* ]] || echo "Left alone, as testenv.sh did not make it: ${what#* } $env"
	done
	[ "$netns" != ours ] || find_running
	# A device whose other end is being taken away goes by itself, perhaps at this moment.
	while [ ${#todo[@]} -gt 0 ] && ! said=$(batch '' "${todo[@]}" 2>&1); do
		what=${todo[*]}
		find_todo
		[ "${todo[*]}" != "$what" ] || { printf '%s\n' "$said" >&2 && exit 1; }
	done
	[ -z "${said-}" ] || printf '%s\n' "$said" >&2 # what -v shows
	[ ${#running[@]} -eq 0 ] || printf 'Still running, now without a network: %s\n' "${running[@]}"
	remove_pins
	rm -f "$run/env/$env"
}

# ---- Making

check_new() { # WHAT-IP-SHOWS: nothing of this name may exist
	local dev
	if read_state; then
		look
		[[ $device$netns != *ours* ]] || [ "$ready" = 1 ] ||
			die "environment '$env' is half made: its setup did not end." "$anew"
		[[ $device$netns != *ours* ]] || die "environment '$env' exists already; its peer ip is $peer." \
			"Use it: $0 ping --name $env." \
			"$anew${given[--legacy-ip]:+ --legacy-ip}${given[--vlan]:+ --vlan}"
		remove # by hand somebody has removed the rest
	fi
	[ ! -e "$run/env/$env" ] || die "$run/env/$env is no file, and testenv.sh did not make it." \
		"Choose another --name, or remove it."
	for dev in "$env" ${given[--vlan]:+"$env.1" "$env.2"}; do
		[[ ! $1 =~ $'\n'[0-9]+": $dev"[@:] ]] ||
			die "there is a device '$dev' already. Choose another --name." \
				"It is: $(ask -br link show dev "$dev")"
	done
	[ ! -e "/run/netns/$env" ] ||
		die "there is a network namespace '$env', and testenv.sh did not make it. Choose another --name."
}

choose_number() { # WHAT-IP-SHOWS: the lowest that no environment and no address uses
	local name used=' '
	find_known
	for name in "${known[@]}"; do
		! read -r num _ <"$run/env/$name" || used+="$num "
	done
	for num in $want {1..254}; do
		[[ $used == *" $num "* || $1 =~ \ (fc00:dead:cafe:$num::|10\.11\.$num\.) ]] || return 0
	done
	die 'all 254 numbers are in use. Remove what you do not need.' "See what there is: $0 list"
}

make_pair() { # the namespace and both ends with their VLANs, not yet up
	local is='mtu 1500 numtxqueues 1 numrxqueues 1 address' id
	local off=/proc/sys/net/ipv6/conf/$env/disable_ipv6 index=$((1000 + num))
	# If both ends have the same index (2, where both namespaces are new), the kernel takes a second
	# to notice that they are up. So the inner one gets an index that few devices have; it has to be
	# the one that is named first, or the kernel does not heed it.
	batch '' "netns add $env" \
		"link add dev veth0 index $index netns $env $is ${mac}2 type veth peer name $env $is ${mac}1" \
		"link set dev $env alias xdp-lab:$env"
	for id in ${ids#0}; do
		batch '' "link add link $env name $env.$id type vlan id $id"
		batch "$env" "link add link veth0 name veth0.$id type vlan id $id"
	done
	{ echo 0 >"$off"; } 2>/dev/null || :
	if [ ! -e "$off" ] || [ "$(<"$off")" != 0 ]; then
		write_state "$num" 0 1 "$vlan" 0
		echo "IPv6 is off on this machine and cannot be switched on for '$env': it gets IPv4."
	fi
}

tune() { # DEVICE [PREFIX...]: silence it and its VLANs, switch offloads off; PREFIX does it inside
	local dev=$1
	shift
	# shellcheck disable=SC2086 # a list
	show "$@" sysctl -qw "$(printf "net/ipv6/conf/$dev/%s=0 " $quiet)"
	show "$@" ethtool -K "$dev" "$offloads"
	# shellcheck disable=SC2016 # sh expands it
	"$@" sh -c '
		cd /proc/sys/net/ipv6/conf && for key in $2; do
			for id in $4; do
				echo 0 >"$1${id#.0}/$key"
			done
		done
		exec ethtool -K "$1" $3' sh "$dev" "$quiet" "$offloads" ".${ids// / .}" &>/dev/null ||
		echo "Note: some offloads of $dev stay on: ethtool cannot, or is missing (apt install it)." >&2
}

raise() { # NETNS END DEVICE [COMMAND...]: after these, one end (1 outside, 2 inside) and its VLANs
	local id dev six four other=$((3 - $2)) todo=("${@:4}")
	for id in $ids; do
		dev=$3.$id six=fc00:dead:cafe:$((id * 1000 + num)):: four=10.$((11 + id)).$num.
		dev=${dev%.0}
		[ "$ipv6" = 0 ] || todo+=("address add dev $dev $six$2/64 nodad")
		[ "$ipv4" = 0 ] || todo+=("address add dev $dev $four$2/24")
		todo+=("link set dev $dev up")
		[ "$ipv6" = 0 ] || todo+=("neighbour add $six$other lladdr $mac$other dev $dev nud permanent")
		[ "$ipv4" = 0 ] || todo+=("neighbour add $four$other lladdr $mac$other dev $dev nud permanent")
	done
	batch "$1" "${todo[@]}"
}

make_env() { # WHAT-IP-SHOWS: an environment $env that nothing stands in the way of
	choose_number "$1"
	making=1 # from here on whatever ends this script removes it
	write_state "$num" 1 "${given[--legacy-ip]:-0}" "${given[--vlan]:-0}" 0
	make_pair
	tune veth0 nsenter "--net=/run/netns/$env"
	tune "$env"
	raise "$env" 2 veth0 "link set dev lo up alias xdp-lab:$env"
	raise '' 1 "$env"
	write_state "$num" "$ipv6" "$ipv4" "$vlan" 1
	{ echo "$env" >"$run/current"; } 2>/dev/null || cannot_note
}
