#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 15
# time limit: 180
# sanitizers: too
#
# --for SECONDS, programs that a BPF link holds, and the guard that keeps people from cutting
# themselves off.

# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats: a test is a function; cd stops it
load helpers

setup_file() {
	in_private_world
	one_program_a_device
	new_witness
	compile_bpf named "-DNAME=$WITNESS"
	compile_user hold_link
}

setup() {
	veth left right
	object=$BATS_FILE_TMPDIR/named.o
	cd "$LAB_TREE/basic01-xdp-pass"
	holder=
}

teardown() {
	[ -z "$holder" ] || kill -KILL "$holder" 2>/dev/null || :
	rm -f /sys/fs/bpf/a_link
	ip netns del inside 2>/dev/null || :
	ip link del left 2>/dev/null || :
	ip route flush table main
	ip -6 route flush table main
	ip nexthop flush >/dev/null 2>&1 || :
	gone "$WITNESS"
}

free() { # DEV
	[ -z "$(attached "$1")" ]
}

ended() { # PID
	[ ! -e "/proc/$1" ]
}

# Attaches the witness to DEV for SECONDS; $keeper is the process that holds it.
attach_for() { # DEV SECONDS [ARG...]
	local dev=$1 seconds=$2
	shift 2
	works "Success: Loading XDP prog name:$WITNESS (id:" " on device:$dev (ifindex:" \
		"  ends by itself in $seconds s, at " \
		-- ./xdp_pass_user --dev "$dev" --filename "$object" --for "$seconds" "$@"
	keeper=$(sed -n 's/.*; sooner with: kill \([0-9]*\)$/\1/p' <<<"$output")
	[ -d "/proc/$keeper" ]
	[ -n "$(attached "$dev")" ]
}

# The witness is on its device no more, and nothing of it remains.
has_ended() { # DEV
	poll free "$1" && poll ended "$keeper" && gone "$WITNESS"
}

# ---- how it begins

@test "it returns at once, and says when it ends and how to end it sooner" {
	began=$SECONDS
	attach_for left 60
	[ $((SECONDS - began)) -lt 5 ]
	[[ ${lines[1]} == '  mode:native, owns the device'* ]]
	[[ ${lines[2]} =~ ^\ \ ends\ by\ itself\ in\ 60\ s,\ at\ [0-9:]{8}\;\ sooner\ with:\ kill\ [0-9]+$ ]]
	works -- kill "$keeper" # as it says
	has_ended left
	attach_for left 86400 # the time alone would not tell the day
	[[ ${lines[2]} == *"s, at $(date -d 'now + 1 day' +%Y-%m-)"??\ ??:??:??\;* ]]
	works -- kill "$keeper"
	has_ended left
}

@test "it returns at once when its output is a pipe, or is captured, or something else is open" {
	any_kernel 'the process and its clock'
	timeout 10 bash -c "./xdp_pass_user --dev left --for 60 | cat; exit 3" >"$BATS_TEST_TMPDIR/out" \
		7<"$object" || [ $? -eq 3 ]
	grep -q 'sooner with: kill' "$BATS_TEST_TMPDIR/out"
	keeper=$(sed -n 's/.*: kill //p' "$BATS_TEST_TMPDIR/out")
	[ "$(cd "/proc/$keeper/fd" && echo *)" = '0 1 2 3' ] # and 3 is the link
	works -- ./xdp_pass_user --dev left -U
}

@test "the process that holds it is alone: no terminal, no session, no directory of others" {
	attach_for left 60
	[ "$(readlink "/proc/$keeper/cwd")" = / ]
	[ "$(cat "/proc/$keeper/comm")" = xdp-lab-for ]
	read -r _ _ _ _ group session terminal _ <"/proc/$keeper/stat"
	[ "$group" = "$keeper" ]
	[ "$session" = "$keeper" ]
	[ "$terminal" = 0 ]
	for fd in 0 1 2; do
		[ "$(readlink "/proc/$keeper/fd/$fd")" = /dev/null ]
	done
	kill "$keeper"
	has_ended left
}

@test "-q says nothing; each mode can be asked for" {
	for mode in -S:skb -N:native -A:native; do
		works -- ./xdp_pass_user -q --dev left --filename "$object" --for 60 ${mode%:*}
		[ -z "$output" ]
		works " ${mode#*:} " ' link ' -- ./xdp_pass_user --dev left --list
		works -- ./xdp_pass_user -q --dev left -U
		free left
	done
	works '  mode:skb, ' -- ./xdp_pass_user --dev lo --for 60 # lo has no other
	works -- ./xdp_pass_user --dev lo -U
}

