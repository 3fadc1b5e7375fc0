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

set -eu +Cfk +o posix # and what else a shell may have exported
shopt -u dotglob failglob localvar_inherit nocaseglob nocasematch xpg_echo
shopt -s nullglob
unset GLOBIGNORE
umask 022
export PATH="$PATH:/usr/sbin:/sbin"
typed=("$@") cmd='' about='' making='' want='' lost='' code=1
declare -A given=() # the options: ${given[--name]}, ${given[--vlan]}

# This is also the table of what there is, and all else is refused: an option takes a value if a word
# in capitals follows it, and is for all commands, or those before a colon; ARGs are for those whose
# line speaks of them.
IFS='' read -rd '' help <<-END || :
	Usage: $0 COMMAND [--name NAME] [OPTION...] [-- ARG...]

	Networks to play in: a device NAME here, its peer veth0 in a network namespace NAME.

	  setup      make an environment (without --name it gets a name) and ping it
	  teardown   remove it, and what the lab's loaders pinned for its devices
	  reset      teardown, and setup with the same settings
	  enter      a shell inside
	  exec       run the command ARGs inside: exec ip address
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
	      --legacy-ip     setup, reset: IPv4 as well; ping: use it
	      --vlan          setup, reset: VLANs 1 and 2 on top
	  -l, --loader PROG   load, unload: use this loader
	      --all           teardown: every environment
	  -v, --verbose       print the commands that are run, so that you can type them
	  -h, --help          this text

	Addresses of environment number N; the outer end is 1, the inner end 2:
	    fc00:dead:cafe:N::/64   with --legacy-ip also 10.11.N.0/24
	    on VLAN 1   fc00:dead:cafe:(1000+N)::/64   10.12.N.0/24
	    on VLAN 2   fc00:dead:cafe:(2000+N)::/64   10.13.N.0/24
END

