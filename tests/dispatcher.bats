#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# time limit: 240
# sanitizers: too
#
# Several programs on one device: libxdp's dispatcher. Where the kernel cannot run it, these are
# skipped here, and run in guests that can: see guest.

# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # a test is a function; bats sets $output, stops at cd
load helpers

setup_file() {
	in_private_world
	export can_share # so that it is found out once
	can_share || return 0
	compile_bpf adjust
	compile_bpf long_name
	compile_bpf old_style -g0 -o "$BATS_FILE_TMPDIR/no_btf.o"
}

setup() {
	can_share || skip 'needs dispatcher: this kernel refuses extension programs'
	objects=$BATS_FILE_TMPDIR
	basic01=$LAB_TREE/basic01-xdp-pass/xdp_pass_user
	basic03=$LAB_TREE/basic03-map-counter/xdp_load_and_stats
	basic04=$LAB_TREE/basic04-pinning-maps/xdp_loader
	cd "$LAB_TREE/basic02-prog-by-name"
	ip -batch - <<-'END'
		netns add far
		link add left address 02:00:00:00:00:01 type veth peer name right address 02:00:00:00:00:02 netns far
		address add 192.0.2.1/24 dev left
		link set left up
		neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 dev left nud permanent
	END
	ip -n far -batch - <<-'END'
		address add 192.0.2.2/24 dev right
		link set right up
		neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev right nud permanent
	END
}

teardown() {
	ip link del left 2>/dev/null || :
	ip netns del far 2>/dev/null || :
	rm -rf /sys/fs/bpf/left /sys/fs/bpf/xdp/dispatch-*
	cd /
}

free() { # DEV
	[ -z "$(attached "$1")" ]
}

no_pins() { # but those that the kernel puts into each BPF file system itself
	local pins
	pins=$(find /sys/fs/bpf -type f ! -name '*.debug')
	[ -z "$pins" ] || show_run "pins are left: $pins"
}

chain() { # what --list shows, without the ids: "NAME PRIO, ..."
	./xdp_loader --dev left --list | awk 'NR > 1 { printf "%s%s %s", sep, $2, $4; sep = ", " }'
}

id_of() { # NAME
	./xdp_loader --dev left --list | awk -v name="$1" '$2 == name { print $1 }'
}

pings() {
	ping -q -c 2 -i 0.05 -W 1 192.0.2.2 >/dev/null
}

