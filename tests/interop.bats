#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 14
# time limit: 180
# sanitizers: too
#
# Together with ip, bpftool and xdp-loader: what they attach ours list and remove, and the reverse.

# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats: a test is a function; cd stops it
load helpers

setup_file() {
	in_private_world
	one_program_a_device
	new_witness
	compile_bpf named "-DNAME=$WITNESS"
}

setup() {
	veth left right
	object=$BATS_FILE_TMPDIR/named.o
	pin=/sys/fs/bpf/$WITNESS
	basic01=$LAB_TREE/basic01-xdp-pass/xdp_pass_user
	basic02=$LAB_TREE/basic02-prog-by-name/xdp_loader
	cd "$LAB_TREE/basic01-xdp-pass"
}

teardown() {
	rm -f "$pin"
	ip link del left 2>/dev/null || :
	ip link set lo xdpgeneric off
	gone "$WITNESS"
}

free() { # DEV
	[ -z "$(attached "$1")" ]
}

no_pins() { # but those that the kernel puts into each BPF file system itself
	[ -z "$(find /sys/fs/bpf -type f ! -name '*.debug')" ]
}

attach_with() { # WAY DEV: the witness
	case $1 in
	ip) ip link set dev "$2" xdp obj "$object" sec xdp ;;
	ip-generic) ip link set dev "$2" xdpgeneric obj "$object" sec xdp ;;
	ip-native) ip link set dev "$2" xdpdrv obj "$object" sec xdp ;;
	bpftool* | xdp-loader*) "attach_with_${1%%:*}" "${1#*:}" "$2" ;;
	esac
	[ -n "$(attached "$2")" ]
}

attach_with_bpftool() { # xdp|xdpgeneric|xdpdrv DEV
	bpftool prog load "$object" "$pin" type xdp
	bpftool net attach "$1" pinned "$pin" dev "$2"
	rm "$pin"
}

attach_with_xdp-loader() { # MODE DEV
	xdp-loader load -m "$1" "$2" "$object"
}

ways() { # every way in which others attach, and the mode in which ours must list it
	cat <<-END
		ip native
		ip-generic skb
		ip-native native
		bpftool:xdp native
		bpftool:xdpgeneric skb
		bpftool:xdpdrv native
		xdp-loader:native native
		xdp-loader:skb skb
		xdp-loader:unspecified native
	END
}

# Of what is tried in each way: all of it; in a guest, where a command takes ten times as long, the
# nth one.
of_each() { # WORDS...: sets "all"
	all=("$@")
	[ -z "${LAB_BUILT-}" ] || all=("${@:nth % $# + 1:1}")
}

@test "what ip, bpftool and xdp-loader attach, ours list" {
	while read -r way mode; do
		attach_with "$way" left
		for loader in "$basic01" "$basic02"; do
			works -- "$loader" --dev left --list
			[ "$(xargs <<<"${lines[1]}")" = "$(attached left) $WITNESS $mode - netlink" ] ||
				show_run "attached by $way"
		done
		works -- "$basic01" --dev left -U
	done < <(ways)
}

@test "what ip, bpftool and xdp-loader attach, ours remove: alone, by id, by name, and all" {
	local all nth=0
	while read -r way mode; do
		of_each "$basic01" "$basic02"
		for loader in "${all[@]}"; do
			of_each -U '-U ID' "-U --progname $WITNESS" --unload-all
			for words in "${all[@]}"; do
				attach_with "$way" left
				# shellcheck disable=SC2086
				works "Unloading XDP prog name:$WITNESS (id:$(attached left)) from device:left" \
					-- "$loader" --dev left ${words/ID/$(attached left)}
				free left
			done
		done
		nth=$((nth + 1))
	done < <(ways)
	gone "$WITNESS"
	no_pins
}

@test "what ip, bpftool and xdp-loader attach is not replaced by ours" {
	local all nth=0
	while read -r way mode; do
		attach_with "$way" left
		id=$(attached left)
		of_each '' -S -N --force '--for 5'
		for words in "${all[@]}"; do
			# shellcheck disable=SC2086
			refused 1 "left is taken: $WITNESS (id $id, $mode) is attached there" \
				"--dev left --unload $id" -- "$basic02" --dev left $words
		done
		[ "$(attached left)" = "$id" ]
		works -- "$basic02" --dev left --unload "$id" # as it says
		nth=$((nth + 1))
	done < <(ways)
}

