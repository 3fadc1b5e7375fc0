#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# time limit: 200
# sanitizers: too
#
# The pins of basic04: they come and go with their program, and nobody else's do.

# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets $output, and stops where cd fails
load helpers

setup_file() {
	in_private_world
	one_program_a_device
	compile_bpf pinned
}

setup() {
	counter=$LAB_TREE/basic03-map-counter/xdp_load_and_stats
	loader=$LAB_TREE/basic04-pinning-maps/xdp_loader
	stats=$LAB_TREE/basic04-pinning-maps/xdp_stats
	pin=/sys/fs/bpf/lo/xdp_stats_map
}

teardown() {
	"$loader" --dev lo --unload-all >/dev/null
	[ ! -e "$pin" ] || rm "$pin"
	[ ! -d /sys/fs/bpf/lo ] || rm -r /sys/fs/bpf/lo
	ip link del left 2>/dev/null || :
	ip netns del room 2>/dev/null || :
}

@test "the pin stays when the loader has ended, and holds the program's map" {
	"$loader" --dev lo --skb-mode
	pinned=$(bpftool -j map show pinned "$pin" | member id)
	id=$("$loader" --dev lo --list | awk '/xdp_pass_func/ { print $1 }')
	[ "$(bpftool -j prog show id "$id" | member map_ids)" = "[$pinned]" ]
	"$loader" --dev lo --unload --progname xdp_pass_func
	[ ! -e /sys/fs/bpf/lo ]
}

@test "only its own pin goes with the program" {
	"$loader" --dev lo --skb-mode
	bpftool map create /sys/fs/bpf/lo/mine type array key 4 value 4 entries 1 name mine
	mkdir /sys/fs/bpf/other
	bpftool map create /sys/fs/bpf/other/map type array key 4 value 4 entries 1 name other
	"$loader" --dev lo --unload-all
	[ ! -e "$pin" ]
	[ -e /sys/fs/bpf/lo/mine ]
	[ -e /sys/fs/bpf/other/map ]
	rm -r /sys/fs/bpf/other
}

@test "the id of another program leaves program and pin alone" {
	"$loader" --dev lo --skb-mode
	run "$loader" --dev lo -U 4000000000
	[ "$status" -eq 1 ]
	grep -q 'there is: xdp_pass_func' <<<"$output"
	[ -e "$pin" ]
	run "$loader" --dev lo --skb-mode --progname xdp_drop_func # taken
	[ "$status" -eq 1 ]
	[ -e "$pin" ]
}

@test "a map of another shape at the pin's place is refused by both, and stays" {
	local type value entries program
	while read -r type value entries; do # an array's keys have 4 bytes
		mkdir /sys/fs/bpf/lo
		bpftool map create "$pin" type "$type" key 4 value "$value" entries "$entries" name xdp_stats_map
		before=$(bpftool -j map show pinned "$pin" | member id)
		for program in "$loader" "$stats"; do
			run "$program" --dev lo
			[ "$status" -eq 1 ]
			grep -q "it is: *$type, keys of 4 bytes, values of $value bytes, $entries entries" <<<"$output"
			grep -q 'wanted: *percpu_array, keys of 4 bytes, values of 16 bytes, 5 entries' <<<"$output"
		done
		"$loader" --dev lo --unload-all
		[ "$(bpftool -j map show pinned "$pin" | member id)" = "$before" ]
		[ -z "$(attached lo)" ]
		rm -r /sys/fs/bpf/lo
	done <<-END
		array 8 5
		array 16 5
		percpu_hash 16 5
		percpu_array 8 5
		percpu_array 16 4
		percpu_array 16 6
	END
}

@test "a map with the right shape from an earlier loader is replaced" {
	"$loader" --dev lo --skb-mode
	before=$(bpftool -j map show pinned "$pin" | member id)
	ip link set dev lo xdpgeneric off
	"$loader" --dev lo --skb-mode
	after=$(bpftool -j map show pinned "$pin" | member id)
	[ "$before" -ne "$after" ]
}

