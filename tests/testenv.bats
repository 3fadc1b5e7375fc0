#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 30
# time limit: 240
#
# testenv.sh: what it makes, what it says, and that it leaves nothing behind, however it ends.

# shellcheck disable=SC2154,SC2164 # bats sets $output, and stops where cd fails
load helpers

setup_file() {
	in_private_world
}

setup() {
	t=$LAB_TREE/testenv/testenv.sh
	cd "$BATS_TEST_TMPDIR"
}

teardown() {
	"$t" teardown --all >/dev/null 2>&1 || :
	[ -z "$(ip netns list)" ]
	[ -z "$(ip -o link show type veth)" ]
}

nothing_is_left() {
	[ -z "$(ip -o link show type veth)" ]
	[ -z "$(ip netns list)" ]
	[ -z "$(ls /run/xdp-lab/env)" ]
}

@test "setup says what it does, pings, and names the address inside" {
	run "$t" setup --name veth-basic02
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = "Setting up new environment 'veth-basic02'" ]
	grep -q '1 packets transmitted, 1 received, 0% packet loss' <<<"$output"
	[ "${lines[-1]}" = "Setup environment 'veth-basic02' with peer ip fc00:dead:cafe:1::2." ]
	ping -q -c 1 -W 1 fc00:dead:cafe:1::2
	ip netns exec veth-basic02 ping -q -c 1 -W 1 fc00:dead:cafe:1::1
}

@test "each environment has a number of its own, and a freed one is used again" {
	any_kernel 'what the script does'
	"$t" setup --name one >/dev/null
	run "$t" setup --name two
	grep -q 'fc00:dead:cafe:2::2' <<<"$output"
	"$t" teardown --name one >/dev/null
	run "$t" setup --name three
	grep -q 'fc00:dead:cafe:1::2' <<<"$output"
	"$t" teardown --name three >/dev/null
	ip address add 10.12.1.9/32 dev lo # only a VLAN would have it
	run "$t" setup --name three
	ip address del 10.12.1.9/32 dev lo
	grep -q 'fc00:dead:cafe:1::2' <<<"$output"
}

@test "packets are what they seem: no offloads, one queue, MTU 1500" {
	"$t" setup --name left >/dev/null
	for at in '' 'ip netns exec left'; do
		dev=left
		[ -z "$at" ] || dev=veth0
		$at ethtool -k $dev >"$BATS_TEST_TMPDIR/features"
		for feature in tx-checksumming tcp-segmentation-offload generic-segmentation-offload \
			rx-vlan-offload tx-vlan-offload; do
			grep -q "^$feature: off" "$BATS_TEST_TMPDIR/features"
		done
		$at ip -d link show dev $dev >"$BATS_TEST_TMPDIR/link"
		grep -q 'mtu 1500 ' "$BATS_TEST_TMPDIR/link"
		grep -q 'numtxqueues 1 numrxqueues 1 ' "$BATS_TEST_TMPDIR/link"
	done
}

@test "neighbours are set, and no address is tentative" {
	"$t" setup --name left >/dev/null
	ip -6 neigh show dev left | grep -q 'fc00:dead:cafe:1::2 .*PERMANENT'
	ip -n left -6 neigh show dev veth0 | grep -q 'fc00:dead:cafe:1::1 .*PERMANENT'
	run ! grep -q tentative <(ip -6 addr show dev left && ip -n left -6 addr show dev veth0)
}

@test "it is up at once, and so is the next one" {
	for name in one two three; do
		"$t" setup --name $name >/dev/null
		[ "$(<"/sys/class/net/$name/operstate")" = up ]
		[ "$(<"/sys/class/net/$name/ifindex")" -ne "$(<"/sys/class/net/$name/iflink")" ]
	done
}

@test "--legacy-ip adds IPv4" {
	"$t" setup --name left --legacy-ip >/dev/null
	ping -q -c 1 -W 1 10.11.1.2
	run "$t" ping --name left --legacy-ip -- -c 1
	grep -q '10.11.1.1' <<<"$output"
}

@test "where IPv6 is disabled it is enabled for our devices alone" {
	sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	run "$t" setup --name left
	sysctl -qw net.ipv6.conf.default.disable_ipv6=0
	[ "$status" -eq 0 ]
	[ "$(sysctl -n net.ipv6.conf.lo.disable_ipv6)" -eq 1 ]
	ping -q -c 1 -W 1 fc00:dead:cafe:1::2
	sysctl -qw net.ipv6.conf.all.disable_ipv6=0
}

@test "where IPv6 cannot be enabled, it gets IPv4 instead" {
	sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	mount --bind /proc/sys/net /proc/sys/net
	mount -o remount,bind,ro /proc/sys/net
	run "$t" setup --name left
	umount /proc/sys/net
	sysctl -qw net.ipv6.conf.default.disable_ipv6=0
	[ "$status" -eq 0 ]
	[ "${lines[1]}" = "IPv6 is off on this machine and cannot be switched on for 'left': it gets IPv4." ]
	[ "${lines[-1]}" = "Setup environment 'left' with peer ip 10.11.1.2." ]
	ping -q -c 1 -W 1 10.11.1.2
	run "$t" ping -- -q -c 1 # and from now on
	grep -q 'PING 10.11.1.1' <<<"$output"
}

@test "--vlan where no VLAN can be made says so and leaves nothing; elsewhere there are two" {
	run "$t" setup --name left --vlan
	ip link add one type veth peer name two # lo takes no VLAN anywhere
	if ip link add link one name one.9 type vlan id 9 2>/dev/null; then
		ip link del one
		[ "$status" -eq 0 ]
		ping -q -c 1 -W 1 fc00:dead:cafe:1001::2
		ping -q -c 1 -W 1 fc00:dead:cafe:2001::2
	else
		ip link del one
		[ "$status" -eq 1 ]
		grep -q '8021q (try: modprobe 8021q); --vlan alone needs it' <<<"$output"
		grep -q "setup of 'left' did not end; nothing of it is left" <<<"$output"
		nothing_is_left
	fi
}

