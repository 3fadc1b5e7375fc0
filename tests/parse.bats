#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 22
# time limit: 300
# sanitizers: too
#
# packet01's loader: the list of ports that it changes while packets come, and what it says.

# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats: a test is a function; cd stops it
load helpers

setup_file() {
	in_private_world
	compile_bpf other_ports
	"$LAB_TREE/testenv/testenv.sh" setup --name left --legacy-ip
	"$LAB_TREE/testenv/testenv.sh" setup --name right
}

teardown_file() {
	"$LAB_TREE/testenv/testenv.sh" teardown --all
}

setup() {
	cd "$LAB_TREE/packet01-parsing"
	parse=$PWD/parse_user
}

teardown() {
	"$parse" --dev left --unload-all --quiet
	"$parse" --dev right --unload-all --quiet
}

inside() { # COMMAND...: at the other end of the cable
	"$LAB_TREE/testenv/testenv.sh" exec --name left -- "$@"
}

datagram() { # ADDRESS PORT: seven bytes
	inside bash -c "printf abcdefg >/dev/udp/$1/$2" || :
}

ports() { # what --ports --json says, on one line
	"$parse" --dev "${1-left}" --ports --json | xargs
}

connects() { # ADDRESS PORT: is there an answer, be it a refusal?
	local said
	said=$(inside timeout 0.5 bash -c ": >/dev/tcp/$1/$2" 2>&1) || :
	[[ $said == *refused* ]]
}

is_silent() { # ADDRESS PORT
	! connects "$@"
}

@test "blocked from the first packet on: UDP and TCP, IPv4 and IPv6, counted to the byte" {
	works 'name:xdp_port_drop ' -- "$parse" --dev left xdp_port_drop
	works 'No port is blocked.' -- "$parse" --dev left --ports
	connects 10.11.1.1 4242
	works 'port 4242 is blocked' -- "$parse" --dev left --block 4242
	datagram 10.11.1.1 4242
	[ "$(ports)" = '{port:4242,packets:1,bytes:49}' ]
	datagram fc00:dead:cafe:1::1 4242
	[ "$(ports)" = '{port:4242,packets:2,bytes:118}' ]
	datagram 10.11.1.1 4243
	[ "$(ports)" = '{port:4242,packets:2,bytes:118}' ]
	is_silent 10.11.1.1 4242
	is_silent fc00:dead:cafe:1::1 4242
	connects 10.11.1.1 4243
	connects fc00:dead:cafe:1::1 4243
	works ' PORT      PACKETS          BYTES' ' 4242            4 ' -- "$parse" --dev left --ports
	works 'port 4242 passes' -- "$parse" --dev left --unblock 4242
	connects 10.11.1.1 4242
	connects fc00:dead:cafe:1::1 4242
	[ -z "$(ports)" ]
}

@test "of a datagram in fragments, the first one goes; a ping in fragments passes" {
	works -- "$parse" --dev left xdp_port_drop
	works -- "$parse" --dev left --block 4242
	inside bash -c 'head -c 3000 /dev/zero >/dev/udp/10.11.1.1/4242'
	[ "$(ports)" = '{port:4242,packets:1,bytes:1514}' ]
	inside ping -q -c 1 -W 1 -s 3000 10.11.1.1
	inside ping -q -c 1 -W 1 -s 3000 fc00:dead:cafe:1::1
}

@test "xdp_tcp_drop drops TCP of both families, and nothing else" {
	connects 10.11.1.1 4242
	works 'name:xdp_tcp_drop ' -- "$parse" --dev left
	is_silent 10.11.1.1 4242
	is_silent fc00:dead:cafe:1::1 4242
	inside ping -q -c 1 -W 1 10.11.1.1
	inside ping -q -c 1 -W 1 fc00:dead:cafe:1::1
	inside ping -q -c 1 -W 1 -s 3000 fc00:dead:cafe:1::1
}

@test "a list for each device, which ends with the program" {
	works -- "$parse" --dev left xdp_port_drop
	works -- "$parse" --dev right xdp_port_drop
	works -- "$parse" --dev left --block 22
	works -- "$parse" --dev right --block 23,24
	[ "$(ports left)" = '{port:22,packets:0,bytes:0}' ]
	[ "$(ports right)" = '{port:23,packets:0,bytes:0} {port:24,packets:0,bytes:0}' ]
	works -- "$parse" --dev left -U
	works -- "$parse" --dev left xdp_port_drop
	[ -z "$(ports left)" ]
	[ "$(ports right)" = '{port:23,packets:0,bytes:0} {port:24,packets:0,bytes:0}' ]
}

@test "blocking what is blocked keeps the count; unblocking what is not harms nothing" {
	works -- "$parse" --dev left xdp_port_drop
	works -- "$parse" --dev left --block 4242
	datagram 10.11.1.1 4242
	works 'port 4242 was blocked already' 'port 1 is blocked' -- "$parse" --dev left --block 4242,1
	[ "$(ports)" = '{port:1,packets:0,bytes:0} {port:4242,packets:1,bytes:49}' ]
	works 'port 2 was not blocked' 'port 1 passes' -- "$parse" --dev left --unblock=2,1
	[ "$(ports)" = '{port:4242,packets:1,bytes:49}' ]
	works 'port 3 is blocked' 'port 4242 passes' '    3            0              0' \
		-- "$parse" --dev left --block 3 --unblock 4242 --ports
}