@test "a program that the kernel refuses leaves the old pin as it was" {
	"$loader" --dev lo --skb-mode
	before=$(bpftool -j map show pinned "$pin" | member id)
	ip link set dev lo xdpgeneric off
	compile_bpf no_bounds
	run "$loader" --dev lo -S --filename "$BATS_FILE_TMPDIR/no_bounds.o"
	[ "$status" -eq 1 ]
	[ "$(bpftool -j map show pinned "$pin" | member id)" = "$before" ]
}

@test "an object without our map is taken off again, or not attached at all" {
	for program in "$counter" "$loader"; do
		run "$program" --dev lo -S --filename "$LAB_TREE/basic01-xdp-pass/xdp_pass_kern.o" xdp_prog_simple
		[ "$status" -eq 1 ]
		grep -q 'no map xdp_stats_map' <<<"$output"
		[ "$program" = "$counter" ] || run ! grep -q '^Success' <<<"$output"
		[ -z "$(attached lo)" ]
		[ ! -e "$pin" ]
	done
}

all_pins() { # but those that the kernel, and libxdp, put there
	find /sys/fs/bpf -mindepth 1 ! -name '*.debug' ! -path '/sys/fs/bpf/xdp*'
}

@test "a map that asks for a pin gets one for each device, and it goes with the last program" {
	local program=$LAB_TREE/basic02-prog-by-name/xdp_loader object=$BATS_FILE_TMPDIR/pinned.o dev
	veth left right
	for dev in lo left; do
		works "pinned: /sys/fs/bpf/$dev/by-name/by_name" -- "$program" --dev $dev --filename "$object" pins
	done
	[ "$(bpftool -j map show pinned /sys/fs/bpf/lo/by-name/by_name | member id)" != \
		"$(bpftool -j map show pinned /sys/fs/bpf/left/by-name/by_name | member id)" ]
	works "unpinned: /sys/fs/bpf/lo/by-name/by_name" -- "$program" --dev lo --unload-all
	[ -e /sys/fs/bpf/left/by-name/by_name ]
	works "unpinned: /sys/fs/bpf/left/by-name/by_name" -- "$program" --dev left -U
	works "pinned: " -- "$program" --dev left --filename "$object" pins --for 60
	works -- kill "$(sed -n 's/.*sooner with: kill //p' <<<"$output")"
	poll none_waits
	[ -z "$(all_pins)" ]
}

@test "a map that asks for a pin: where loading fails, none is left that was not there before" {
	local program object=$BATS_FILE_TMPDIR/pinned.o
	veth left right
	for program in basic01-xdp-pass/xdp_pass_user basic02-prog-by-name/xdp_loader basic05-anatomy/hello_user; do
		refused 1 'for_devmap' -- "$LAB_TREE/$program" --dev left --filename "$object" for_devmap
		refused 1 'for_devmap' -- "$LAB_TREE/$program" --dev left --filename "$object" for_devmap --for 9
		refused 1 'native' -- "$LAB_TREE/$program" --dev lo --filename "$object" pins -N
		[ -z "$(all_pins)" ]
	done
	run "$counter" --dev lo --filename "$object" pins # it has no counters
	[ "$status" -eq 1 ]
	[ -z "$(all_pins)" ]
	program=$LAB_TREE/basic02-prog-by-name/xdp_loader
	works -- "$program" -q --dev left --filename "$object" pins
	refused 1 'left is taken' -- "$program" --dev left --filename "$object" for_devmap
	[ -e /sys/fs/bpf/left/by-name/by_name ]
	works -- "$program" -q --dev left -U
}

@test "a map that asks for a pin: Ctrl-C while a load fails leaves none" {
	any_kernel 'the moment of a signal'
	type strace >/dev/null || skip 'needs tool strace: it sends the signal in the middle'
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: sanitizers make calls like these of their own'
	local program
	for program in basic01-xdp-pass/xdp_pass_user basic02-prog-by-name/xdp_loader; do
		run strace -qq -o /dev/null -e inject=rt_sigprocmask:signal=INT:when=1 \
			"$LAB_TREE/$program" --dev lo -N --filename "$BATS_FILE_TMPDIR/pinned.o" pins
		[ "$status" -eq $((128 + $(kill -l INT))) ]
		grep -q '^Error: cannot attach pins' <<<"$output"
		[ -z "$(all_pins)" ]
	done
}