@test "the environment used last is meant where none is named" {
	any_kernel 'what the script does'
	"$t" setup --name one >/dev/null
	"$t" setup --name two >/dev/null
	run "$t" exec -- cat /proc/self/ns/net
	run "$t" exec -- ip -o address show dev veth0
	grep -q 'fc00:dead:cafe:2::2' <<<"$output"
	run "$t" list
	grep -q '^\* *two\|two.*\*' <<<"$output"
	"$t" exec --name one -- true
	run "$t" exec -- ip -o address show dev veth0
	grep -q 'fc00:dead:cafe:1::2' <<<"$output"
}

@test "exec passes the command's words and its exit status on" {
	any_kernel 'the command line'
	"$t" setup --name left >/dev/null
	# shellcheck disable=SC2016 # the inner shell expands it
	run "$t" exec -- sh -c 'echo "$1"; exit 7' sh 'two words'
	[ "$status" -eq 7 ]
	[ "$output" = 'two words' ]
}

@test "enter is a shell inside, which reads commands from a script too" {
	"$t" setup --name left >/dev/null
	run "$t" enter --name left <<<'ip -o address show dev veth0; ls /sys/fs/bpf >/dev/null && exit 5'
	[ "$status" -eq 5 ]
	grep -q 'fc00:dead:cafe:1::2' <<<"$output"
}

@test "at a terminal, the shell inside shows where it is, and knows t" {
	any_kernel 'what the script does'
	"$t" setup --name left >/dev/null
	mkfifo "$BATS_TEST_TMPDIR/keys"
	cd / # a dumb terminal shows the end of a long prompt only
	script -qefc "'$t' enter" /dev/null <"$BATS_TEST_TMPDIR/keys" >"$BATS_TEST_TMPDIR/seen" 2>&1 3>&- &
	exec 8>"$BATS_TEST_TMPDIR/keys"
	poll grep -q '\[left\] ' "$BATS_TEST_TMPDIR/seen"
	printf '%s\n' 't ping -- -q -c 1' 't teardown' 'exit 7' >&8
	wait $! || :
	exec 8>&-
	grep -q '1 received' "$BATS_TEST_TMPDIR/seen"
	grep -q "this shell is inside 'left', and teardown works from outside" "$BATS_TEST_TMPDIR/seen"
	[ -e /run/netns/left ]
}

@test "an environment that does not exist is told from those that do" {
	any_kernel 'the command line'
	"$t" setup --name left >/dev/null
	for command in teardown reset ping enter status; do
		run "$t" $command --name right
		[ "$status" -eq 1 ]
		[ "${lines[0]}" = "testenv.sh: there is no environment 'right'." ]
		[[ ${lines[1]} == '  These exist: left. Make one: '* ]]
	done
}

@test "inside, the BPF file system is the one outside" {
	"$t" setup --name left >/dev/null
	mkdir /sys/fs/bpf/seen
	run "$t" exec -- ls /sys/fs/bpf
	rmdir /sys/fs/bpf/seen
	grep -q seen <<<"$output"
}

@test "what is loaded inside still drops when whoever loaded it has left" {
	"$t" setup --name left >/dev/null
	"$t" exec -- "$LAB_TREE/basic02-prog-by-name/xdp_loader" -q --dev veth0 xdp_drop_func
	run ping -q -c 2 -i 0.05 -W 1 fc00:dead:cafe:1::2
	grep -q ' 0 received, 100% packet loss' <<<"$output"
	run "$t" status
	grep -q '^  inside .* XDP program id [0-9]*, xdp_\(drop_func\|dispatcher\) (native)$' <<<"$output"
	"$t" exec -- "$LAB_TREE/basic02-prog-by-name/xdp_loader" -q --dev veth0 -U
	ping -q -c 1 -W 1 fc00:dead:cafe:1::2
}

# Says on which address it listens, at a port of the kernel's choice, and what came.
# shellcheck disable=SC2016 # perl expands it
receiver='use IO::Socket::IP; $| = 1;
	$all = IO::Socket::IP->new(LocalHost => $ARGV[0], Listen => 1) or die $@;
	print $all->sockport, "\n"; alarm 10; $one = $all->accept;
	$sum += length $_ while sysread $one, $_, 65536; print "$sum\n"'

@test "TCP gets through as ping does, with a program at both ends and without" {
	any_kernel 'what testenv.sh switches off'
	local at load=$LAB_TREE/basic02-prog-by-name/xdp_loader port
	"$t" setup --name left >/dev/null
	for at in nowhere native skb; do
		if [ $at != nowhere ]; then
			"$load" -q --dev left --$at-mode
			"$t" exec -- "$load" -q --dev veth0 --$at-mode
		fi
		rm -f "$BATS_TEST_TMPDIR/came"
		"$t" exec -- perl -e "$receiver" fc00:dead:cafe:1::2 >"$BATS_TEST_TMPDIR/came" 3>&- &
		poll test -s "$BATS_TEST_TMPDIR/came"
		read -r port <"$BATS_TEST_TMPDIR/came"
		timeout 10 bash -c "head -c 1000000 /dev/zero >/dev/tcp/fc00:dead:cafe:1::2/$port"
		wait $!
		[ "$(tail -n 1 "$BATS_TEST_TMPDIR/came")" = 1000000 ]
		[ $at = nowhere ] || "$load" -q --dev left -U
		[ $at = nowhere ] || "$t" exec -- "$load" -q --dev veth0 -U
	done
}