@test "the smallest and the largest port, 1024 of them, and one too many" {
	works -- "$parse" --dev left xdp_port_drop
	works -- "$parse" --dev left --block "65535,$(seq -s, 1 1023)" --quiet
	[ "$("$parse" --dev left --ports --json | wc -l)" -eq 1024 ]
	refused 1 'cannot block port 1024' 'the list is full' '--unblock' \
		-- "$parse" --dev left --block 1024
	works -- "$parse" --dev left --unblock 65535
	works 'port 1024 is blocked' -- "$parse" --dev left --block 1024
}

@test "where there is no list: nothing attached, another program, a map of another shape" {
	for words in '--block 1' '--unblock 1' --ports; do
		# shellcheck disable=SC2086
		refused 1 'there is no list of ports on left' \
			"fix: attach one: $parse --dev left xdp_port_drop" -- "$parse" --dev left $words
	done
	works -- "$parse" --dev left xdp_tcp_drop
	refused 1 'there is no list of ports on left' -- "$parse" --dev left --ports
	works -- "$parse" --dev left -U
	works -- "$parse" --dev left --filename "$BATS_FILE_TMPDIR/other_ports.o"
	refused 1 'has another shape' 'keys of 4 bytes' 'keys of 2 bytes' -- "$parse" --dev left --block 1
}

@test "words that make no sense" {
	works -- "$parse" --dev left xdp_port_drop
	for word in 0 65536 -1 '22,' ',22' 22,,23 ',' a 22a 0x16 ' 22' 99999999999999999999999; do
		refused 2 "wants ports from 1 to 65535, as in 22,8000, not '$word'" \
			-- "$parse" --dev left "--block=$word"
		refused 2 "not '$word'" -- "$parse" --dev left "--unblock=$word"
	done
	for words in -U --unload-all --list '--for 5' xdp_port_drop '--filename old_style_kern.o' \
		'--progsec xdp' '--prio 5' -S --force; do
		# shellcheck disable=SC2086
		refused 2 'leave out the rest' -- "$parse" --dev left --block 1 $words
	done
	refused 2 '--json goes with --ports' -- "$parse" --dev left --json
	[ -z "$(ports)" ]
}

@test "with --json, stdout has nothing but figures" {
	works -- "$parse" --dev left xdp_port_drop
	run --separate-stderr "$parse" --dev left --block 9 --ports --json
	[ "$output" = '{"port":9,"packets":0,"bytes":0}' ]
	[ "$stderr" = 'port 9 is blocked' ]
}

@test "figures that cannot be written are an error" {
	works -- "$parse" --dev left xdp_port_drop
	works -- "$parse" --dev left --block 1
	run bash -c "'$parse' --dev left --ports >/dev/full"
	[ "$status" -eq 1 ]
	[[ $output == *'Error: cannot write'* ]]
}

@test "where nothing tells how many CPUs there are, no port is blocked" {
	any_kernel 'what is printed'
	./parse_user --quiet --dev left xdp_port_drop
	refused 1 'cannot block a port' '/sys/devices/system/cpu/possible' -- unshare -m bash -c \
		'mount -t tmpfs none /sys/devices/system; ./parse_user --dev left --block 22'
	[ -z "$(ports)" ]
}

@test "by a link for a while: the list can be changed too, and is gone with it" {
	works -- "$parse" --dev left xdp_port_drop --for 60
	works 'port 1 is blocked' -- "$parse" --dev left --block 1
	[ "$(ports)" = '{port:1,packets:0,bytes:0}' ]
	works -- "$parse" --dev left -U
	refused 1 'there is no list of ports' -- "$parse" --dev left --ports
}

@test "the kernel takes what each clang on this machine makes of it, warnings being errors" {
	local compiler
	[ -z "${LAB_BUILT-}" ] || skip 'needs tool clang: it is about compilers'
	for compiler in $(configured CLANG) $(compgen -c clang- | grep -x 'clang-[0-9]*' | sort -u); do
		# shellcheck disable=SC2046 # lists of words
		"$compiler" -target bpf -O2 -g -Wall -Wextra -Wno-unused-parameter -Werror \
			-I"$LAB_TREE/headers" $(configured BPF_INCLUDES) -c parse_kern.c \
			-o "$BATS_TEST_TMPDIR/by_another.o"
		for program in xdp_tcp_drop xdp_port_drop; do
			works "name:$program " -- "$parse" --dev left \
				--filename "$BATS_TEST_TMPDIR/by_another.o" "$program"
			works -- "$parse" --dev left -U
		done
	done
}

@test "a parser on lab/parse.h takes at most 1.3 times as long as one by hand" {
	[ -z "${LAB_BUILT-}" ] || skip 'needs host: in emulation no figure means anything'
	[ -z "${LAB_QUICK-}" ] || skip 'needs time: it measures for half a minute'
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: it has been measured'
	"$LAB_TREE/bench/parse.sh" 25
}