@test "two programs share a device: listed in their order, with the dispatcher that calls them" {
	works 'name:xdp_pass_func ' '  mode:native, shares the device: other tools show libxdp' \
		-- ./xdp_loader --dev left
	[[ $output == *"dispatcher (id:$(attached left))" ]]
	works 'name:xdp_drop_func ' 'shares the device' -- ./xdp_loader --dev left xdp_drop_func
	[[ $output == *"dispatcher (id:$(attached left))" ]]
	works -- ./xdp_loader --dev left --list
	[ "$(awk 'NR > 1 { print $2, $3, $4, $5, $6 }' <<<"$output")" = \
		"xdp_drop_func native 50 dispatcher $(attached left)
xdp_pass_func native 50 dispatcher $(attached left)" ]
	list=$output
	works -- "$basic01" --dev left --list
	[ "$output" = "$list" ]
	works -- ./xdp_loader --dev left --list -q
	[ "$output" = "$list" ]
}

@test "who may open too few files to see the programs is told so, and not that none is there" {
	./xdp_loader -q --dev left
	for words in --list --unload-all; do
		for files in 6 8; do
			refused 1 'may not open as many files' \
				-- bash -c "ulimit -n $files; ./xdp_loader --dev left $words"
		done
	done
	[ -n "$(attached left)" ]
}

@test "where nothing can be pinned, no programs share the device, and it is said why" {
	while IFS=: read -r how why; do
		world=(unshare --mount sh -c "$how /sys/fs/bpf"' && exec "$@"' sh)
		works "owns the device (no program can share it: $why" -- "${world[@]}" ./xdp_loader --dev left
		refused 1 "dispatcher needs pins, and $why" -- "${world[@]}" ./xdp_loader --dev left
		works -- "${world[@]}" ./xdp_loader --dev left -U
	done <<-'END'
		umount:no BPF file system is mounted on /sys/fs/bpf
		mount -o remount,bind,ro:/sys/fs/bpf is mounted read-only
	END
}

@test "xdp-loader shows the chain with ids, tags and chain actions" {
	./xdp_loader -q --dev left
	./xdp_loader -q --dev left xdp_drop_func --prio 7 --chain-on drop,tx
	works -- xdp-loader status left
	tag=$(bpftool prog show id "$(id_of xdp_drop_func)" | sed -n 's/.* tag \([0-9a-f]*\) .*/\1/p')
	[ "$(awk '/xdp_dispatcher/ { print $1, $3, $4 } /=>/ { print $2, $3, $4, $5, $6 }' <<<"$output")" = \
		"left native $(attached left)
7 xdp_drop_func $(id_of xdp_drop_func) $tag XDP_DROP,XDP_TX
50 xdp_pass_func $(id_of xdp_pass_func) 3b185187f1855c4c XDP_PASS" ]
}

@test "a note names the programs that decide first, and after what they let others decide" {
	./xdp_loader -q --dev left xdp_drop_func
	run --separate-stderr ./xdp_loader --dev left
	[ "$status" -eq 0 ]
	[[ $stderr == "Note: xdp_drop_func (id $(id_of xdp_drop_func), native) runs before it, with \
priority 50."*'with XDP_PASS never come to xdp_pass_func.' ]]
	run --separate-stderr ./xdp_loader --dev left --prio 3
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
}

@test "-U ID takes one of two, and the other goes on working" {
	./xdp_loader -q --dev left xdp_drop_func
	./xdp_loader -q --dev left 2>/dev/null
	passes=$(id_of xdp_pass_func)
	run ! pings
	works "name:xdp_drop_func (id:$(id_of xdp_drop_func)) from device:left" \
		-- ./xdp_loader --dev left -U "$(id_of xdp_drop_func)"
	[ "$(chain)" = 'xdp_pass_func 50' ]
	[ "$(id_of xdp_pass_func)" = "$passes" ]
	pings
	works 'Success: Unloading' -- ./xdp_loader --dev left -U "$passes"
	free left
	no_pins
}

@test "--unload --progname takes the one of that name; basic01's loader too" {
	./xdp_loader -q --dev left
	./xdp_loader -q --dev left xdp_drop_func
	works 'name:xdp_pass_func ' -- ./xdp_loader --dev left --unload --progname xdp_pass_func
	[ "$(chain)" = 'xdp_drop_func 50' ]
	./xdp_loader -q --dev left 2>/dev/null
	works 'name:xdp_drop_func ' -- "$basic01" --dev left --unload --progname xdp_drop_func
	[ "$(chain)" = 'xdp_pass_func 50' ]
	refused 1 'xdp_drop_func is not attached to left' 'there is: xdp_pass_func' \
		-- ./xdp_loader --dev left --unload --progname xdp_drop_func
	[ "$(chain)" = 'xdp_pass_func 50' ]
}

@test "--unload where several fit lists them with their ids, and takes none" {
	./xdp_loader -q --dev left
	./xdp_loader -q --dev left xdp_drop_func
	refused 2 'which one?' "--unload $(id_of xdp_pass_func) " "--unload $(id_of xdp_drop_func) " \
		-- ./xdp_loader --dev left --unload
	./xdp_loader -q --dev left 2>/dev/null
	refused 2 'which one?' -- ./xdp_loader --dev left --unload --progname xdp_pass_func
	[[ $stderr != *xdp_drop_func* ]]
	[ "$(chain)" = 'xdp_drop_func 50, xdp_pass_func 50, xdp_pass_func 50' ]
}

@test "an id that is not there leaves the chain alone, also the dispatcher's own" {
	./xdp_loader -q --dev left
	./xdp_loader -q --dev left xdp_drop_func
	for id in 4294967295 "$(attached left)"; do
		refused 1 "id $id is not attached to left" 'xdp_pass_func' 'xdp_drop_func' \
			-- ./xdp_loader --dev left -U "$id"
	done
	[ "$(chain)" = 'xdp_drop_func 50, xdp_pass_func 50' ]
}

@test "--unload-all takes all, and leaves no pin" {
	./xdp_loader -q --dev left
	./xdp_loader -q --dev left xdp_drop_func
	works 'name:xdp_pass_func ' 'name:xdp_drop_func ' -- ./xdp_loader --dev left --unload-all
	free left
	no_pins
	works 'Nothing to unload' -- ./xdp_loader --dev left --unload-all
}

@test "--prio decides who runs first, and so whether packets come through" {
	./xdp_loader -q --dev left --prio 20
	./xdp_loader -q --dev left xdp_drop_func --prio 30 2>/dev/null
	[ "$(chain)" = 'xdp_pass_func 20, xdp_drop_func 30' ]
	run ! pings # pass leads on to drop
	./xdp_loader -q --dev left -U --progname xdp_drop_func
	./xdp_loader -q --dev left xdp_drop_func --prio 10 --chain-on drop
	[ "$(chain)" = 'xdp_drop_func 10, xdp_pass_func 20' ]
	pings # drop leads on to pass, which has the last word
}

@test "--chain-on is listed where it is not what it always is" {
	./xdp_loader -q --dev left --chain-on pass
	./xdp_loader -q --dev left xdp_drop_func --chain-on XDP_ABORTED,drop,pass,tx,redirect
	works "dispatcher $(attached left), goes on after XDP_ABORTED or XDP_DROP or XDP_PASS or XDP_TX or \
XDP_REDIRECT" -- ./xdp_loader --dev left --list
	[ "$(grep -c 'goes on' <<<"$output")" -eq 1 ]
	./xdp_loader -q --dev left -U --progname xdp_pass_func
	works 'goes on after XDP_ABORTED' -- ./xdp_loader --dev left --list # it stays when others go
}

@test "beside programs of xdp-loader: listed, removed by either" {
	works -- xdp-loader load left "$LAB_TREE/basic01-xdp-pass/xdp_pass_kern.o"
	./xdp_loader -q --dev left
	[ "$(chain)" = 'xdp_pass_func 50, xdp_prog_simple 50' ]
	works 'name:xdp_prog_simple' -- ./xdp_loader --dev left -U "$(id_of xdp_prog_simple)"
	[ "$(chain)" = 'xdp_pass_func 50' ]
	works -- xdp-loader load left "$LAB_TREE/basic01-xdp-pass/xdp_pass_kern.o"
	works -- xdp-loader unload -i "$(id_of xdp_pass_func)" left
	[ "$(chain)" = 'xdp_prog_simple 50' ]
	works 'name:xdp_prog_simple' -- ./xdp_loader --dev left --unload
	free left
	no_pins
}

@test "who joins takes the chain's mode; another mode is refused, and so is --for" {
	./xdp_loader -q --dev left -S
	works 'mode:skb, shares' -- ./xdp_loader --dev left xdp_drop_func
	refused 1 'cannot attach to left in native mode' 'attached in skb mode' '--unload-all' \
		-- ./xdp_loader --dev left -N
	refused 1 'left is taken' '--for needs the device for itself' -- ./xdp_loader --dev left --for 5
	[ "$(chain)" = 'xdp_drop_func 50, xdp_pass_func 50' ]
	works 'xdp_pass_func' 'xdp_drop_func' -- ./xdp_loader --dev left --unload-all # needs no mode
	free left
}

@test "the kernel refuses a program: the chain is as it was" {
	compile_bpf no_bounds
	./xdp_loader -q --dev left
	before=$(attached left)
	refused 1 'cannot attach no_bounds to left' "verifier refuses" \
		-- ./xdp_loader --dev left --filename "$objects/no_bounds.o"
	[ "$(attached left)" = "$before" ]
	[ "$(find /sys/fs/bpf/xdp -name 'dispatch-*' | wc -l)" -eq 1 ]
}

@test "a program without the dispatcher owns the device: ours does not join it" {
	works -- ip link set dev left xdp obj "$objects/long_name.o" sec xdp
	refused 1 'left is taken' 'without libxdp' "--unload $(attached left)" -- ./xdp_loader --dev left
	works -- ./xdp_loader --dev left --unload "$(attached left)"
	works 'shares the device' -- ./xdp_loader --dev left
}

@test "LIBXDP_SKIP_DISPATCHER=1 is heeded: alone, or not at all" {
	export LIBXDP_SKIP_DISPATCHER=1
	works 'owns the device; nothing can join it: LIBXDP_SKIP_DISPATCHER=1' -- ./xdp_loader --dev left
	works -- ./xdp_loader --dev left -U
	run --separate-stderr ./xdp_loader --dev left --prio 3
	[ "$status" -eq 0 ]
	[[ $stderr == 'Note: --prio and --chain-on change nothing here'* ]]
	works -- ./xdp_loader --dev left -U
	LIBXDP_SKIP_DISPATCHER=0 ./xdp_loader -q --dev left
	refused 1 'left is taken: xdp_pass_func' 'LIBXDP_SKIP_DISPATCHER=1' -- ./xdp_loader --dev left
	[ "$(chain)" = 'xdp_pass_func 50' ]
}

@test "an object without BTF: alone it says that nothing can join it, and it joins nobody" {
	works 'name:old_style ' 'owns the device; nothing can join it: its file has no type information' \
		-- ./xdp_loader --dev left --filename "$objects/no_btf.o"
	refused 1 'left is taken: old_style' -- ./xdp_loader --dev left
	works -- ./xdp_loader --dev left -U
	./xdp_loader -q --dev left
	for loader in ./xdp_loader "$basic01"; do
		refused 1 "cannot join xdp_pass_func (id $(id_of xdp_pass_func), native) on left" \
			'no type information (BTF)' 'clang -g' '--unload-all' \
			-- "$loader" --dev left --filename "$objects/no_btf.o"
	done
	[ "$(chain)" = 'xdp_pass_func 50' ]
}

# Whether the dispatcher can call such a program is up to kernel and libxdp: xdp-loader finds out.
dispatcher_adjusts() {
	xdp-loader load left "$objects/adjust.o" >/dev/null 2>&1 && xdp-loader unload -a left
}

@test "a program that moves packet borders shares the device, or gets it for itself" {
	dispatcher_adjusts && answer=shares || answer=alone
	for loader in ./xdp_loader "$basic01"; do
		run --separate-stderr "$loader" --dev left --filename "$objects/adjust.o"
		[ "$status" -eq 0 ]
		case $answer in
		shares)
			[ -z "$stderr" ]
			[[ $output == *'shares the device'* ]]
			;;
		alone)
			[[ $stderr == 'Note: adjusts moves packet borders'*'it gets left for itself.' ]]
			[[ $output == *'owns the device; nothing can join it: it moves packet borders' ]]
			;;
		esac
		pings
		works 'name:adjusts' -- "$loader" --dev left -U
		free left
		no_pins
	done
}