@test "where nothing answers, setup says what the kernel knows, and leaves it to be looked at" {
	any_kernel 'what the script does'
	sysctl -qw net.ipv6.icmp.echo_ignore_all=1
	run "$t" setup --name left
	sysctl -qw net.ipv6.icmp.echo_ignore_all=0
	[ "$status" -eq 1 ]
	local line
	for line in 'ip link show dev left' 'ip -n left address show dev veth0' \
		'ip -n left neighbour show dev veth0' 'ip -6 route show dev left' \
		"testenv.sh: 'left' is made, but fc00:dead:cafe:1::1 does not answer; above is what the kernel knows."; do
		grep -qxF -- "$line" <<<"$output"
	done
	[[ ${lines[-1]} == "  Then try again: $t ping --name left. Or remove it: $t teardown --name left" ]]
	"$t" ping --name left -- -q -c 1
}

@test "the alias works from the next line on, in each shell, whatever is in the path" {
	any_kernel 'the command line'
	local shell path odd="$BATS_TEST_TMPDIR/a  path's \$(x) * é"
	mkdir "$odd"
	cp "${t%/*}"/*.sh "$odd/"
	"$t" setup --name left >/dev/null
	# shellcheck disable=SC2016 # for the shell that reads it
	printf '%s\n' '[ -z "${BASH_VERSION-}" ] || shopt -s expand_aliases' \
		'eval $("$1" alias)' 't ping -- -q -c 1' >"$BATS_TEST_TMPDIR/typed"
	for shell in bash dash 'busybox sh' zsh; do
		[ -n "$(type -P "${shell%% *}")" ] || continue
		for path in "$t" "$odd/testenv.sh"; do
			# shellcheck disable=SC2086 # words
			run $shell "$BATS_TEST_TMPDIR/typed" "$path"
			[ "$status" -eq 0 ]
			grep -q '1 received' <<<"$output"
		done
	done
}

@test "it works through a symbolic link, and named without a directory" {
	any_kernel 'the command line'
	ln -s "$t" "$BATS_TEST_TMPDIR/t"
	"$BATS_TEST_TMPDIR/t" list
	cd "${t%/*}"
	bash testenv.sh list
}

@test "names that no device can have are refused, before anything is made" {
	any_kernel 'the command line'
	for name in '' 'a/b' 'with blank' . .. -x a. all lo xdp 'sixteen-letters!' sixteen-letters_ 'a:b' \
		'a,b' '*' "$(printf 'a\nb')"; do
		run "$t" setup --name "$name"
		[ "$status" -eq 2 ]
		grep -q 'cannot be the name of an environment: ' <<<"$output"
	done
	run "$t" setup --vlan --name fourteen-chars # and two more for the VLAN's number
	[ "$status" -eq 2 ]
	[ -z "$(ip -o link show type veth)" ]
}

@test "a device of that name which is not ours is neither used nor removed" {
	ip link add theirs type veth peer name other
	run "$t" setup --name theirs
	[ "$status" -eq 1 ]
	run "$t" teardown --name theirs
	[ "$status" -ne 0 ]
	ip link show dev theirs
	ip link del theirs
}

@test "by hand somebody has removed a part, or what was written down: setup or teardown work" {
	"$t" setup --name left >/dev/null
	ip netns del left # and with it go both devices, soon
	poll is_gone /sys/class/net/left
	run "$t" ping
	[ "${lines[0]}" = "testenv.sh: environment 'left' has lost its network namespace." ]
	"$t" setup --name left >/dev/null
	ip link del left
	run "$t" list
	grep -q "^\* left *has lost its device. Make it anew: " <<<"$output"
	"$t" reset --name left >/dev/null
	rm /run/xdp-lab/env/left
	run "$t" setup --name left
	[ "${lines[0]}" = "testenv.sh: environment 'left' is a leftover: what was noted of it is lost." ]
	"$t" teardown --name left
	nothing_is_left
	ip netns add left # now somebody else's
	run "$t" setup --name left
	[ "$status" -eq 1 ]
	run "$t" teardown --name left
	[ "$status" -eq 1 ]
	ip netns del left # fails where it is gone
}

is_gone() { # PATH
	[ ! -e "$1" ]
}

@test "where what was written down is lost, devices tell which environments there are" {
	any_kernel 'what the script does'
	local command
	"$t" setup --name left >/dev/null
	"$t" setup --name right >/dev/null
	rm -r /run/xdp-lab/*
	run "$t" list
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == '  left  '*' is a leftover: what was noted of it is lost. Make it anew: '* ]]
	for command in setup ping; do
		run "$t" $command --name left
		[ "$status" -eq 1 ]
		[ "${lines[0]}" = "testenv.sh: environment 'left' is a leftover: what was noted of it is lost." ]
	done
	run "$t" status --name left
	grep -q '^  outside  left  *up, no XDP program$' <<<"$output"
	"$t" reset --name left >/dev/null
	"$t" ping --name left -- -q -c 1
	ip link add third type veth peer name fourth
	ip link set third alias xdp-lab:other # of no environment, as its name is another
	run "$t" teardown --all
	ip link del third
	[ "$output" = $'Tearing down environment \'left\'\nTearing down environment \'right\'' ]
	nothing_is_left
}

@test "a device that was renamed, or lost its mark: setup says so, and teardown or reset work" {
	any_kernel 'what the script does'
	"$t" setup --name left >/dev/null
	ip link set dev left down
	ip link set dev left name right
	run "$t" setup --name left --legacy-ip
	[ "${lines[0]}" = "testenv.sh: environment 'left' has lost its device." ]
	[ "${lines[1]}" = "  Make it anew: $t reset --name left --legacy-ip" ]
	"$t" reset --name left >/dev/null
	poll is_gone /sys/class/net/right
	ip link set dev left alias ''
	run "$t" setup --name left
	[ "${lines[0]}" = "testenv.sh: environment 'left' has lost its device." ]
	run "$t" teardown
	[ "$output" = "Tearing down environment 'left'" ]
	"$t" setup --name left >/dev/null # at once
}

@test "another device that has the name as a second one is in the way, and named" {
	any_kernel 'what the script does'
	ip link add one type veth peer name two
	ip link property add dev one altname left
	run "$t" setup --name left
	ip link del one
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "testenv.sh: there is a device 'left' already. Choose another --name." ]
	[[ ${lines[1]} == '  It is: one@two '* ]]
}

@test "setting up what stands already is told, and changes nothing" {
	"$t" setup --name left >/dev/null
	before=$(ip -o link show dev left)
	run "$t" setup --name left
	grep -q "left" <<<"$output"
	[ "$(ip -o link show dev left)" = "$before" ]
}

@test "teardown takes our pins along, and leaves those of others" {
	"$t" setup --name left >/dev/null
	"$LAB_TREE/basic04-pinning-maps/xdp_loader" --dev left >/dev/null
	"$t" exec -- "$LAB_TREE/basic04-pinning-maps/xdp_loader" --dev veth0 >/dev/null
	[ -e /sys/fs/bpf/left/xdp_stats_map ]
	[ -e /sys/fs/bpf/left:veth0/xdp_stats_map ]
	mkdir /sys/fs/bpf/other /sys/fs/bpf/left/by-name
	bpftool map create /sys/fs/bpf/other/map type array key 4 value 4 entries 1 name other
	bpftool map create /sys/fs/bpf/left/by-name/map type array key 4 value 4 entries 1 name map
	"$t" teardown --name left
	[ ! -e /sys/fs/bpf/left ]
	[ ! -e /sys/fs/bpf/left:veth0 ]
	[ -e /sys/fs/bpf/other/map ]
	rm -r /sys/fs/bpf/other
}

# In a network namespace of that name, or '' for none, and on a device made for it.
pin_for() { # NETNS DEV...
	local dev in=()
	[ -z "$1" ] || in=("nsenter" "--net=/run/netns/$1")
	for dev in "${@:2}"; do
		[ "$dev" = veth0 ] || "${in[@]}" ip link show dev "$dev" >/dev/null 2>&1 ||
			"${in[@]}" ip link add name "$dev" type veth peer name "peer$((++peers))"
		"${in[@]}" "$LAB_TREE/basic04-pinning-maps/xdp_loader" -q --dev "$dev" -S
	done
}

@test "teardown takes exactly the pins of its devices, whatever names others have" {
	local pin peers=0 theirs
	"$t" setup --name a >/dev/null
	"$t" setup --name a.b >/dev/null
	ip netns add a.b:c
	pin_for '' xdp a,b a.b.1
	pin_for a a veth0
	pin_for a.b:c lo
	theirs=$(find /sys/fs/bpf -name xdp_stats_map | sort)
	[ "$(wc -l <<<"$theirs")" -eq 6 ]
	pin_for '' a.b
	pin_for a.b veth0 lo x.1 xdp c,d
	[ "$(find /sys/fs/bpf -name xdp_stats_map | wc -l)" -eq 12 ]
	run "$t" teardown --name a.b
	[ "$output" = "Tearing down environment 'a.b'" ]
	[ "$(find /sys/fs/bpf -name xdp_stats_map | sort)" = "$theirs" ]
	[ ! -e /sys/fs/bpf/a,b ]
	"$t" teardown --name a
	ip netns del a.b:c
	for pin in $theirs; do
		rm -f "$pin"
		rmdir "${pin%/*}" 2>/dev/null || :
	done
	for pin in xdp a,b a.b.1; do
		ip link del dev $pin
	done
	rm -rf /sys/fs/bpf/xdp # libxdp's, for those
}

@test "what others pinned beside the loaders' maps stays, and teardown says so" {
	local name object=$LAB_TREE/basic01-xdp-pass/xdp_pass_kern.o
	"$t" setup --name left >/dev/null
	"$LAB_TREE/basic06-calls/calls_user" -q --dev left
	[ -e /sys/fs/bpf/left/targets ]
	bpftool map create /sys/fs/bpf/left/targets_new type array key 4 value 4 entries 1 name targets # killed
	bpftool map create /sys/fs/bpf/left/mine type array key 4 value 4 entries 1 name mine
	bpftool map create /sys/fs/bpf/left/xdp_stats_map type array key 4 value 4 entries 1 name other
	mkdir /sys/fs/bpf/left:veth0
	bpftool prog load "$object" /sys/fs/bpf/left:veth0/xdp_stats_map
	run "$t" teardown
	[ "$status" -eq 0 ]
	[ "$(find /sys/fs/bpf/left* -type f | sort | xargs)" = \
		"/sys/fs/bpf/left/mine /sys/fs/bpf/left/xdp_stats_map /sys/fs/bpf/left:veth0/xdp_stats_map" ]
	for name in left/mine left/xdp_stats_map left:veth0/xdp_stats_map; do
		grep -qx "Left alone, as the lab's loaders did not make it: /sys/fs/bpf/$name" <<<"$output"
	done
	rm -r /sys/fs/bpf/left /sys/fs/bpf/left:veth0
}

# As libxdp has it for a dispatcher of this id, but empty.
dispatcher_pin() { # INDEX ID
	mkdir -p "/sys/fs/bpf/xdp/dispatch-$1-$2"
}

@test "the device has gone before: teardown takes what libxdp pinned for it, and nothing else" {
	local index id none=4294967295 load=$LAB_TREE/basic02-prog-by-name/xdp_loader
	one_program_a_device
	"$t" setup --name left >/dev/null
	index=$(<"/sys/class/net/left/ifindex")
	ip netns add far
	ip -n far link add one index "$index" type veth peer name two netns $$ # where 2 is not free for it
	nsenter --net=/run/netns/far "$load" -q --dev one
	id=$(nsenter --net=/run/netns/far ip -o link show dev one | grep -o 'prog/xdp id [0-9]*' | grep -o '[0-9]*$')
	dispatcher_pin "$index" $none
	dispatcher_pin 1001 $none # the inner end's
	dispatcher_pin "$index" "$id"
	dispatcher_pin $((index + 500)) $none
	ip link del left
	run "$t" teardown
	ip link del two
	ip netns del far
	[ "$output" = "Tearing down environment 'left'" ]
	[ "$(find /sys/fs/bpf/xdp -name 'dispatch-*' | sort)" = "$(printf '/sys/fs/bpf/xdp/dispatch-%d-%d\n' \
		"$index" "$id" $((index + 500)) $none | sort)" ]
	rm -r /sys/fs/bpf/xdp
}

@test "it knows the name of each map that a lesson pins" {
	local name names
	names=$(cd "$LAB_TREE" && grep -lE 'bpf_obj_pin|lab_pin_map|lab_unpin_map' ./*/*_user.c |
		xargs sed -n 's/^#define MAP "\(.*\)"$/\1/p' | sort -u)
	[ -n "$names" ]
	for name in $names; do
		grep -q "name =~ ^(.*\b$name\b" "${t%/*}/pins.sh"
	done
}