@test "where a program is already, it is refused" {
	works -- ./xdp_pass_user --dev left
	id=$(attached left)
	refused 1 "left is taken: xdp_prog_simple (id $id, native)" '--for needs the device for itself' \
		"--unload $id" -- ./xdp_pass_user --dev left --for 5 --filename "$object"
	refused 1 'left is taken' -- ./xdp_pass_user --dev left --for 5 --filename "$object" --force
	[ "$(attached left)" = "$id" ]
}

# ---- while it runs

@test "while it runs, another program is refused, and left as it is" {
	attach_for left 60
	id=$(attached left)
	for words in '' --force '--for 5' -S; do
		# shellcheck disable=SC2086
		refused 1 "left is taken: $WITNESS (id $id, native)" "--unload $id" \
			-- ./xdp_pass_user --dev left $words
	done
	run ip link set dev left xdp off
	[ "$status" -ne 0 ]
	[ "$(attached left)" = "$id" ]
	[ -d "/proc/$keeper" ]
	works -- ./xdp_pass_user --dev left --unload "$id" # as it says
	has_ended left
}

@test "--list shows it, held by a link" {
	attach_for left 60
	works -- ./xdp_pass_user --dev left --list
	link=$(bpftool -j link show |
		sed -n "s/.*{\"id\":\([0-9]*\),\"type\":\"xdp\",\"prog_id\":$(attached left)[,}].*/\1/p")
	[ -n "$link" ]
	[ "$(xargs <<<"${lines[1]}")" = "$(attached left) $WITNESS native - link $link" ]
	kill "$keeper"
	has_ended left
}

@test "two at once, on two devices: each ends by itself" {
	attach_for left 60
	first=$keeper
	attach_for right 60
	kill "$keeper"
	poll free right
	[ -n "$(attached left)" ]
	[ -d "/proc/$first" ]
	keeper=$first
	kill "$keeper"
	has_ended left
}

# ---- how it ends

@test "it ends by itself: not before its time, and not long after" {
	any_kernel 'the process and its clock'
	attach_for left 1
	began=${EPOCHREALTIME/./}
	until free left; do
		[ $((${EPOCHREALTIME/./} - began)) -lt 3000000 ]
		sleep 0.02
	done
	[ $((${EPOCHREALTIME/./} - began)) -gt 700000 ]
	has_ended left
}

@test "-U, --unload by name and by id, and --unload-all detach it, and the process ends" {
	for words in -U "-U --progname $WITNESS" '-U ID' --unload-all; do
		attach_for left 60
		# shellcheck disable=SC2086
		works "Unloading XDP prog name:$WITNESS (id:" \
			-- ./xdp_pass_user --dev left ${words/ID/$(attached left)}
		free left
		has_ended left
	done
}

@test "-U typed at once finds the process ready" {
	any_kernel 'the process and its clock'
	for _ in {1..20}; do
		works -- ./xdp_pass_user -q --dev left --for 60
		works -- ./xdp_pass_user -q --dev left -U
	done
}

@test "the process that holds it is killed: the kernel detaches" {
	for signal in KILL TERM INT USR1; do
		attach_for left 60
		kill -$signal "$keeper"
		has_ended left
	done
}

@test "a hang-up does not end it" {
	any_kernel 'the process and its clock'
	attach_for left 60
	kill -HUP "$keeper"
	sleep 0.6 # twice as long as it naps
	[ -d "/proc/$keeper" ]
	[ -n "$(attached left)" ]
	kill "$keeper"
	has_ended left
}

@test "the terminal is killed: it lives on" {
	any_kernel 'the process and its clock'
	script -qec "./xdp_pass_user --dev left --filename $object --for 60; exec sleep 100" \
		"$BATS_TEST_TMPDIR/typescript" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	holder=$!
	poll grep -q 'sooner with: kill' "$BATS_TEST_TMPDIR/out"
	shell=$(cat "/proc/$holder/task/$holder/children")
	kill -KILL "$holder" # closes the terminal's other side: everything on it gets a hang-up
	wait "$holder" 2>/dev/null || :
	holder=
	poll ended "${shell%% *}"
	keeper=$(tr -d '\r' <"$BATS_TEST_TMPDIR/out" | sed -n 's/.*: kill \([0-9]*\)$/\1/p')
	[ -d "/proc/$keeper" ]
	[ -n "$(attached left)" ]
	works -- ./xdp_pass_user --dev left -U
	has_ended left
}

@test "the shell's whole process group is killed: it lives on" {
	any_kernel 'the process and its clock'
	# shellcheck disable=SC2016
	setsid bash -c './xdp_pass_user --dev left --filename "$1" --for 60; sleep 100' bash "$object" \
		</dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	poll grep -q 'sooner with: kill' "$BATS_TEST_TMPDIR/out"
	keeper=$(sed -n 's/.*: kill //p' "$BATS_TEST_TMPDIR/out")
	group=$!
	[ "$(cut -d' ' -f5 "/proc/$group/stat")" = "$group" ]
	kill -KILL -- "-$group"
	wait "$group" 2>/dev/null || :
	[ -d "/proc/$keeper" ]
	[ -n "$(attached left)" ]
	kill "$keeper"
	has_ended left
}

