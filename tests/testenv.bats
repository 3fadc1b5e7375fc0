#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
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
	"$t" setup --name one >/dev/null
	run "$t" setup --name two
	grep -q 'fc00:dead:cafe:2::2' <<<"$output"
	"$t" teardown --name one >/dev/null
	run "$t" setup --name three
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

@test "--vlan says what is missing and leaves nothing, or makes two VLANs" {
	run "$t" setup --name left --vlan
	if [ "$status" -eq 0 ]; then
		ip -o link show | grep -q 'left\.1@'
	else
		grep -qi '8021q\|vlan' <<<"$output"
		[ -z "$(ip -o link show type veth)" ]
		[ -z "$(ip netns list)" ]
	fi
}

@test "the environment used last is meant where none is named" {
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

@test "inside, the BPF file system is the one outside" {
	"$t" setup --name left >/dev/null
	mkdir /sys/fs/bpf/seen
	run "$t" exec -- ls /sys/fs/bpf
	rmdir /sys/fs/bpf/seen
	grep -q seen <<<"$output"
}

@test "the alias works from the next line on, also where the path has a blank" {
	mkdir "$BATS_TEST_TMPDIR/a path"
	cp "${t%/*}"/*.sh "$BATS_TEST_TMPDIR/a path/"
	"$t" setup --name left >/dev/null
	run bash -c 'shopt -s expand_aliases
eval $("$1/a path/testenv.sh" alias)
t ping -- -q -c 1' sh "$BATS_TEST_TMPDIR"
	[ "$status" -eq 0 ]
	grep -q '1 received' <<<"$output"
}

@test "it works through a symbolic link, and named without a directory" {
	ln -s "$t" "$BATS_TEST_TMPDIR/t"
	"$BATS_TEST_TMPDIR/t" list
	cd "${t%/*}"
	bash testenv.sh list
}

@test "names that no device can have are refused, before anything is made" {
	for name in '' 'a/b' 'with blank' . .. -x 'sixteen-letters!' 'a:b' "$(printf 'a\nb')"; do
		run "$t" setup --name "$name"
		[ "$status" -ne 0 ]
	done
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
	mkdir /sys/fs/bpf/other
	bpftool map create /sys/fs/bpf/other/map type array key 4 value 4 entries 1 name other
	"$t" teardown --name left
	[ ! -e /sys/fs/bpf/left ]
	[ ! -e /sys/fs/bpf/left:veth0 ]
	[ -e /sys/fs/bpf/other/map ]
	rm -r /sys/fs/bpf/other
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

@test "-v prints commands that can be typed" {
	run "$t" setup --name left -v
	[ "$status" -eq 0 ]
	grep -q 'ip .*link add' <<<"$output"
}

@test "interrupted at any moment, setup cleans up" {
	for signal in INT TERM HUP; do
		for moment in 0.005 0.02 0.04 0.06 0.09; do
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
	for i in $(seq 50); do
		"$t" setup --name "many$i" >"$BATS_TEST_TMPDIR/out$i" 2>&1 &
	done
	wait
	[ "$(cat "$BATS_TEST_TMPDIR"/out* | grep -o 'peer ip [^ ]*' | sort -u | wc -l)" -eq 50 ]
	"$t" teardown --all >/dev/null
	[ -z "$(ip netns list)" ]
}

@test "it needs no CAP_SYS_RESOURCE" {
	run setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$t" setup --name left
	[ "$status" -eq 0 ]
	run setpriv --bounding-set -sys_resource --inh-caps -sys_resource "$t" status --name left
	[ "$status" -eq 0 ]
}

@test "somebody who is not root is told what to type; help needs no root" {
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

@test "wrong command lines have status 2, and say where help is" {
	for line in frobnicate 'setup --frobnicate' 'setup --name'; do
		# shellcheck disable=SC2086 # words
		run "$t" $line
		[ "$status" -eq 2 ]
		grep -q -- '--help' <<<"$output"
	done
}