@test "a loader that has to wait for another one says so" {
	exec 7</sys/fs/bpf
	flock 7
	"$loader" --dev lo -S >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- 7<&- &
	poll grep -q '^Note: .* waiting for it' "$BATS_TEST_TMPDIR/said"
	[ -z "$(attached lo)" ]
	exec 7<&-
	wait $!
	[ -e "$pin" ]
}

@test "without a BPF file system both say how to mount it, and nothing is attached" {
	for program in "$loader" "$stats"; do
		run unshare --mount sh -c "umount /sys/fs/bpf; exec '$program' --dev lo"
		[ "$status" -eq 1 ]
		grep -q 'mount -t bpf bpf /sys/fs/bpf' <<<"$output"
	done
	[ -z "$(attached lo)" ]
}

@test "where no one has pinned anything, the reader says what to do first" {
	run "$stats" --dev lo
	[ "$status" -eq 1 ]
	grep -q 'nobody has pinned counters for lo' <<<"$output"
	grep -q './xdp_loader --dev lo' <<<"$output"
}

@test "two networks with devices of one name do not share a pin" {
	ip netns add room
	ip netns exec room ip link set lo up
	nsenter --net=/run/netns/room "$loader" --dev lo --skb-mode
	[ -e /sys/fs/bpf/room:lo/xdp_stats_map ]
	[ ! -e "$pin" ]
	"$loader" --dev lo --skb-mode
	[ -e "$pin" ]
	nsenter --net=/run/netns/room "$loader" --dev lo --unload-all
	[ ! -e /sys/fs/bpf/room:lo ]
	[ -e "$pin" ]
}

@test "a device with a dot in its name: the pin has a comma there, and reader and unloading find it" {
	ip link add left.7 type veth peer name right
	"$loader" --dev left.7
	[ -e /sys/fs/bpf/left,7/xdp_stats_map ]
	run "$stats" --dev left.7 -n 1 -i 0.01
	[ "$status" -eq 0 ]
	"$loader" --dev left.7 --unload-all
	[ ! -e /sys/fs/bpf/left,7 ]
	ip link del left.7
}

@test "devices with names like one another have pins of their own, and libxdp's directory stays its" {
	local dirs='' made=0
	for dev in a.b a,b a,.b a,,b xdp; do
		ip link add name "$dev" type veth peer name "peer$((++made))"
		works 'pinned: /sys/fs/bpf/' -- "$loader" --dev "$dev"
		dirs+=" $(sed -n 's,.*pinned: /sys/fs/bpf/\(.*\)/xdp_stats_map,\1,p' <<<"$output")"
		[ "$("$stats" --dev "$dev" -n 1 -i 0.01 | grep -c XDP_PASS)" -eq 1 ]
		[ "$(find /sys/fs/bpf -name xdp_stats_map | wc -l)" -eq "$(wc -w <<<"$dirs")" ]
	done
	[ "$dirs" = ' a,b a,:b a,:,b a,:,:b :xdp' ]
	for dev in a.b a,b a,.b a,,b xdp; do
		works 'unpinned: ' -- "$loader" --dev "$dev" --unload-all
		ip link del dev "$dev"
	done
	[ -z "$(find /sys/fs/bpf -name xdp_stats_map)" ]
}

# ---- --for, and Ctrl-C

is_gone() { # PATH
	[ ! -e "$1" ]
}

none_waits() { # for the end of a --for
	! pgrep -x xdp-lab-unpin >/dev/null
}

@test "with --for the pin ends with the program: the time is up, killed, killed hard, unloaded" {
	for way in 'true' 'kill KEEPER' 'kill -KILL KEEPER' "$loader -q --dev lo -U"; do
		seconds=60
		[ "$way" != true ] || seconds=1
		works "pinned: $pin" -- "$loader" --dev lo --for $seconds
		keeper=$(sed -n 's/.*sooner with: kill //p' <<<"$output")
		[ "$way" = true ] || works 'XDP_PASS' -- "$stats" --dev lo -n 1 -i 0.01
		${way/KEEPER/$keeper}
		poll is_gone /sys/fs/bpf/lo
		[ -z "$(attached lo)" ]
	done
}