@test "the device is deleted: the process that held it goes" {
	attach_for left 60
	ip link del left
	poll ended "$keeper"
	gone "$WITNESS"
}

@test "its network namespace is deleted: so is the device, and the process goes" {
	ip netns add inside
	ip link set right netns inside
	works -- nsenter --net=/run/netns/inside ip link set right up
	works "name:$WITNESS" -- nsenter --net=/run/netns/inside \
		./xdp_pass_user --dev right --filename "$object" --for 60
	keeper=$(sed -n 's/.*: kill //p' <<<"$output")
	[ "$(readlink "/proc/$keeper/ns/net")" = "$(readlink /proc/1/ns/net)" ]
	ip netns del inside
	poll ended "$keeper" # it holds nothing of the namespace, which can therefore go
	poll eval '! ip link show dev left >/dev/null 2>&1'
	gone "$WITNESS"
}

@test "what fails with --for leaves nothing: no process, no link, no program" {
	ip link set left mtu 9000
	ip link set right mtu 9000
	refused 1 "cannot attach $WITNESS to left" 'Peer MTU is too large' 'mtu 1500' \
		-- ./xdp_pass_user --dev left --filename "$object" --for 60
	refused 1 "cannot attach $WITNESS to lo" 'no native XDP' 'Underlying driver does not support' \
		-- ./xdp_pass_user --dev lo --filename "$object" --for 60 -N
	free left
	gone "$WITNESS"
	run ! grep -qx xdp-lab-for /proc/[0-9]*/comm
}

# ---- links of others

hold_link() { # attaches the witness to left as another process would; $holder is that process
	mkfifo "$BATS_TEST_TMPDIR/hold"
	"$BATS_FILE_TMPDIR/hold_link" "$object" "$WITNESS" left \
		<>"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/ready" 3>&- &
	holder=$!
	poll grep -q ready "$BATS_TEST_TMPDIR/ready"
	id=$(attached left)
}

release() { # ends that process
	kill "$holder"
	wait "$holder" 2>/dev/null || :
	holder=
}

@test "a link of another process: listed, named, left alone, and removed with --force" {
	hold_link
	works "$id" "$WITNESS" ' link ' -- ./xdp_pass_user --dev left --list
	for words in -U "-U $id" "-U --progname $WITNESS" --unload-all; do
		# shellcheck disable=SC2086
		refused 1 "$WITNESS (id $id, native) on left is left alone" "process $holder (hold_link)" \
			"--unload $id --force" -- ./xdp_pass_user --dev left $words
		[ "$(attached left)" = "$id" ]
	done
	works "Unloading XDP prog name:$WITNESS (id:$id)" -- ./xdp_pass_user --dev left --unload "$id" --force
	free left
	[ -d "/proc/$holder" ] # it is not ours to end
	release
}

@test "without /proc nobody can say whose a link is: that is said" {
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: sanitizers need /proc themselves'
	attach_for left 60
	refused 1 "on left is left alone" '/proc would tell' 'mount -t proc proc /proc' \
		-- unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$@"' sh ./xdp_pass_user --dev left -U
	works -- ./xdp_pass_user --dev left -U
}

@test "a link of another process: no other program gets in, --force or not" {
	hold_link
	for words in '' --force '--for 5'; do
		# shellcheck disable=SC2086
		refused 1 "left is taken: $WITNESS (id $id, native)" -- ./xdp_pass_user --dev left $words
	done
	[ "$(attached left)" = "$id" ]
	works 'Unloading' -- ./xdp_pass_user --dev left --unload-all --force
	free left
	release
}

@test "a link that only a pin holds is left alone too, and removed with --force" {
	attach_for left 60
	id=$(attached left)
	link=$(./xdp_pass_user --dev left --list | sed -n 's/.* link \([0-9]*\)$/\1/p')
	bpftool link pin id "$link" /sys/fs/bpf/a_link
	kill -KILL "$keeper"
	poll ended "$keeper"
	[ "$(attached left)" = "$id" ]
	refused 1 "on left is left alone" "link $link holds it" 'no process that can be seen' \
		-- ./xdp_pass_user --dev left -U
	[ "$(attached left)" = "$id" ]
	works 'Unloading' -- ./xdp_pass_user --dev left -U --force
	free left
	[ -e /sys/fs/bpf/a_link ]
}

# ---- the guard