@test "load and unload find the program of each lesson" {
	any_kernel 'what the script does'
	"$t" setup --name left >/dev/null
	local lesson program
	for lesson in "$LAB_TREE"/{basic,packet}[0-9]*; do
		cd "$lesson"
		# shellcheck disable=SC2016 # for make
		program=$(make -s --eval 'tell: ; @echo $(firstword $(PROGS))' tell)
		run "$t" -v load -- --version
		[ "$status" -eq 0 ]
		[[ ${lines[*]} == *"./$program --dev left --version"* ]]
	done
	cd "$LAB_TREE/basic06-calls"
	"$t" load -- -q
	[ -n "$(attached left)" ]
	"$t" unload
	[ -z "$(attached left)" ]
	mkdir "$BATS_TEST_TMPDIR/lesson"
	cp Makefile "$BATS_TEST_TMPDIR/lesson/"
	cd "$BATS_TEST_TMPDIR/lesson"
	run "$t" load
	[ "${lines[0]}" = 'testenv.sh: there is no ./calls_user.' ]
	rm Makefile
	run "$t" load
	[ "${lines[0]}" = 'testenv.sh: there is no loader in this directory.' ]
}

@test "reset makes the same environment anew" {
	"$t" setup --name left --legacy-ip >/dev/null
	"$LAB_TREE/basic02-prog-by-name/xdp_loader" --dev left xdp_drop_func >/dev/null
	"$t" reset --name left >/dev/null
	[ -z "$(attached left)" ]
	ping -q -c 1 -W 1 10.11.1.2
}