@test "with --for only its own pin goes, not that of a loader that came after it" {
	"$loader" -q --dev lo --for 60
	keeper=$(pgrep -x xdp-lab-for)
	"$loader" -q --dev lo -U
	"$loader" -q --dev lo -S
	poll is_gone "/proc/$keeper"
	poll none_waits
	[ -e "$pin" ]
}

@test "Ctrl-C while it pins comes when all is done: attached and pinned" {
	any_kernel 'the moment of a signal'
	type strace >/dev/null || skip 'needs tool strace: it sends the signal in the middle'
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: sanitizers make calls like these of their own'
	for call in mkdir rename; do
		for signal in INT TERM HUP; do
			run strace -f -qq -o /dev/null -e inject=$call:signal=$signal "$loader" --dev lo -S
			[ "$status" -ge 128 ] # it ended by that signal
			grep -q 'pinned: ' <<<"$output"
			[ -n "$(attached lo)" ]
			[ -e "$pin" ]
			[ ! -e "${pin}_new" ]
			works 'unpinned: ' -- "$loader" --dev lo --unload-all
		done
	done
}

# A signal as each file is closed, of which loaders have dozens: what is done is said.
interrupted_as_it_closes() { # ATTACHED-BEFORE COMMAND...
	local n=0 before=$1 now said pins
	shift
	while :; do
		[ "$before" = no ] || "$1" -q --dev lo -S
		n=$((n + 1))
		run strace -qq -o /dev/null -e inject=close:signal=INT:when=$n "$@"
		now=no said=no pins=$(find /sys/fs/bpf -name 'xdp_stats_map*' -o -name 'targets*')
		[ -z "$(attached lo)" ] || now=yes
		! grep -q '^Success: ' <<<"$output" || said=yes
		[ "$now$said" = "$before"no ] || [[ $now != "$before" && $said = yes ]]
		[[ $now = yes || -z $pins ]]
		"$1" -q --dev lo --unload-all
		[ "$status" -ne 0 ] || break
	done
	[ "$n" -gt 10 ]
}

@test "Ctrl-C while a loader attaches, or takes off, comes when all is done and said" {
	any_kernel 'the moment of a signal'
	local program
	type strace >/dev/null || skip 'needs tool strace: it sends the signal in the middle'
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: sanitizers make calls like these of their own'
	for program in basic01-xdp-pass/xdp_pass_user "${loader#"$LAB_TREE/"}" basic06-calls/calls_user; do
		interrupted_as_it_closes no "$LAB_TREE/$program" --dev lo -S
		interrupted_as_it_closes yes "$LAB_TREE/$program" --dev lo --unload-all
	done
	interrupted_as_it_closes no "$LAB_TREE/basic01-xdp-pass/xdp_pass_user" --dev lo -S --for 60
}

@test "a pipe that nobody reads ends a reader without a word, and no loader in the middle" {
	local words
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	exec 7<>"$BATS_TEST_TMPDIR/pipe"
	exec 8>"$BATS_TEST_TMPDIR/pipe" 7>&- # nobody has it open to read
	for words in -S --list "-n 2 -i 0.01" --unload-all; do
		program=$loader status=0
		[[ $words != -n* ]] || program=$stats
		# shellcheck disable=SC2086 # words
		"$program" --dev lo $words 2>"$BATS_TEST_TMPDIR/err" >&8 || status=$?
		[ ! -s "$BATS_TEST_TMPDIR/err" ]
		case $words in
		-n*) [ "$status" -eq $((128 + $(kill -l PIPE))) ] ;;
		--unload-all) [ "$status$(attached lo)" = 0 ] && [ ! -e "$pin" ] ;;
		*) [ "$status" -eq 0 ] && [ -n "$(attached lo)" ] && [ -e "$pin" ] ;;
		esac
	done
	exec 8>&-
}

@test "a program at the pin's place is told from a map, refused by both, and stays" {
	mkdir /sys/fs/bpf/lo
	bpftool prog load "$LAB_TREE/basic01-xdp-pass/xdp_pass_kern.o" "$pin"
	for program in "$loader" "$stats"; do
		refused 1 "$pin is no map" "rm $pin" -- "$program" --dev lo
	done
	"$loader" --dev lo --unload-all
	[ "$(bpftool -j prog show pinned "$pin" | member name)" = xdp_prog_simple ]
	[ -z "$(attached lo)" ]
}