guarded() { # WHY DEV: attaching there is refused with WHY; --force and --for go through
	refused 1 "not attaching to $2, for your safety" "$1" '--for 30' '--force' 'testenv.sh setup' \
		-- ./xdp_pass_user --dev "$2" --filename "$object"
	free "$2"
	gone "$WITNESS"
	works 'Success: Loading' -- ./xdp_pass_user --dev "$2" --filename "$object" --force
	works "$WITNESS" -- ./xdp_pass_user --dev "$2" --list
	works 'Success: Unloading' -- ./xdp_pass_user --dev "$2" -U # never guarded
	attach_for "$2" 60
	works 'Success: Unloading' -- ./xdp_pass_user --dev "$2" --unload-all
}

@test "guard: a default route over the device" {
	ip addr add 192.0.2.1/24 dev left
	ip route add default via 192.0.2.2
	guarded 'default via 192.0.2.2 dev left' left
	works -- ./xdp_pass_user --dev right # the way out does not lead over this one
}

@test "guard: a default route of IPv6" {
	ip addr add 2001:db8::1/64 dev left nodad
	ip -6 route add default via 2001:db8::2 dev left
	guarded 'default via 2001:db8::2 dev left' left
}

@test "guard: a default route without a gateway, and one in another table" {
	ip route add default dev left
	guarded 'default dev left' left
	ip route del default dev left
	ip route add default dev left table 4711
	guarded 'default dev left table 4711' left
	ip route flush table 4711
	ip -6 route add default dev left table 4711
	guarded 'default dev left table 4711' left
}

@test "guard: one of several next hops" {
	ip addr add 192.0.2.1/24 dev left
	ip addr add 198.51.100.1/24 dev right
	ip route add default nexthop via 198.51.100.2 dev right nexthop via 192.0.2.2 dev left
	guarded 'default' left
	[[ $(./xdp_pass_user --dev left 2>&1) == *'dev left'* ]]
	guarded 'default' right
}

@test "guard: a nexthop object, and a group of them" {
	ip addr add 192.0.2.1/24 dev left
	ip nexthop add id 7 via 192.0.2.2 dev left
	ip route add default nhid 7
	guarded 'default' left
	ip route del default
	ip nexthop add id 8 group 7
	ip route add default nhid 8
	guarded 'default' left
}

@test "guard: the device is below the one that has the route: a bridge's port, others' base" {
	ip link add br0 type bridge
	ip link set br0 up
	ip link set left master br0
	ip route add default dev br0
	guarded 'default dev br0' left
	ip link del br0
	for kind in macvlan vlan:id:5 bond vxlan; do # what this kernel has of them
		# shellcheck disable=SC2086
		case $kind in
		bond) ip link add top type bond && ip link set left down && ip link set left master top ;;
		vxlan) ip link add top type vxlan id 5 remote 192.0.2.2 dstport 4789 dev left ;;
		*) ip link add link left name top type ${kind//:/ } ;;
		esac 2>/dev/null || continue
		ip link set top up
		ip route add default dev top
		guarded 'default dev top' left
		ip link del top
	done
}

@test "guard: a bridge over a macvlan over the device" {
	ip link add link left name middle type macvlan
	ip link add br0 type bridge
	ip link set br0 up
	ip link set middle master br0
	ip route add default dev br0
	guarded 'default dev br0' left
	ip link del br0
}

@test "guard: routes that lead nowhere, or to some networks only, guard nothing" {
	ip addr add 192.0.2.1/24 dev left
	ip route add 10.0.0.0/8 via 192.0.2.2
	ip route add blackhole default
	ip -6 route add unreachable default metric 1
	works 'Success: Loading' -- ./xdp_pass_user --dev left
}

@test "guard: the other end of a veth is no device above or below" {
	ip route add default dev right
	works 'Success: Loading' -- ./xdp_pass_user --dev left
}

@test "guard: a program that has no --for does not speak of it" {
	ip route add default dev left
	harmless=$LAB_TREE/basic02-prog-by-name/harmless_user
	refused 1 'not attaching to left, for your safety' 'testenv.sh setup' '--force' \
		-- "$harmless" --dev left
	[[ $stderr != *--for\ * ]]
	refused 2 'there is no option --for' -- "$harmless" --dev left --for 30
}

@test "guard: lo is never guarded" {
	ip route add default dev lo
	works 'Success: Loading' -- ./xdp_pass_user --dev lo
	works 'Success: Unloading' -- ./xdp_pass_user --dev lo -U
}

@test "guard: what runs there already can be unloaded" {
	works -- ./xdp_pass_user --dev left --filename "$object"
	ip route add default dev left
	works 'Success: Unloading' -- ./xdp_pass_user --dev left --unload-all
	works 'Nothing to unload' -- ./xdp_pass_user --dev left --unload-all
}