@test "status shows what is attached, and list all there are" {
	"$t" setup --name one >/dev/null
	"$t" setup --name two >/dev/null
	"$LAB_TREE/basic02-prog-by-name/xdp_loader" --dev one xdp_drop_func >/dev/null
	run "$t" status --name one
	[ "$status" -eq 0 ]
	grep -q "id $(attached one)" <<<"$output"
	run "$t" list
	grep -q one <<<"$output"
	grep -q two <<<"$output"
}

@test "status tells the mode, whatever the device's name" {
	local mode load=$LAB_TREE/basic02-prog-by-name/xdp_loader
	"$t" setup --name xdp1 >/dev/null
	for mode in native skb; do
		"$load" -q --dev xdp1 --$mode-mode
		run "$t" status
		grep -q "^  outside  xdp1 .* up, XDP program id [0-9]*, [a-z_]* ($mode)\$" <<<"$output"
		"$load" -q --dev xdp1 -U
	done
}

@test "an address that has gone is missing in status and list" {
	any_kernel 'what the script does'
	"$t" setup --name left --legacy-ip >/dev/null
	sysctl -qw net.ipv6.conf.left.disable_ipv6=1
	run "$t" status
	grep -q '^  outside  left  *no fc00:dead:cafe:1::1  10.11.1.1  up, ' <<<"$output"
	grep -q '^  inside   veth0  *fc00:dead:cafe:1::2  10.11.1.2  up, ' <<<"$output"
	grep -qx "  An address is missing. Make it anew: $t reset --name left" <<<"$output"
	run "$t" list
	[ "$output" = "* left             has lost its address. Make it anew: $t reset --name left" ]
	"$t" reset >/dev/null
	run ! grep 'missing\|lost' <("$t" status)
}

@test "another device of its name is not taken for its own" {
	any_kernel 'what the script does'
	local command
	"$t" setup --name left >/dev/null
	ip link del left
	run "$t" ping -- -c 1
	[ "${lines[0]}" = "testenv.sh: environment 'left' has lost its device." ]
	ip link add left type veth peer name other
	for command in enter ping tcpdump 'exec true' unload 'load --loader true'; do
		# shellcheck disable=SC2086 # words
		run "$t" $command
		[ "$status" -eq 1 ]
		[ "${lines[0]}" = "testenv.sh: environment 'left' has lost its device." ]
	done
	[ -z "$(attached left)" ]
	run "$t" status
	grep -q '^  outside  left .* not to be seen$' <<<"$output"
	grep -q 'left *has lost its device. Make it anew: ' <<<"$output"
	"$t" teardown
	ip link del left
}

@test "from inside it says what can be seen from there, in either kind of shell" {
	any_kernel 'what the script does'
	local in
	"$t" setup --name left >/dev/null
	for in in "$t exec" 'ip netns exec left'; do
		run $in "$t" list
		[ "$output" = '* left             fc00:dead:cafe:1::1 outside, fc00:dead:cafe:1::2 inside' ]
		run $in "$t" status
		grep -q '^  outside  left .* not to be seen from inside$' <<<"$output"
		grep -q '^  inside   veth0 .* up, no XDP program$' <<<"$output"
		run ! grep -q testenv.sh <<<"$output" # it does not count itself
		$in "$t" ping -- -q -c 1
		run $in "$t" teardown
		[[ ${lines[0]} == "testenv.sh: this shell is inside 'left', and teardown works from outside. "* ]]
	done
}