here=$0
[ ! -L "$0" ] || here=$(readlink -f -- "$0")
[[ $here == */* ]] || here=./$here
# shellcheck source=testenv/network.sh
. "${here%/*}/network.sh"

show() { # COMMAND...: with -v print it
	[ -z "$verbose" ] || printf '%s\n' "$*" >&2
}

die() { # WHAT [MORE...]: a message, further lines indented; exit status 1, or $code
	set -- "${@/#/  }"
	printf '%s\n' "testenv.sh:${1# }" "${@:2}" >&2
	exit "$code"
}

wrong() { # WHAT: the command line is wrong
	code=2 die "$1" "Commands and options: $0 --help"
}

unknown() { # KIND WORD: it means nothing; is there one that begins like it?
	local len
	for ((len = ${#2}; len > 1; len--)); do
		[[ ${2:0:len} == -- || ! $help =~ $'\n  '(-.,\ |\ *)("${2:0:len}"[^\ ,]*)[\ ,] ]] ||
			wrong "unknown $1 '$2'. Did you mean ${BASH_REMATCH[2]}?"
	done
	wrong "unknown $1 '$2'."
}

none() { # there is no environment of that name
	die "there is no environment${env:+" '$env'"}." \
		"${known[*]:+These exist: ${known[*]}. }Make one: $0 setup --name ${env:-veth-basic02}"
}

use() { # find the environment that the command is about, and remember it as the one used last
	[ -n "$env" ] || env=$within
	[ -n "$env" ] || [ ! -f "$run/current" ] || read -r env <"$run/current" || :
	is_known "$env" || env=${given[--name]-}
	[ -n "$env" ] || [ ${#known[@]} -ne 1 ] || env=${known[0]}
	[ -n "$env" ] || [ ${#known[@]} -eq 0 ] ||
		die 'which environment? The one used last is gone.' "Say --name and one of: ${known[*]}"
	[ -n "$env" ] || none
	read_state || is_known "$env" || [[ $cmd =~ ^(teardown|reset)$ ]] || none
	[[ ! $cmd =~ ^(teardown|reset|status)$ ]] || return 0
	must_stand
	{ echo "$env" >"$run/current"; } 2>/dev/null || :
}

inside() { # COMMAND...: become it, in the network inside; /sys, and so /sys/fs/bpf, stay as they are
	show nsenter "--net=/run/netns/$env" "$@"
	exec nsenter "--net=/run/netns/$env" "$@"
}

# ---- The commands

# shellcheck disable=SC2317 # the EXIT trap
undo() { # however setup ends before the environment stands: nothing is left
	local status=$? left='nothing of it is left.'
	trap '' HUP INT PIPE TERM
	[ -n "$making" ] || exit "$status"
	lock
	(remove) >&2 || left="something of it is left; try: $0 teardown --name $env"
	echo "testenv.sh: setup of '$env' did not end; $left" >&2
	exit "$status"
}

setup() {
	local seen
	while [ -z "$env" ]; do
		printf -v env 'xdplab-%04x' "$RANDOM"
		[ ! -e "$run/env/$env" ] || env=''
	done
	trap undo EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM
	lock
	seen=$'\n'$(ask address show) || die 'ip address show does not work here.'
	check_new "$seen"
	echo "Setting up new environment '$env'"
	make_env "$seen"
	exec 9>&- # unlock
	first_ping
	trap '' HUP INT TERM # it is done: this must not end as if it were not
	making=''
	echo "Setup environment '$env' with peer ip ${peers/ / and }."
}

first_ping() { # until the other end answers, three seconds at most
	local said end=$((SECONDS + 3))
	printf 'Running ping from inside test environment:\n\n'
	show nsenter "--net=/run/netns/$env" ping -c 1 -W 1 "$host"
	until said=$(nsenter "--net=/run/netns/$env" ping -c 1 -W 1 "$host" 2>&1); do
		[ "$SECONDS" -lt "$end" ] && sleep 0.02 && continue
		making='' # it stands, to be looked at
		printf '%s\n' "$said"
		show_network
		die "'$env' is made, but $host does not answer; above is what the kernel knows." \
			"Often a firewall here drops what a new device receives; allow $env: nft list ruleset" \
			"Then try again: $0 ping --name $env. Or remove it: $0 teardown --name $env"
	done
	printf '%s\n\n' "$said"
}

teardown() {
	[ -n "${given[--all]-}" ] || use
	trap '' HUP INT TERM # what is begun here takes a moment and is done whole
	lock
	find_known
	set -- "$env"
	[ -z "${given[--all]-}" ] || set -- "${known[@]}"
	[ $# -gt 0 ] || echo 'There is no environment.'
	for env; do
		read_state || { look && [[ $device$netns == *ours* ]]; } || none
		echo "Tearing down environment '$env'"
		remove
	done
}

reset() {
	teardown
	want=${num#0} # 0: nobody knows
	[ "$ipv6$ipv4" != 11 ] || given[--legacy-ip]=1
	[ "$vlan" = 0 ] || given[--vlan]=1
	setup
}

load() { # [ARG...]: become the loader that is meant
	local loader=${given[--loader]-} or=' Or say --loader PROG.'
	local lesson=$'\nPROGS := ([^ \n]+).*/lesson.mk' # in its Makefile
	[ "$cmd" != stats ] || loader=./xdp_stats or=''
	[[ -n $loader || ! -f Makefile || ! $(<Makefile) =~ $lesson ]] || loader=./${BASH_REMATCH[1]}
	[ -n "$(type -P -- "$loader")" ] || die "there is no ${loader:-loader in this directory}." \
		"Go to a lesson and build it: cd basic04-pinning-maps && make.$or"
	show "$loader" --dev "$env" "$@"
	exec "$loader" --dev "$env" "$@"
}

show_end() { # WHERE END DEVICE [IP-OPTION...]: one end (1 outside, 2 inside), with its VLANs
	local id dev is mode prog seen address has
	for id in $ids; do
		dev=$3.$id dev=${dev%.0} is=down mode=native prog='no XDP program' has=''
		seen=$(ask "${@:4}" -d address show dev "$dev") || :
		[ "$2" = 2 ] || is_there "$dev" "$seen" || seen=''
		[[ $seen != *[\<,]UP[,\>]* ]] || is=up
		[[ $seen != *' xdpgeneric/'* ]] || mode=skb
		[[ ! $seen =~ \ prog/xdp\ id\ ([0-9]+)(\ name\ ([^\ ]+))? ]] ||
			prog="XDP program id ${BASH_REMATCH[1]}${BASH_REMATCH[3]:+, ${BASH_REMATCH[3]}} ($mode)"
		[ -n "$seen" ] || is="not to be seen$unseen" prog=''
		find_addresses "$id" "$2"
		for address in $addresses; do
			[[ -z $seen || $seen == *" $address/"* ]] || lost=1 address="no $address"
			has+="$address  "
		done
		printf '  %s  %-15s  %s%s\n' "$1" "$dev" "$has" "$is${prog:+, $prog}"
	done
}

status() {
	if [ ${#known[@]} -gt 0 ] || [ -n "$env" ]; then
		use
		echo "Environment '$env', number ${num/#0/unknown}:"
		show_end outside 1 "$env"
		show_end 'inside ' 2 veth0 -n "$env"
		find_pins
		find_running
		printf '%s\n' ${lost:+"  An address is missing. $anew"} "${pins[@]/#/  pinned   }" \
			"${running[@]/#/  running  }" 'All environments (* is the one used last):'
	fi
	list
}

list() {
	local last='' mark what seen
	seen=$(ask -d address show) || :
	[ ${#known[@]} -gt 0 ] || echo "There is no environment. Make one: $0 setup --name veth-basic02"
	[ ! -f "$run/current" ] || read -r last <"$run/current" || :
	for env in "${known[@]}"; do
		read_state || :
		find_broken "$seen"
		mark=' ' what="$host outside, $peer inside"
		[ "$env" != "$last" ] || mark='*'
		[[ -n $within || $part == *" $host/"* ]] || what="has lost its address. $anew"
		[ -z "$broken" ] || what="$broken. $anew"
		printf '%s %-15s  %s\n' "$mark" "$env" "$what"
	done
}

# eval $(testenv.sh alias) splits what comes at blanks and expands patterns in it: a path that has
# such characters is written in octal numbers, for printf, which every shell has.
print_alias() {
	local path t sudo=''
	path=$(readlink -f -- "$0")
	[ "$EUID" -eq 0 ] || sudo='sudo '
	t="'$sudo$path'"
	# shellcheck disable=SC2016 # whoever evals it expands it
	[[ $path != *[!A-Za-z0-9/._-]* ]] || t='"$(printf %b '\'$(
		printf %s "$sudo'${path//\'/\'\\\'\'}'" | od -An -v -t o1 | sed 's/ /\\0/g' | tr -d '\n'
	)\'')"'
	echo "alias t=$t"
	[ ! -t 1 ] || echo "To make this shell know it, type: eval \$($0 alias)" >&2
}

# ---- What was typed

while [ $# -gt 0 ] && [ "$1" != -- ]; do
	case $1 in
	-?*)
		option=${1%%=*}
		[[ ! $help =~ $'\n'"  $option, "(--[^\ ]+) ]] || option=${BASH_REMATCH[1]}
		if [[ ! $help =~ $'\n  '(-.,\ |\ +)"$option"(\ [A-Z]+)?\ \  ]]; then
			[[ $about != *ARG* ]] ||
				wrong "unknown option '$1'. What $cmd itself is to get stands after --: $cmd -- $*"
			unknown option "$1"
		elif [ -z "${BASH_REMATCH[2]}" ]; then
			[[ $1 != *=* ]] || wrong "$option takes no value."
			given[$option]=1
		elif [[ $1 == *=* ]]; then
			given[$option]=${1#*=}
		else
			[ $# -gt 1 ] || wrong "$1 needs a value."
			given[$option]=$2
			shift
		fi
		;;
	*)
		[[ $cmd != exec && $cmd != help ]] || break
		hint=" Did you mean --name $1?"
		[[ ! $cmd =~ ^(list|alias)$ ]] || hint=''
		[[ $about != *ARG* ]] || hint=" What $cmd itself is to get stands after --."
		[ -z "$cmd" ] || wrong "'$1' is one word too many.$hint"
		cmd=$1
		[ "$cmd" != st ] || cmd=status
		[[ $help =~ $'\n'"  $cmd  "([^$'\n']*) || $cmd == help ]] || unknown command "$cmd"
		about=${BASH_REMATCH[1]-}
		;;
	esac
	shift
done
[ "${1-}" != -- ] || shift

[[ $cmd != help && ! -v given[--help] ]] || { printf %s "$help" && exit; }
[ -n "$cmd" ] || { printf %s "$help" >&2 && exit 2; }
for option in "${!given[@]}"; do
	[[ $help =~ $'\n  '(-.,\ |\ +)"$option"(\ [A-Z]+)?\ \ ([^$'\n']*) ]]
	[[ (${BASH_REMATCH[3]} != *:* || \ ${BASH_REMATCH[3]} =~ \ $cmd(,[^:\;]*)?:) &&
		! $option$cmd =~ ^--name(list|alias)$ ]] || wrong "$cmd has no option $option."
	[[ $option != --@(all|gen-new) || ! -v given[--name] ]] ||
		wrong "$option and --name contradict each other."
done
[[ $# -eq 0 || $about == *ARG* ]] || wrong "'$1' is one word too many: $cmd takes nothing after --."
[ $# -gt 0 ] || [ "$cmd" != exec ] || wrong 'exec needs a command: exec ip address'
env=${given[--name]-} verbose=${given[--verbose]-}
[[ ! -v given[--name] ]] || check_name
find_known
for tool in ip:iproute2 nsenter:util-linux flock:util-linux ping:iputils-ping tcpdump:tcpdump; do
	[[ $tool == tcpdump* && $cmd != tcpdump ]] || command -v "${tool%:*}" >/dev/null ||
		die "${tool%:*} is missing. On Debian: apt install ${tool#*:}"
done
within='' unseen='' # the environment whose network this shell is in; and what hides devices
[ "$EUID" -eq 0 ] || unseen=' without root'
for name in "${known[@]}"; do
	[ ! /proc/self/ns/net -ef "/run/netns/$name" ] || within=$name unseen=' from inside'
done
if [[ ! $cmd =~ ^(status|list|alias)$ ]]; then
	printf -v sudo ' %q' "$0" "${typed[@]}"
	[ "$EUID" -eq 0 ] || die "$cmd needs root. Type: sudo$sudo"
	[[ -z $within || $cmd =~ ^(enter|exec|ping|tcpdump)$ ]] ||
		die "this shell is inside '$within', and $cmd works from outside. Leave it first: exit"
fi

[[ ! $cmd =~ ^(enter|exec|ping|tcpdump|load|unload|stats)$ ]] || use
case $cmd in
enter)
	[ -t 0 ] || inside bash
	rc="[ ! -f ~/.bashrc ] || . ~/.bashrc; PS1=\"[$env] \${PS1-}\""
	inside bash --rcfile <(echo "$rc" && print_alias)
	;;
exec) inside "$@" ;;
tcpdump) inside tcpdump -l -n -e -i veth0 "$@" ;;
ping)
	[ -z "${given[--legacy-ip]-}" ] || host=${hosts##* }
	[[ -z ${given[--legacy-ip]-} || $ipv4 = 1 ]] || die "'$env' has no IPv4 addresses." \
		"Make it anew with them: $0 reset --legacy-ip --name $env"
	printf 'Running ping from inside test environment:\n\n'
	inside ping "$host" "$@"
	;;
unload)
	[ $# -eq 0 ] || load --unload "$@"
	load --unload-all
	;;
load | stats) load "$@" ;;
alias) print_alias ;;
*) "$cmd" ;;
esac