@test "where basic06 cannot pin, it says so before anything is attached" {
	local calls=$LAB_TREE/basic06-calls/calls_user
	refused 1 'cannot reach the pins of lo' 'mount -t bpf bpf /sys/fs/bpf' \
		-- unshare --mount sh -c 'umount /sys/fs/bpf; exec "$@"' sh "$calls" --dev lo
	mkdir /sys/fs/bpf/lo
	bpftool map create /sys/fs/bpf/lo/targets type array key 4 value 4 entries 1 name targets
	refused 1 'targets' 'rm /sys/fs/bpf/lo/targets' -- "$calls" --dev lo
	[ -z "$(attached lo)" ]
	rm -r /sys/fs/bpf/lo
}

@test "a directory at the pin's place: the loader attaches nothing" {
	mkdir -p "$pin"
	refused 1 "$pin" 'there may be a directory' 'rmdir' -- "$loader" --dev lo
	[ -z "$(attached lo)" ]
	rmdir "$pin"
}

@test "where nothing can be pinned, nothing is attached" {
	local program
	mount -o remount,ro /sys/fs/bpf
	for program in "$loader" "$LAB_TREE/basic06-calls/calls_user"; do
		refused 1 'cannot reach the pins of lo' 'is mounted read-only' 'mount -o remount,rw' \
			-- "$program" --dev lo --skb-mode
	done
	mount -o remount,rw /sys/fs/bpf
	[ -z "$(attached lo)" ]
}

@test "a pin that can be neither replaced nor removed: an error, and it stays as it was" {
	"$loader" --dev lo --skb-mode
	before=$(bpftool -j map show pinned "$pin" | member id)
	mount -o remount,ro /sys/fs/bpf
	run --separate-stderr "$loader" --dev lo --unload-all
	unloaded=$status said=$stderr
	run --separate-stderr "$loader" --dev lo --skb-mode
	mount -o remount,rw /sys/fs/bpf
	[ "$unloaded" -eq 1 ]
	[ "$status" -eq 1 ]
	for stderr in "$said" "$stderr"; do
		[[ $stderr == *'cannot reach the pins of lo'*'is mounted read-only'* ]]
	done
	[ -z "$(attached lo)" ]
	[ "$(bpftool -j map show pinned "$pin" | member id)" = "$before" ]
}

@test "what a loader that was killed has left goes with the next --unload-all" {
	mkdir /sys/fs/bpf/lo # killed before it pinned
	"$loader" --dev lo --unload-all
	[ ! -e /sys/fs/bpf/lo ]

	"$loader" --dev lo --skb-mode # killed before it renamed
	mv "$pin" "${pin}_new"
	"$loader" --dev lo --unload-all
	[ ! -e /sys/fs/bpf/lo ]

	"$loader" --dev lo --skb-mode # the same, where an older pin stands already
	bpftool map create "${pin}_new" type array key 4 value 4 entries 1 name unfinished
	ip link set dev lo xdpgeneric off
	"$loader" --dev lo --skb-mode
	[ ! -e "${pin}_new" ]
}

@test "killed at any moment, the loader leaves nothing that --unload-all does not clear" {
	any_kernel 'the moment of a signal'
	RANDOM=${LAB_SEED:=$RANDOM}
	echo "LAB_SEED=$LAB_SEED" # shown if it fails
	local start=$EPOCHREALTIME took
	"$loader" --dev lo --skb-mode
	took=$((${EPOCHREALTIME//[!0-9]/} - ${start//[!0-9]/}))
	"$loader" --dev lo --unload-all
	for _ in {1..30}; do
		# a leak checker that is killed at its work complains
		ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 "$loader" --dev lo --skb-mode >/dev/null 2>&1 &
		sleep "$(printf '0.%06d' $((RANDOM * 32 % took)))"
		kill -KILL $! 2>/dev/null || :
		wait $! || :
		"$loader" --dev lo --unload-all
		[ -z "$(attached lo)" ]
		[ ! -e /sys/fs/bpf/lo ]
	done
}