@test "whoever is inside means this environment, whichever was used last" {
	any_kernel 'what the script does'
	"$t" setup --name one >/dev/null
	"$t" setup --name two >/dev/null
	run nsenter --net=/run/netns/one "$t" ping -- -q -c 1
	grep -q '^PING fc00:dead:cafe:1::1' <<<"$output"
	"$t" exec --name two true
	run nsenter --net=/run/netns/one "$t" status
	[ "${lines[0]}" = "Environment 'one', number 1:" ]
	run nsenter --net=/run/netns/one "$t" ping --name two -- -q -c 1
	grep -q '^PING fc00:dead:cafe:2::1' <<<"$output"
}

@test "a namespace that was unmounted by hand: teardown takes its name along" {
	any_kernel 'what the script does'
	"$t" setup --name left >/dev/null
	umount /run/netns/left
	"$t" teardown
	nothing_is_left
	touch /run/netns/left # nobody set this up
	run "$t" setup --name left
	[ "$status" -eq 1 ]
	run "$t" teardown --name left
	[ "$status" -eq 1 ]
	rm /run/netns/left
}

# From here on these tools are a script, which reads the real one's path from $tool.
in_place_of() { # TOOL... <SCRIPT
	mkdir "$BATS_TEST_TMPDIR/bin"
	# shellcheck disable=SC2016 # for the shell that reads it
	{ printf '%s\n' '#!/bin/bash' 'tool=$(PATH=${PATH#*:} type -P "${0##*/}")' && cat; } \
		>"$BATS_TEST_TMPDIR/bin/script"
	chmod +x "$BATS_TEST_TMPDIR/bin/script"
	for tool; do
		ln -s script "$BATS_TEST_TMPDIR/bin/$tool"
	done
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "-v prints each ip command, as it can be typed" {
	any_kernel 'the command line'
	local said=$BATS_TEST_TMPDIR/said command line
	export RAN=$BATS_TEST_TMPDIR/ran
	in_place_of ip <<-'END'
		words=$*
		case $words in
		*'-batch -')
			lines=$(cat)
			sed "s/^/ip ${words%-batch -}/" <<<"$lines" >>"$RAN"
			exec "$tool" "$@" <<<"$lines"
			;;
		esac
		echo "ip $words" >>"$RAN"
		exec "$tool" "$@"
	END
	for command in 'setup --name left --legacy-ip' status reset teardown; do
		: >"$RAN"
		# shellcheck disable=SC2086 # words
		"$t" -v $command >"$said" 2>&1
		[ -s "$RAN" ]
		while read -r line; do
			grep -qxF -- "$line" "$said"
		done <"$RAN"
	done
}

# A signal for all of them, just before the step $STEP: a tool that is called.
killed_at_a_step() {
	export STEPS=$BATS_TEST_TMPDIR/steps
	in_place_of ip nsenter ethtool flock mkdir rm <<-'END'
		echo step >>"$STEPS"
		[ "$(wc -l <"$STEPS")" != "$STEP" ] || kill -s "$SIGNAL" 0
		exec "$tool" "$@"
	END
}

run_to_step() { # STEP SIGNAL COMMAND...: its status in $ended
	: >"$STEPS"
	ended=0
	STEP=$1 SIGNAL=$2 setsid --wait env --default-signal=INT "${@:3}" >/dev/null 2>&1 || ended=$?
}

@test "a signal at each step of setup: nothing is left" {
	any_kernel 'what the script does'
	local signal step
	killed_at_a_step
	for signal in INT TERM; do
		for ((step = 1; ; step++)); do
			run_to_step $step $signal "$t" setup --name left
			[ "$ended" -ne 0 ] || break
			nothing_is_left
		done
		[ "$step" -gt 8 ]
		STEP='' "$t" teardown --name left
	done
}

@test "a device that goes by itself while teardown is at it is no failure; one that stays is" {
	any_kernel 'what the script does'
	"$t" setup --name left >/dev/null
	in_place_of ip <<-'END'
		[ "$*" = '-batch -' ] || exec "$tool" "$@"
		[ -z "$GOES" ] || "$tool" link del left 2>/dev/null
		[ -z "$STAYS" ] || set -- -n nowhere "$@"
		exec "$tool" "$@"
	END
	GOES='' STAYS=1 run "$t" teardown
	[ "$status" -eq 1 ]
	[ "${lines[1]}" = 'testenv.sh: this did not work: ip link delete dev left' ]
	[ "${lines[2]}" = '  ip says: Cannot open network namespace "nowhere": No such file or directory' ]
	[ "${#lines[@]}" -eq 3 ]
	GOES=1 STAYS='' run "$t" teardown
	[ "$status" -eq 0 ]
	[ "$output" = "Tearing down environment 'left'" ]
	nothing_is_left
}

@test "a signal after each command that ip has from setup: nothing is left; killed, teardown takes it" {
	any_kernel 'what the script does'
	local signal batch line
	export STEPS=$BATS_TEST_TMPDIR/steps # the batches that were begun
	in_place_of ip <<-'END'
		case "$*" in *'-batch -') echo step >>"$STEPS" ;; *) exec "$tool" "$@" ;; esac
		[ "$(wc -l <"$STEPS")" = "$BATCH" ] || exec "$tool" "$@"
		lines=$(cat)
		"$tool" "$@" <<<"$(head -n "$LINE" <<<"$lines")"
		[ "$(wc -l <<<"$lines")" -lt "$LINE" ] || kill -s "$SIGNAL" 0
	END
	for signal in INT TERM KILL; do
		for ((batch = 1; ; batch++)); do
			for ((line = 1; ; line++)); do
				BATCH=$batch LINE=$line run_to_step '' $signal "$t" setup --name left --legacy-ip
				[ "$ended" -ne 0 ] || break
				[ $signal != KILL ] || BATCH='' "$t" teardown --name left
				nothing_is_left
			done
			BATCH='' "$t" teardown --name left
			[ "$line" -gt 1 ] || break # there is no such batch
		done
		[ "$batch" -eq 4 ]
	done
}