@test "a program that moves packet borders beside another: in the chain, or it says how" {
	dispatcher_adjusts && answer=shares || answer=alone
	./xdp_loader -q --dev left
	for loader in ./xdp_loader "$basic01"; do
		case $answer in
		shares)
			./xdp_loader -q --dev left --filename "$objects/adjust.o" --prio 60 2>/dev/null
			[ "$(chain)" = 'xdp_pass_func 50, adjusts 60' ]
			./xdp_loader -q --dev left -U --progname adjusts
			;;
		alone)
			refused 1 'cannot attach adjusts to left' 'needs the device for itself' \
				'--dev left --unload-all' 'libxdp 1.5.5' \
				-- "$loader" --dev left --filename "$objects/adjust.o"
			;;
		esac
		[ "$(chain)" = 'xdp_pass_func 50' ]
	done
	[ "$(find /sys/fs/bpf/xdp -name 'dispatch-*' | wc -l)" -eq 1 ]
}

@test "two and three at the same moment: all are attached, and nothing else is left" {
	# libxdp 1.3 itself forgets some memory where another was faster.
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
	for _ in {1..6}; do
		jobs=()
		for words in '' xdp_drop_func '--prio 9'; do
			# shellcheck disable=SC2086
			./xdp_loader -q --dev left $words >>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
			jobs+=($!)
		done
		for job in "${jobs[@]}"; do
			wait "$job" || cat "$BATS_TEST_TMPDIR/out"
		done
		[ "$(chain)" = 'xdp_pass_func 9, xdp_drop_func 50, xdp_pass_func 50' ]
		[ "$(find /sys/fs/bpf/xdp -name 'dispatch-*' | wc -l)" -eq 1 ]
		./xdp_loader -q --dev left --unload-all
		no_pins
	done
}