@test "ours, removed by ip" {
	works -- "$basic01" --dev left
	works -- ip link set left xdp off
	free left
	works -- "$basic01" --dev left -S
	works -- ip link set left xdpgeneric off
	free left
	works -- "$basic01" --dev left -N
	works -- ip link set left xdpdrv off
	free left
	works 'No XDP program on left.' -- "$basic01" --dev left --list
}

@test "ours, removed by bpftool" {
	for pair in -A:xdp -S:xdpgeneric -N:xdpdrv; do
		works -- "$basic01" --dev left ${pair%:*}
		works -- bpftool net detach ${pair#*:} dev left
		free left
	done
	works 'Nothing to unload' -- "$basic01" --dev left --unload-all
}

@test "ours, removed by xdp-loader" {
	for mode in -A -S -N; do
		works -- "$basic01" --dev left $mode
		works 'xdp_prog_simple' "$(attached left)" -- xdp-loader status left
		works -- xdp-loader unload -a left
		free left
		works -- "$basic02" --dev left $mode xdp_drop_func
		works -- xdp-loader unload -i "$(attached left)" left
		free left
	done
}

@test "ours, seen by ip, bpftool and xdp-loader" {
	works -- "$basic02" --dev left --filename "$object"
	id=$(attached left)
	works "prog/xdp id $id name $WITNESS" -- ip -d link show dev left
	works "left($(cat /sys/class/net/left/ifindex)) driver id $id" -- bpftool net list dev left
	works "$WITNESS" 'native' " $id " -- xdp-loader status left
	works "$WITNESS" -- bpftool prog show id "$id"
	works -- "$basic02" --dev left -U
}

@test "ours with --for: others see it, and cannot take it away by mistake" {
	works -- "$basic02" --dev left --filename "$object" --for 60
	keeper=${output##*kill }
	id=$(attached left)
	works "driver id $id" -- bpftool net list dev left
	for command in 'ip link set left xdp off' 'bpftool net detach xdp dev left' \
		'xdp-loader load left xdp_pass_kern.o' 'xdp-loader unload -a left'; do
		# shellcheck disable=SC2086
		run $command
		# Newer ones than 1.3 detach links, if they are told to unload all there is.
		[[ -n $(attached left) || $status -ne 0 || $command != *'unload -a'* ]] || break
		[ "$(attached left)" = "$id" ] || show_run 'it should still be there'
	done
	if [ -n "$(attached left)" ]; then
		works -- "$basic02" --dev left -U
	else
		refused 1 'nothing to unload from left' -- "$basic02" --dev left -U
		kill "$keeper" 2>/dev/null || : # it may have seen it, and be gone
	fi
	free left
}

@test "removed by others between two of our commands: ours say what is" {
	works -- "$basic01" --dev left
	id=$(attached left)
	ip link set left xdp off
	refused 1 'nothing to unload from left' -- "$basic01" --dev left -U "$id"
	attach_with ip left
	refused 1 "id $id is not attached to left" "$WITNESS (id $(attached left), native)" \
		-- "$basic01" --dev left -U "$id"
	works -- "$basic01" --dev left -U
}

@test "a program in another mode than ours asks for is named with its mode" {
	attach_with ip-generic lo
	id=$(attached lo)
	refused 1 "lo is taken: $WITNESS (id $id, skb)" -- "$basic01" --dev lo
	works -- "$basic02" --dev lo -U
	free lo
}

@test "our objects load with the loaders of others" {
	for file in "$LAB_TREE"/basic0[12]-*/*_kern.o; do
		works -- ip link set dev left xdp obj "$file" sec xdp
		works -- "$basic01" --dev left -U
		works -- xdp-loader load -m skb left "$file"
		works -- "$basic01" --dev left -U
		works -- bpftool prog loadall "$file" "${pin}_d" type xdp
		rm -r "${pin}_d"
	done
}

@test "objects that others have compiled load with ours: those of xdp-tools" {
	# They are installed beside libxdp's dispatcher, wherever a distribution keeps that.
	shopt -s nullglob
	objects=(/usr/lib*/bpf/xdpfilt_*.o /usr/lib*/*/bpf/xdpfilt_*.o)
	[ "${#objects[@]}" -gt 0 ] || skip 'needs tool xdp-filter: its objects'
	for file in "${objects[0]}" "${objects[-1]}"; do
		for loader in "$basic01" "$basic02"; do
			works 'prog name:xdpfilt_' -- "$loader" --dev left --filename "$file"
			works 'Unloading XDP prog name:xdpfilt_' -- "$loader" --dev left -U
		done
	done
}