@test "killed at each step of setup and teardown: teardown takes the rest" {
	any_kernel 'what the script does'
	local step last
	killed_at_a_step
	for last in setup teardown; do
		for ((step = 1; ; step++)); do
			[ $last = setup ] || STEP='' "$t" setup --name left >/dev/null
			[ $last = setup ] || dispatcher_pin "$(<"/sys/class/net/left/ifindex")" 4294967295
			run_to_step $step KILL "$t" $last --name left
			[ "$ended" -ne 0 ] || break
			run env STEP= "$t" teardown --name left
			[ "$status" -eq 0 ] || [ "${lines[0]}" = "testenv.sh: there is no environment 'left'." ]
			nothing_is_left
			[ -z "$(find /sys/fs/bpf/xdp -name 'dispatch-*' 2>/dev/null)" ]
		done
		[ "$step" -gt 4 ]
		STEP='' "$t" teardown --all
	done
}

@test "a signal when setup is done comes too late: its status says that it stands" {
	any_kernel 'what the script does'
	local signal
	for signal in INT TERM HUP; do
		# shellcheck disable=SC2016 # the script expands it
		SIGNAL=$signal bash -c 'echo() { case $1 in Setup*) kill -s $SIGNAL $$ ;; esac; builtin echo "$@"; }
			. "$0" setup --name left' "$t" >"$BATS_TEST_TMPDIR/said"
		tail -n 1 "$BATS_TEST_TMPDIR/said" | grep -q "^Setup environment 'left' with peer ip "
		"$t" teardown --name left
	done
}

@test "interrupted at any moment, setup cleans up" {
	any_kernel 'what the script does'
	for signal in INT TERM HUP; do
		for moment in 0.005 0.03 0.06; do
			env --default-signal=INT "$t" setup --name left >/dev/null 2>&1 &
			pid=$!
			sleep $moment
			kill -$signal $pid 2>/dev/null || :
			wait $pid && "$t" teardown --name left >/dev/null
			[ -z "$(ip netns list)" ]
			[ -z "$(ip -o link show type veth)" ]
		done
	done
}

@test "killed at any moment, what is half made can be torn down" {
	any_kernel 'what the script does'
	for moment in 0.005 0.02 0.03 0.04 0.05 0.06 0.08; do
		"$t" setup --name left >/dev/null 2>&1 &
		pid=$!
		sleep $moment
		kill -KILL $pid 2>/dev/null || :
		wait $pid || :
		"$t" teardown --name left >/dev/null 2>&1 || :
		[ -z "$(ip netns list)" ]
		[ -z "$(ip -o link show type veth)" ]
	done
	"$t" setup --name left >/dev/null
}

@test "fifty at once get fifty numbers" {
	any_kernel 'what the script does'
	for i in $(seq 50); do
		"$t" setup --name "many$i" >"$BATS_TEST_TMPDIR/out$i" 2>&1 &
	done
	wait
	[ "$(cat "$BATS_TEST_TMPDIR"/out* | grep -o 'peer ip [^ ]*' | sort -u | wc -l)" -eq 50 ]
	"$t" teardown --all >/dev/null
	[ -z "$(ip netns list)" ]
}

@test "it needs no CAP_SYS_RESOURCE" {
	any_kernel 'the command line'
	run setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$t" setup --name left
	[ "$status" -eq 0 ]
	run setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$t" status --name left
	[ "$status" -eq 0 ]
}