@test "ten programs fit; the eleventh is refused in words, and the ten stay" {
	for n in {1..10}; do
		./xdp_loader -q --dev left --prio "$n" 2>/dev/null
	done
	refused 1 'cannot attach xdp_pass_func to left' 'ten programs are the most' '--unload ID' \
		-- ./xdp_loader --dev left
	[ "$(./xdp_loader --dev left --list | grep -c xdp_pass_func)" -eq 10 ]
	works -- ./xdp_loader --dev left --unload-all
	[ "${#lines[@]}" -eq 10 ]
	no_pins
}

@test "ip takes the dispatcher off and leaves its pins; --unload-all clears them" {
	for way in 'xdp off' 'xdpdrv off'; do
		./xdp_loader -q --dev left
		./xdp_loader -q --dev left xdp_drop_func
		# shellcheck disable=SC2086
		ip link set dev left $way
		free left
		[ -n "$(find /sys/fs/bpf/xdp -name 'prog0-prog')" ]
		works 'No XDP program on left.' -- ./xdp_loader --dev left --list
		works 'Nothing to unload: no XDP program on left.' -- ./xdp_loader --dev left --unload-all
		no_pins
	done
	./xdp_loader -q --dev left # and with the pins still there, the next load works too
	ip link set dev left xdp off
	works 'shares the device' -- ./xdp_loader --dev left
	works -- ./xdp_loader --dev left --unload-all
	no_pins
}

