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

# shellcheck source=testenv/pins.sh
. "${here%/*}/pins.sh"

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

is_known() { # NAME
	[[ " ${known[*]} " == *" $1 "* ]]
}

# The environments there are, in $known; what setup cannot have written is none. Where that is lost,
# a device still tells by its alias.
find_known() {
	local file name
	known=()
	for file in "$run"/env/* /sys/class/net/*/ifalias; do
		name=xdp-lab:${file##*/}
		[[ $file != /sys/* ]] || read -r name <"$file" || continue
		is_known "${name#xdp-lab:}" || [[ ! -f $file || $file != */"${name#xdp-lab:}"?(/ifalias) ||
			! $name =~ ^xdp-lab:[A-Za-z0-9_][A-Za-z0-9._-]{0,14}$ ]] || known+=("${name#xdp-lab:}")
	done 2>/dev/null
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

find_addresses() { # VLAN END: what one end (1 outside, 2 inside) has there, in $addresses
	addresses="fc00:dead:cafe:$(($1 * 1000 + num))::$2 10.$((11 + $1)).$num.$2"
	[ "$ipv6" = 1 ] || addresses=${addresses#* }
	[ "$ipv4" = 1 ] || addresses=${addresses% *}
	[ "$num" != 0 ] || addresses=''
}

# What setup wrote down of $env, a line: its number, then 1 or 0 for each of IPv6, IPv4, VLANs, and
# whether it stands, then the indexes of its outer devices. A line that is not like that says
# nothing. And what follows from it.
read_state() {
	local line=''
	[ ! -f "$run/env/$env" ] || read -r line <"$run/env/$env" || :
	[[ $line =~ ^([1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-4])(\ [01]){4}(\ [0-9]+)*$ ]] ||
		line='0 1 0 0 -'
	read -r num ipv6 ipv4 vlan ready indexes <<<"$line"
	ids=0 # of its VLANs; 0 is what comes without a tag
	[ "$vlan" = 0 ] || ids='0 1 2'
	find_addresses 0 2
	peers=$addresses peer=${addresses%% *}
	find_addresses 0 1
	hosts=$addresses host=${addresses%% *}
	anew="Make it anew: $0 reset --name $env"
	broken=''
	[ "$ready" != 0 ] || broken='is half made: its setup did not end'
	[ "$ready" != - ] || broken='is a leftover: what was noted of it is lost'
	# A device whose address nobody chose gets another one from udev a moment later, and then the
	# static neighbours would be wrong.
	printf -v mac '02:ca:fe:00:%02x:0' "$num" # and 1 outside, 2 inside
	[ -f "$run/env/$env" ]
}

write_state() { # NUMBER IPV6 IPV4 VLAN READY [INDEX...]
	{ echo "$*" >"$run/env/$env"; } 2>/dev/null || cannot_note
	read_state
}

is_marked() { # WHAT-IP-SHOWS: does a device there carry our alias?
	[[ $1$'\n' == *"alias xdp-lab:$env"[\\$'\n']* ]]
}

is_there() { # DEVICE WHAT-IP-SHOWS: is it there, and ours? $part is what is said of it.
	part=''
	[[ ! $'\n'$2 =~ $'\n'([0-9]+": $1@"[^$'\n']*($'\n'\ [^$'\n']*)*) ]] || part=${BASH_REMATCH[1]}
	is_marked "$part"
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

find_broken() { # WHAT-IP-SHOWS: what is wrong with $env, in $broken; from inside no device is seen
	[ -n "$broken" ] || [ -e "/run/netns/$env" ] || broken='has lost its network namespace'
	is_there "$env" "$1" || [ -n "$broken$within" ] || broken='has lost its device'
}

must_stand() {
	find_broken "$(ask -d address show dev "$env")"
	[ -z "$broken" ] || die "environment '$env' $broken." "$anew"
}

# What is there of $env, and is it ours? $device and $netns get ours, theirs or nothing. A device
# that lost its mark, or has none yet, is told by the address that setup gave it; a namespace that
# is half made, by having nothing but lo in it.
look() {
	local id seen there # the namespace, if our device has its other end in it
	device='' netns='' inside=''
	outside=$(ask -o link show dev "$env") || :
	if is_marked "$outside" || [[ $ready$outside == [01]*" ${mac}1 "* ]]; then
		device=ours
	elif [ -n "$outside" ]; then
		device=theirs outside=''
	fi
	[[ $vlan$ready == 0[01] ]] || for id in 1 2; do # where nobody knows, the mark tells
		seen=$(ask -o link show dev "$env.$id") || :
		! is_marked "$seen" || vlan=1 outside+=$'\n'$seen
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

find_running() { # the processes inside, in $running
	local proc name
	running=()
	for proc in /proc/[0-9]*; do
		[ ! "$proc/ns/net" -ef "/run/netns/$env" ] || [ "$proc" = /proc/$$ ] ||
			! read -r name <"$proc/comm" || running+=("$name (pid ${proc##*/})")
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
	remove_pins # first, while the devices tell what libxdp pinned for them
	# A device whose other end is being taken away goes by itself, perhaps at this moment.
	while [ ${#todo[@]} -gt 0 ] && ! said=$(batch '' "${todo[@]}" 2>&1); do
		what=${todo[*]}
		find_todo
		[ "${todo[*]}" != "$what" ] || { printf '%s\n' "$said" >&2 && exit 1; }
	done
	[ -z "${said-}" ] || printf '%s\n' "$said" >&2 # what -v shows
	[ ${#running[@]} -eq 0 ] || printf 'Still running, now without a network: %s\n' "${running[@]}"
	rm -f "$run/env/$env"
}

# ---- Making

check_new() { # WHAT-IP-SHOWS: nothing of this name may exist
	local dev is
	find_known
	if read_state || is_known "$env" || [ -e "/run/netns/$env" ]; then
		anew+=${given[--legacy-ip]:+ --legacy-ip}${given[--vlan]:+ --vlan}
		look
		if [[ $device$netns == *ours* ]]; then
			must_stand
			die "environment '$env' exists already; its peer ip is $peer." \
				"Use it: $0 ping --name $env." "$anew"
		fi
		[ ! -f "$run/env/$env" ] || remove # by hand somebody has removed the rest
	fi
	[ ! -e "$run/env/$env" ] || die "$run/env/$env is no file, and testenv.sh did not make it." \
		"Choose another --name, or remove it."
	for dev in "$env" ${given[--vlan]:+"$env.1" "$env.2"}; do
		# What went by itself since then is not shown any more.
		[[ ! $1$'\n' =~ $'\n'([0-9]+": $dev"[@:]|\ +"altname $dev"$'\n') ]] ||
			! is=$(ask -br link show dev "$dev") ||
			die "there is a device '$dev' already. Choose another --name." "It is: $is"
	done
	[ ! -e "/run/netns/$env" ] ||
		die "there is a network namespace '$env', and testenv.sh did not make it. Choose another --name."
}

choose_number() { # WHAT-IP-SHOWS: the lowest that no environment and no address uses
	local name used=' ' six four=${given[--vlan]:+23}
	for name in "${known[@]}"; do
		! read -r num _ <"$run/env/$name" || used+="$num "
	done 2>/dev/null
	for num in $want {1..254}; do
		six=$num${given[--vlan]:+"|$((1000 + num))|$((2000 + num))"}
		[[ $used == *" $num "* || $1 =~ \ (fc00:dead:cafe:($six)::|10\.1[1$four]\.$num\.) ]] || return 0
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
		batch '' "link add link $env name $env.$id type vlan id $id" \
			"link set dev $env.$id alias xdp-lab:$env"
		batch "$env" "link add link veth0 name veth0.$id index $((id * 1000 + index)) type vlan id $id"
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
	local id dev address len other=$((3 - $2)) todo=("${@:4}")
	for id in $ids; do
		dev=$3.$id dev=${dev%.0}
		find_addresses "$id" "$2"
		for address in $addresses; do
			len=/24
			[[ $address != *:* ]] || len='/64 nodad'
			todo+=("address add dev $dev $address$len")
		done
		todo+=("link set dev $dev up")
		find_addresses "$id" "$other"
		for address in $addresses; do
			todo+=("neighbour add $address lladdr $mac$other dev $dev nud permanent")
		done
	done
	batch "$1" "${todo[@]}"
}

make_env() { # WHAT-IP-SHOWS: an environment $env that nothing stands in the way of
	local id index
	choose_number "$1"
	making=1 # from here on whatever ends this script removes it
	write_state "$num" 1 "${given[--legacy-ip]:-0}" "${given[--vlan]:-0}" 0
	make_pair
	tune veth0 nsenter "--net=/run/netns/$env"
	tune "$env"
	raise "$env" 2 veth0 "link set dev lo up alias xdp-lab:$env"
	raise '' 1 "$env"
	for id in '' .1 .2; do
		{ read -r index <"/sys/class/net/$env$id/ifindex" && indexes+=" $index"; } 2>/dev/null || :
	done
	write_state "$num" "$ipv6" "$ipv4" "$vlan" "1$indexes"
	{ echo "$env" >"$run/current"; } 2>/dev/null || cannot_note
}