@test "somebody who is not root is told what to type; help needs no root" {
	any_kernel 'the command line'
	theirs=$(TMPDIR=/tmp mktemp -d)
	cp "${t%/*}"/*.sh "$theirs"
	chmod -R a+rX "$theirs"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$theirs/testenv.sh" setup --name left
	refused_status=$status refused=$output
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$theirs/testenv.sh" --help
	rm -rf "$theirs"
	[ "$refused_status" -eq 1 ]
	grep -q sudo <<<"$refused"
	[ "$status" -eq 0 ]
}

@test "where /run cannot be written to, it says so, and what needs no writing works" {
	any_kernel 'the command line'
	"$t" setup --name left >/dev/null
	mount -o remount,ro /run
	run "$t" setup --name right
	local refused=$status said=$output
	run "$t" teardown --name left
	local kept=$status
	run "$t" ping --name left -- -q -c 1
	mount -o remount,rw /run
	[ "$refused" -eq 1 ]
	[ "${said%%$'\n'*}" = 'testenv.sh: cannot write to /run/xdp-lab, where it is noted what there is.' ]
	[ "$kept" -eq 1 ]
	[ "$status" -eq 0 ]
	"$t" teardown --name left
}

@test "what it wrote down is checked when it is read, and never run" {
	any_kernel 'the command line'
	local text file
	"$t" setup --name left >/dev/null
	for file in env/left current; do
		# shellcheck disable=SC2016 # nobody is to expand them
		for text in '$(touch was-run)' '`touch was-run`' 'x; touch was-run' '../../../etc/passwd' \
			'0 1 0 0 1' '255 1 0 0 1' '1 2 0 0 1' '1 1 0 0' 'a[$(touch was-run)] 1 0 0 1' ''; do
			echo "$text" >/run/xdp-lab/$file
			for command in status list 'ping -- -c 1 -q' 'exec true'; do
				# shellcheck disable=SC2086 # words
				run "$t" $command
				[ "$status" -le 2 ]
			done
		done
		[ ! -e was-run ]
	done
	echo '0 1 0 0 1' >/run/xdp-lab/env/left
	run "$t" reset --name left
	[ "${lines[-1]}" = "Setup environment 'left' with peer ip fc00:dead:cafe:1::2." ]
	echo ../lock >/run/xdp-lab/current
	"$t" ping -- -q -c 1
	"$t" teardown --name left
	nothing_is_left
}

@test "what lies among the files that setup wrote, and is none, does no harm" {
	any_kernel 'the command line'
	local env=/run/xdp-lab/env name
	mkdir -p $env/dir
	mkfifo $env/fifo
	# shellcheck disable=SC2016 # nobody is to expand them
	for name in '$(touch was-run)' '*' 'a b' $'a\nb' -x sixteen-letters_; do
		touch -- "$env/$name"
	done
	run "$t" list
	[[ ${#lines[@]} -eq 1 && $output == 'There is no environment. '* ]]
	run "$t" teardown --all
	[ "$output" = 'There is no environment.' ]
	run timeout 10 "$t" setup --name left
	[ "$status" -eq 0 ]
	"$t" teardown --name left
	run "$t" setup --name dir
	[ "$status" -eq 1 ]
	[ "${lines[0]}" = "testenv.sh: $env/dir is no file, and testenv.sh did not make it." ]
	[ ! -e was-run ]
	rm -rf $env
}

@test "where /run/xdp-lab is full it says so, and what stands goes on" {
	any_kernel 'the command line'
	local what
	for what in size=4k nr_inodes=3; do # no room in a file; none for another
		mount -t tmpfs -o $what full /run/xdp-lab
		[ $what != size=4k ] || head -c 4096 /dev/zero >/run/xdp-lab/big
		run "$t" setup --name left
		umount /run/xdp-lab
		[ "$status" -eq 1 ]
		[ "${lines[0]}" = "Setting up new environment 'left'" ]
		[ "${lines[1]}" = 'testenv.sh: cannot write to /run/xdp-lab, where it is noted what there is.' ]
		[ "${lines[3]}" = "testenv.sh: setup of 'left' did not end; nothing of it is left." ]
		[ "${#lines[@]}" -eq 4 ]
	done
	mkdir -p /run/xdp-lab/env
	nothing_is_left
}

@test "what a shell may have exported changes nothing" {
	any_kernel 'the command line'
	env SHELLOPTS=noglob GLOBIGNORE='*' IFS=e CDPATH=/ "$t" setup --name left
	run env SHELLOPTS=noglob GLOBIGNORE='*' IFS=e "$t" list
	[[ $output == '* left '* ]]
	run env SHELLOPTS=noglob "$t" teardown --name left
	[ "$output" = "Tearing down environment 'left'" ]
	env -i "$t" setup --name left
	env -i PATH=/usr/bin:/bin run=/etc making=1 want=9 env=x "$t" teardown
	nothing_is_left
	local option
	for option in SHELLOPTS={noclobber,keyword,posix} \
		BASHOPTS={failglob,dotglob,nocasematch,xpg_echo,localvar_inherit}; do
		works "Setup environment 'left' with peer ip " -- env "$option" "$t" setup --name left
		works ' up, no XDP program' -- env "$option" "$t" status
		works "Tearing down environment 'left'" -- env "$option" "$t" teardown
		nothing_is_left
	done
	code=0 run "$t" ping
	[ "$status" -eq 1 ]
	"$t" setup --name left
	# shellcheck disable=SC2016 # the inner shell expands it
	run env -i "$t" exec sh -c 'echo "$PATH"' # and not the one that sh makes up
	[[ $output == *:/usr/sbin:/sbin && $(env -i "$t" exec printenv PATH) == "$output" ]]
}

@test "wrong command lines have status 2, and say where help is" {
	any_kernel 'the command line'
	for line in frobnicate 'setup --frobnicate' 'setup --name' 'setup --all=yes' 'setup left' exec -x \
		'list -- left' 'ping -c 1' '--name= setup' 'list left' 'exec -x'; do
		# shellcheck disable=SC2086 # words
		run "$t" $line
		[ "$status" -eq 2 ]
		grep -q -- '--help' <<<"$output"
	done
}

@test "what was meant is said" {
	any_kernel 'the command line'
	local line
	# shellcheck disable=SC2089 # its quotes are printed
	for line in "setup left|'left' is one word too many. Did you mean --name left?" \
		"ping left|'left' is one word too many. What ping itself is to get stands after --." \
		"list left|'left' is one word too many." "seup left|unknown command 'seup'. Did you mean setup?" \
		"-nfoo setup|unknown option '-nfoo'. Did you mean -n?" \
		"setup --vla|unknown option '--vla'. Did you mean --vlan?" \
		"ping -c 1|unknown option '-c'. What ping itself is to get stands after --: ping -- -c 1"; do
		# shellcheck disable=SC2086,SC2090 # words
		run "$t" ${line%|*}
		[ "$status" -eq 2 ]
		[ "${lines[0]}" = "testenv.sh: ${line#*|}" ]
	done
}

@test "an option that a command does not have, or that contradicts another, changes nothing" {
	any_kernel 'the command line'
	local line
	"$t" setup --name left >/dev/null
	for line in 'setup --all' 'reset --all' 'setup --loader true' 'ping --vlan' 'list --name left' \
		'status --gen-new' 'alias --name left' 'stats --loader true' 'exec --legacy-ip true'; do
		# shellcheck disable=SC2086 # words
		run "$t" $line
		[ "$status" -eq 2 ]
		[[ ${lines[0]} == "testenv.sh: ${line%% *} has no option --"*. ]]
	done
	for line in 'teardown --all --name left' 'setup --name right --gen-new'; do
		# shellcheck disable=SC2086 # words
		run "$t" $line
		[ "$status" -eq 2 ]
		[[ ${lines[0]} == 'testenv.sh: --'*' and --name contradict each other.' ]]
	done
	[ "$(ls /run/xdp-lab/env)" = left ]
	"$t" reset --legacy-ip --name left >/dev/null
	"$t" ping --legacy-ip -- -q -c 1
	"$t" load --loader true
	"$t" unload --loader true
}