@test "the pins of the dispatcher on another device stay" {
	ip link add other type veth peer name another
	./xdp_loader -q --dev other
	./xdp_loader -q --dev left
	works -- ./xdp_loader --dev left --unload-all
	[ "$(find /sys/fs/bpf/xdp -name 'dispatch-*' | wc -l)" -eq 1 ]
	works 'xdp_pass_func' -- ./xdp_loader --dev other --unload
	no_pins
	ip link del other
}

@test "a device of the same number in another network keeps its programs, and its pins" {
	ip link del left
	ip link add left index 500 type veth peer name right index 500 netns far # as where both are new
	ip link set left up
	./xdp_loader -q --dev left
	nsenter --net=/run/netns/far ./xdp_loader -q --dev right xdp_drop_func
	for words in -U --unload-all; do # what there is, and where nothing is
		works -- ./xdp_loader --dev left $words
		[ "$(find /sys/fs/bpf/xdp -name 'prog0-prog' | wc -l)" -eq 1 ]
	done
	works 'xdp_drop_func' -- nsenter --net=/run/netns/far ./xdp_loader --dev right -U
	no_pins
}

@test "killed at any moment: what --unload-all leaves is nothing" {
	local start=$EPOCHREALTIME took
	./xdp_loader -q --dev left
	took=$((${EPOCHREALTIME//[!0-9]/} - ${start//[!0-9]/}))
	for n in {1..12}; do
		ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 "$basic04" --dev left >/dev/null 2>&1 3>&- &
		sleep "$(printf '0.%06d' $((took * n / 12)))"
		kill -KILL $! 2>/dev/null || :
		wait $! || :
		"$basic04" -q --dev left --unload-all
		free left
		no_pins
	done
}

# ---- maps

shared_map() { # the id of the map that the pin leads to
	bpftool -j map show pinned /sys/fs/bpf/left/xdp_stats_map | sed 's/^{"id":\([0-9]*\),.*/\1/'
}

counted() { # ACTION: how many packets
	"$LAB_TREE/basic04-pinning-maps/xdp_stats" --dev left -n 1 -i 0.01 |
		awk -v action="$1" '$1 == action { print $2 }'
}

@test "programs of basic04 on one device count in one map, whose pin goes with the last" {
	"$basic04" -q --dev left
	map=$(shared_map)
	"$basic04" -q --dev left xdp_drop_func --prio 60 2>/dev/null
	[ "$(shared_map)" = "$map" ]
	for name in xdp_pass_func xdp_drop_func; do
		[[ $(bpftool prog show id "$(id_of $name)") == *"map_ids $map"* ]]
	done
	ping -q -c 3 -i 0.05 -W 1 192.0.2.2 >/dev/null || :
	[ "$(counted XDP_PASS)" -ge 3 ]
	[ "$(counted XDP_DROP)" -ge 3 ]
	before=$(counted XDP_DROP)
	works 'name:xdp_drop_func' -- "$basic04" --dev left -U --progname xdp_drop_func
	[ "$(shared_map)" = "$map" ]
	[ "$(counted XDP_DROP)" -ge "$before" ]
	works 'name:xdp_pass_func' 'unpinned: ' -- "$basic04" --dev left -U
	no_pins
	[ ! -e /sys/fs/bpf/left ]
}

@test "--unload-all of several programs of basic04 takes their pin along" {
	"$basic04" -q --dev left
	"$basic04" -q --dev left xdp_drop_func
	"$basic04" -q --dev left --prio 3 xdp_abort_func
	works 'unpinned: ' -- "$basic04" --dev left --unload-all
	free left
	no_pins
}

@test "the pin stays while a program counts, and goes when only others are left" {
	./xdp_loader -q --dev left
	"$basic04" -q --dev left xdp_drop_func
	works 'unpinned: ' -- "$basic04" --dev left -U --progname xdp_drop_func
	[ "$(chain)" = 'xdp_pass_func 50' ]
	[ ! -e /sys/fs/bpf/left ]
}

@test "a map that no program on the device uses any more is replaced, not shared" {
	"$basic04" -q --dev left
	map=$(shared_map)
	ip link set dev left xdp off
	./xdp_loader -q --dev left --unload-all # takes the dispatcher's pins; ours stays
	"$basic04" -q --dev left
	[ "$(shared_map)" != "$map" ]
}

@test "a map of another shape is refused by a second program too, and nothing changes" {
	mkdir /sys/fs/bpf/left
	bpftool map create /sys/fs/bpf/left/xdp_stats_map type array key 4 value 8 entries 5 name xdp_stats_map
	./xdp_loader -q --dev left
	refused 1 'another shape' -- "$basic04" --dev left
	[ "$(chain)" = 'xdp_pass_func 50' ]
}

@test "three loaders of basic04 at the same moment: one map" {
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
	for _ in {1..4}; do
		jobs=()
		for name in xdp_pass_func xdp_drop_func xdp_abort_func; do
			"$basic04" -q --dev left $name >>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
			jobs+=($!)
		done
		for job in "${jobs[@]}"; do
			wait "$job" || cat "$BATS_TEST_TMPDIR/out"
		done
		map=$(shared_map)
		for name in xdp_pass_func xdp_drop_func xdp_abort_func; do
			[[ $(bpftool prog show id "$(id_of $name)") == *"map_ids $map"* ]]
		done
		"$basic04" -q --dev left --unload-all
		no_pins
	done
}

@test "basic03's counter in a chain: counts, says what stays, and goes by its name" {
	./xdp_loader -q --dev left
	run --separate-stderr "$basic03" --dev left --prio 20 -n 1 -i 0.3 3>&-
	[ "$status" -eq 0 ]
	[[ $output == *'xdp_stats1 (id '*'stays on left'*'xdp_pass_func (id '*'stays on left'* ]]
	[ "$(chain)" = 'xdp_stats1 20, xdp_pass_func 50' ]
	works 'name:xdp_stats1' -- "$basic03" --dev left --unload --progname xdp_stats1
	[ "$(chain)" = 'xdp_pass_func 50' ]
}
