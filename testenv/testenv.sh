#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# testenv.sh: networks to play in, each made of a pair of virtual Ethernet devices (veth).
#
#            this machine                    network namespace NAME
#   .----------------------------.       .----------------------------.
#   |              device NAME  <+-------+>  device veth0             |
#   |     fc00:dead:cafe:N::1    |       |   fc00:dead:cafe:N::2      |
#   '----------------------------'       '----------------------------'
#
# What one end sends, the other end receives. XDP sees what a device receives: a program on NAME
# sees the packets that come from inside.

set -eu
umask 022
PATH=$PATH:/usr/sbin:/sbin

cmd='' env='' loader='' verbose='' all='' set_legacy='' set_vlan='' making='' want=''
commands='setup teardown reset enter exec ping status list load unload stats tcpdump alias help'
options='--name --gen-new --legacy-ip --vlan --loader --all --verbose --help'
typed=("$@")

here=$0
[ ! -L "$0" ] || here=$(readlink -f -- "$0")
[[ $here == */* ]] || here=./$here
# shellcheck source=testenv/network.sh
. "${here%/*}/network.sh"

usage() {
	cat <<-END
		Usage: $0 COMMAND [--name NAME] [OPTION...] [-- ARG...]

		Networks to play in: a device NAME here, its peer veth0 in a network namespace NAME.

		  setup      make an environment (without --name it gets a name) and ping it
		  teardown   remove it, and what the lab's loaders pinned for its devices
		  reset      teardown, and setup with the same settings
		  enter      a shell inside
		  exec       run a command inside: exec ip address
		  ping       ping the outer end from inside, until ^C; ARGs go to ping (-- -c 3)
		  tcpdump    tcpdump inside, on veth0; ARGs go to tcpdump
		  load       attach a program to the outer end with this directory's loader, which gets ARGs
		  unload     detach it (all there are, unless ARGs say which)
		  stats      watch counters with this directory's ./xdp_stats, which gets ARGs
		  status     what there is, what is attached, pinned and running
		  list       a line for each environment; * marks the one used last
		  alias      eval \$($0 alias)   makes t a short form of this script

		  -n, --name NAME     the environment; without it, the one used last
		  -g, --gen-new       setup: make up a name (it does without --name, too)
		  --legacy-ip         setup: IPv4 as well; ping: use it
		  --vlan              setup: VLANs 1 and 2 on top
		  -l, --loader PROG   load, unload: use this loader
		  --all               teardown: every environment
		  -v, --verbose       print the commands that are run, so that you can type them
		  -h, --help          this text

		Addresses of environment number N; the outer end is 1, the inner end 2:
		  fc00:dead:cafe:N::/64   with --legacy-ip also 10.11.N.0/24
		  on VLAN 1   fc00:dead:cafe:(1000+N)::/64   10.12.N.0/24
		  on VLAN 2   fc00:dead:cafe:(2000+N)::/64   10.13.N.0/24
	END
}

die() { # WHAT [MORE...]: a message, further lines indented; exit status 1
	printf 'testenv.sh: %s\n' "$1" >&2
	shift
	[ $# -eq 0 ] || printf '  %s\n' "$@" >&2
	exit 1
}

wrong() { # WHAT: the command line is wrong
	printf 'testenv.sh: %s\n  Commands and options: %s --help\n' "$1" "$0" >&2
	exit 2
}

check_name() {
	local why=''
	case $1 in
	'') why='it is empty' ;;
	-* | .*) why='it begins with a dash or a dot' ;;
	*[!A-Za-z0-9._-]*) why='only letters, digits, dot, dash and underscore can be used' ;;
	all | default | lo | ip | tc | xdp | globals) why='the system uses this name itself' ;;
	*.veth0*) why='.veth0 stands for the inside of an environment' ;;
	esac
	[ ${#1} -le 15 ] || why="it has ${#1} characters, and a device's name at most 15"
	[ -z "$why" ] || wrong "'$1' cannot be the name of an environment: $why."
}

none() { # there is no such environment
	find_known
	# shellcheck disable=SC2016 # the quotes are printed
	die "there is no environment${env:+ '$env'}." \
		"${known[*]:+These exist: ${known[*]}. }Make one: $0 setup --name ${env:-veth-basic02}"
}

use() { # find the environment that the command is about, and remember it as the one used last
	find_known
	if [ -z "$env" ] && [ -f "$run/current" ]; then
		read -r env <"$run/current" || :
		[ -f "$run/env/$env" ] || env=''
	fi
	[ -n "$env" ] || [ ${#known[@]} -ne 1 ] || env=${known[0]}
	[ -n "$env" ] || [ ${#known[@]} -eq 0 ] ||
		die 'which environment? The one used last is gone.' "Say --name and one of: ${known[*]}"
	[ -n "$env" ] || none
	check_name "$env"
	read_state "$env" || [ "$cmd" = teardown ] || none
	[[ ! $cmd =~ ^(teardown|reset|status)$ ]] || return 0
	[ "$ready" = 1 ] || die "environment '$env' is half made: its setup did not end." \
		"Make it anew: $0 reset --name $env"
	[ -e "/run/netns/$env" ] || die "environment '$env' has lost its network namespace." \
		"Make it anew: $0 reset --name $env"
	echo "$env" >"$run/current"
}

# shellcheck disable=SC2317 # the EXIT trap
undo() { # however setup ends before the environment stands: nothing is left
	local status=$?
	trap '' INT TERM HUP PIPE
	[ -n "$making" ] || exit "$status"
	lock
	if remove >&2; then
		echo "testenv.sh: setup of '$env' did not end; nothing of it is left." >&2
	else
		echo "testenv.sh: something of '$env' is left; try: $0 teardown --name $env" >&2
	fi
	exit "$status"
}

first_ping() { # until the other end answers, three seconds at most
	local said what end=$((SECONDS + 3))
	show nsenter "--net=/run/netns/$env" ping -c 1 -W 1 "$host"
	printf 'Running ping from inside test environment:\n\n'
	until said=$(nsenter "--net=/run/netns/$env" ping -c 1 -W 1 "$host" 2>&1); do
		[ "$SECONDS" -lt "$end" ] && sleep 0.02 && continue
		making='' # it stands, to be looked at
		printf '%s\n' "$said"
		for what in link address neighbour route '-6 route'; do
			printf '\n  ip %s show dev %s, then the same inside for veth0:\n' "$what" "$env"
			# shellcheck disable=SC2086 # two words
			ip $what show dev "$env" 2>&1 || :
			# shellcheck disable=SC2086
			ip -n "$env" $what show dev veth0 2>&1 || :
		done
		die "'$env' is made, but $host does not answer; above is what the kernel knows." \
			"Often a firewall here drops what a new device receives; allow $env: nft list ruleset" \
			"Then try again: $0 ping --name $env. Or remove it: $0 teardown --name $env"
	done
	printf '%s\n\n' "$said"
}

setup() {
	local seen
	while [ -z "$env" ]; do
		printf -v env 'xdplab-%04x' "$RANDOM"
		[ ! -e "$run/env/$env" ] || env=''
	done
	[ -z "$set_vlan" ] || [ ${#env} -le 13 ] ||
		wrong "'$env' is too long for --vlan: the VLAN devices are called $env.1 and $env.2."
	command -v ethtool >/dev/null ||
		echo 'Note: ethtool is missing, so offloads stay on. On Debian: apt install ethtool' >&2
	lock
	seen=$'\n'$(ask address show)
	check_new "$seen"
	echo "Setting up new environment '$env'"
	make_env "$seen" "${set_legacy:-0}" "${set_vlan:-0}"
	exec 9>&- # unlock
	first_ping
	making=''
	[ "$ipv6$v4" != 11 ] || peer="$in6 and $in4"
	echo "Setup environment '$env' with peer ip $peer."
}

teardown() {
	[ -n "$all" ] || use
	trap '' INT TERM HUP # what is begun here takes a moment and is done whole
	lock
	find_known
	[ -n "$all" ] || known=("$env")
	for env in "${known[@]}"; do
		read_state "$env" || own_device || own_netns || none
		echo "Tearing down environment '$env'"
		remove
	done
}

reset() {
	use
	want=$num set_legacy=${set_legacy:-$legacy} set_vlan=${set_vlan:-${vlan#0}}
	lock
	echo "Tearing down environment '$env'"
	remove
	setup
}

inside() { # COMMAND...: become it, in the network inside; /sys, and so /sys/fs/bpf, stay as they are
	show nsenter "--net=/run/netns/$env" "$@"
	exec nsenter "--net=/run/netns/$env" "$@"
}

enter() {
	use
	[ -t 0 ] || inside bash
	inside bash --rcfile <(echo "[ ! -f ~/.bashrc ] || . ~/.bashrc; PS1=\"[$env] \${PS1-}\"")
}

run_ping() {
	use
	[ -z "$set_legacy" ] || host=$out4
	[ -z "$set_legacy" ] || [ "$v4" = 1 ] || die "'$env' has no IPv4 addresses." \
		"Make it anew with them: $0 reset --legacy-ip --name $env"
	printf 'Running ping from inside test environment:\n\n'
	inside ping "$host" "$@"
}

load() {
	local prog
	use
	for prog in ./xdp_loader ./xdp_load_and_stats ./xdp_pass_user; do
		[ -n "$loader" ] || [ ! -x "$prog" ] || loader=$prog
	done
	[ -n "$loader" ] || die 'there is no loader in this directory.' \
		'Go to a lesson and build it (cd basic02-prog-by-name && make), or say --loader PROG.'
	show "$loader" --dev "$env" "$@"
	exec "$loader" --dev "$env" "$@"
}

unload() {
	if [ $# -eq 0 ]; then
		load --unload-all
	else
		load --unload "$@"
	fi
}

stats() {
	[ -x ./xdp_stats ] || die 'there is no xdp_stats in this directory.' \
		'The first lesson that has one is basic04: cd basic04-pinning-maps && make'
	loader=./xdp_stats
	load "$@"
}

end_status() { # WHERE DEVICE WHAT-IP-SHOWS ADDRESSES
	local is='down' prog='no XDP program'
	[[ $3 != *[\<,]UP[,\>]* ]] || is=up
	[[ ! $3 =~ \ (xdp[a-z]*)[/\ ].*prog/xdp\ id\ ([0-9]+)(\ name\ ([^ ]+))? ]] ||
		prog="XDP program id ${BASH_REMATCH[2]}${BASH_REMATCH[4]:+, ${BASH_REMATCH[4]}} (${BASH_REMATCH[1]})"
	[ -n "$3" ] || is="not to be seen$([ "$EUID" -eq 0 ] || echo ' without root')" prog=''
	echo "  $1  $2  $4  $is${prog:+, $prog}"
}

status() {
	local dir pin
	find_known
	if [ ${#known[@]} -gt 0 ] || [ -n "$env" ]; then
		use
		link=$(ask -o link show dev "$env") || :
		inner=$(ask -n "$env" -o link show dev veth0) || :
		echo "Environment '$env', number ${num:-unknown}:"
		[ "$ipv6$v4" != 11 ] || host="$out6 $out4" peer="$in6 $in4"
		end_status outside "$env" "$link" "$host"
		end_status 'inside ' veth0 "$inner" "$peer"
		find_pin_dirs
		for dir in "${pin_dirs[@]}"; do
			for pin in "$dir"/*; do
				[ ! -e "$pin" ] || echo "  pinned   $pin"
			done
		done
		find_running
		[ ${#running[@]} -eq 0 ] || printf '  running  %s\n' "${running[@]}"
		echo 'All environments (* is the one used last):'
	fi
	list
}

list() {
	local last='' links mark what
	find_known
	[ ${#known[@]} -gt 0 ] || echo "There is no environment. Make one: $0 setup --name veth-basic02"
	[ ! -f "$run/current" ] || read -r last <"$run/current" || :
	links=$'\n'$(ask -br link show type veth) || :
	for env in "${known[@]}"; do
		read_state "$env" || continue
		mark=' ' what="$host outside, $peer inside"
		[ "$env" != "$last" ] || mark='*'
		[[ $links == *$'\n'"$env@"* ]] || what="its device is gone. Make it anew: $0 reset --name $env"
		[ "$ready" = 1 ] || what="half made. Make it anew: $0 reset --name $env"
		printf '%s %-15s  %s\n' "$mark" "$env" "$what"
	done
}

# eval $(testenv.sh alias) splits the line at blanks and expands patterns, so a path that has such
# characters is written with escapes.
print_alias() {
	local path sudo='' word='' i LC_ALL=C
	path=$(readlink -f -- "$0")
	[ "$EUID" -eq 0 ] || sudo='sudo '
	if [[ $path == *[!A-Za-z0-9/._-]* ]]; then
		printf -v path '%s%q' "$sudo" "$path"
		for ((i = 0; i < ${#path}; i++)); do
			printf -v word '%s\\x%02x' "$word" "'${path:i:1}"
		done
		echo "alias t=\$'$word'"
	else
		echo "alias t='$sudo$path'"
	fi
	[ ! -t 1 ] || echo "To make this shell know it, type: eval \$($0 alias)" >&2
}

unknown() { # KIND WORD KNOWN...: a word that means nothing, and the known one that begins like it
	local kind=$1 word=$2 len other
	shift 2
	for ((len = ${#word}; len > 1; len--)); do
		for other; do
			[[ ${word:0:len} == -- || $other != "${word:0:len}"* ]] ||
				wrong "unknown $kind '$word'. Did you mean $other?"
		done
	done
	wrong "unknown $kind '$word'."
}

needs() { # [TOOL PACKAGE]...
	while [ $# -gt 0 ]; do
		command -v "$1" >/dev/null || die "$1 is missing. On Debian: apt install $2"
		shift 2
	done
}

while [ $# -gt 0 ]; do
	case $1 in
	--name | -n | --loader | -l) [ $# -gt 1 ] || wrong "$1 needs a value." ;;
	esac
	case $1 in
	--)
		shift
		break
		;;
	--name=* | --loader=*)
		set -- "${1%%=*}" "${1#*=}" "${@:2}"
		continue
		;;
	-n | --name)
		check_name "$2"
		env=$2
		shift
		;;
	-l | --loader)
		loader=$2
		shift
		;;
	-g | --gen-new) ;; # what setup does without --name
	--legacy-ip) set_legacy=1 ;;
	--vlan) set_vlan=1 ;;
	--all) all=1 ;;
	-v | --verbose) verbose=1 ;;
	-h | --help) cmd=help ;;
	-*)
		[[ ! $cmd =~ ^(ping|tcpdump|load|unload|stats)$ ]] ||
			wrong "unknown option '$1'. What $cmd itself is to get stands after --: $cmd -- $*"
		# shellcheck disable=SC2086 # a list
		unknown option "$1" $options
		;;
	*)
		[ "$cmd" != exec ] || break
		[ "$cmd" != help ] || break
		[ -z "$cmd" ] || wrong "'$1' is one word too many. What $cmd itself is to get stands after --."
		cmd=$1
		;;
	esac
	shift
done

case $cmd in
'')
	usage >&2
	exit 2
	;;
help)
	usage
	exit
	;;
st) cmd=status ;;
esac
# shellcheck disable=SC2086 # a list
[[ " $commands " == *" $cmd "* ]] || unknown command "$cmd" $commands
[ $# -eq 0 ] || [[ $cmd =~ ^(exec|ping|tcpdump|load|unload|stats)$ ]] ||
	wrong "'$1' is one word too many: $cmd takes nothing after --."
[ $# -gt 0 ] || [ "$cmd" != exec ] || wrong 'exec needs a command: exec ip address'
needs ip iproute2

case $cmd in
alias)
	print_alias
	exit
	;;
status | list)
	"$cmd"
	exit
	;;
esac

printf -v sudo ' %q' "$0" "${typed[@]}"
[ "$EUID" -eq 0 ] || die "$cmd needs root. Type: sudo$sudo"
needs nsenter util-linux flock util-linux ping iputils-ping
find_known
for name in "${known[@]}"; do
	[[ ! /proc/self/ns/net -ef /run/netns/$name || $cmd =~ ^(enter|exec|ping|tcpdump)$ ]] ||
		die "this shell is inside '$name', and $cmd works from outside. Leave it first: exit"
done

trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
trap 'exit 141' PIPE
case $cmd in
exec)
	use
	inside "$@"
	;;
tcpdump)
	needs tcpdump tcpdump
	use
	inside tcpdump -l -n -e -i veth0 "$@"
	;;
ping) run_ping "$@" ;;
*) "$cmd" "$@" ;;
esac
