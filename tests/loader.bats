#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 15
# time limit: 180
# sanitizers: too
#
# The command line of the loaders of basic01 and basic02: what people type, what they get.

# shellcheck disable=SC2016,SC2154,SC2164 # bats sets $stderr, and stops where cd fails
load helpers

setup_file() {
	in_private_world
	one_program_a_device
	local name
	for name in no_bounds old_style for_tc xdp_and_tc no_licence gpl_only one_broken \
		no_null_check long_name huge_map odd_kinds undefined; do
		compile_bpf "$name"
	done
	compile_bpf old_style -g0 -o "$BATS_FILE_TMPDIR/no_btf.o"
	new_witness
	compile_bpf named "-DNAME=$WITNESS"
}

setup() {
	veth left right
	objects=$BATS_FILE_TMPDIR
	cd "$LAB_TREE/basic02-prog-by-name"
}

teardown() {
	ip link del left 2>/dev/null || :
	ip link set lo xdpgeneric off
	umount /sys/fs/bpf/elsewhere 2>/dev/null || :
	cd /
}

# Only the device decides whether something was changed.
runs() { # DEV NAME: this program and no other is attached to DEV
	local id
	id=$(attached "$1")
	[ -n "$id" ] && [ "$(bpftool -j prog show id "$id" | sed 's/.*"name":"\([^"]*\)".*/\1/')" = "$2" ]
}

free() { # DEV: nothing is attached there
	[ -z "$(attached "$1")" ]
}

# ---- the lines that people type

@test "basic01: ip attaches the object to lo, shows it, and takes it off" {
	cd "$LAB_TREE/basic01-xdp-pass"
	works -- ip link set dev lo xdpgeneric obj xdp_pass_kern.o sec xdp
	works 'xdpgeneric' 'prog/xdp id' -- ip link show dev lo
	works 'xdp_prog_simple' ' skb ' ' netlink' -- ./xdp_pass_user --dev lo --list
	works -- ip link set dev lo xdpgeneric off
	free lo
}

@test "basic01: xdp-loader attaches the object to lo and shows it" {
	cd "$LAB_TREE/basic01-xdp-pass"
	works -- xdp-loader load -m skb lo xdp_pass_kern.o
	works 'xdp_prog_simple' -- xdp-loader status lo
	works 'Unloading XDP prog name:xdp_prog_simple' -- ./xdp_pass_user -d lo --unload-all
	free lo
}

@test "basic01: the walk on lo, from attaching to an id that is not there, to the end" {
	cd "$LAB_TREE/basic01-xdp-pass"
	works 'Success: Loading XDP prog name:xdp_prog_simple (id:' ') on device:lo (ifindex:1)' \
		-- ./xdp_pass_user --dev lo
	[[ ${lines[1]} == '  mode:skb, '* ]]
	id=$(attached lo)
	works "lo(1) generic id $id" -- bpftool net list dev lo
	works -- ip link list dev lo type xdp
	refused 1 'id 745 is not attached to lo' "there is: xdp_prog_simple (id $id, skb)" \
		-- ./xdp_pass_user --dev lo -U 745
	[ "$(attached lo)" = "$id" ]
	works "Success: Unloading XDP prog name:xdp_prog_simple (id:$id) from device:lo" \
		-- ./xdp_pass_user --dev lo --unload-all
	free lo
	works 'Success: Loading' -- ./xdp_pass_user -d lo
	runs lo xdp_prog_simple
}

@test "basic01: the tag that tools show is a hash of the two instructions" {
	"$LAB_TREE/basic01-xdp-pass/xdp_pass_user" -q --dev left
	tag=$("$LAB_TREE/basic01-xdp-pass/xdp_pass_user" --dev left --list | awk '/xdp_prog/ { print $1 }')
	tag=$(bpftool -j prog show id "$tag" | member tag)
	for hash in sha256sum sha1sum; do # Linux 6.18 and newer; those before
		sum=$(printf '%b' '\xb7\0\0\0\2\0\0\0\x95\0\0\0\0\0\0\0' | $hash)
		[ "${sum:0:16}" != "$tag" ] || return 0
	done
	false
}

@test "basic01: the object shows its source beside its instructions" {
	[ -z "${LAB_BUILT-}" ] || return 0 # a guest has no LLVM, and this is about the file alone
	cd "$LAB_TREE/basic01-xdp-pass"
	works '<xdp_prog_simple>:' 'return XDP_PASS;' 'b7 00 00 00' 'exit' -- llvm-objdump -S xdp_pass_kern.o
	grep -q 'r0 = \(0x\)\?2$' <<<"$output"
	works 'return XDP_PASS;' -- llvm-objdump -S --no-show-raw-insn xdp_pass_kern.o
	grep -q 'r0 = \(0x\)\?2$' <<<"$output"
	[[ $output != *'b7 00 00 00'* ]]
}

@test "basic02: the walk in a network: default program, all off, drop, off, pass" {
	works 'prog name:xdp_pass_func (id:' ' on device:left ' -- ./xdp_loader --dev left
	[[ ${lines[1]} == '  mode:native, '* ]]
	runs left xdp_pass_func
	works 'Unloading XDP prog name:xdp_pass_func' -- ./xdp_loader --dev left --unload-all
	works 'prog name:xdp_drop_func (id:' -- ./xdp_loader --dev left --progname xdp_drop_func
	runs left xdp_drop_func
	works 'Unloading XDP prog name:xdp_drop_func' \
		-- ./xdp_loader --dev left --unload --progname xdp_drop_func
	works 'prog name:xdp_pass_func (id:' -- ./xdp_loader --dev left --progname xdp_pass_func
	runs left xdp_pass_func
}

# ---- help, version, quiet, verbose

@test "--help lists the options that a loader has, and no others" {
	any_kernel 'the command line'
	for dir in basic01-xdp-pass/xdp_pass_user basic02-prog-by-name/xdp_loader; do
		chain=
		[[ $dir == basic01* ]] || chain='--prio --chain-on '
		works -- "$LAB_TREE/$dir" --help
		found=$(grep -o '^  \(-.,\|   \) --[a-z-]*' <<<"$output" | sed 's/ //g' | xargs)
		[ "$found" = "-d,--dev -S,--skb-mode -N,--native-mode -A,--auto-mode --offload-mode \
--filename --progname --progsec $chain--for --force -U,--unload --unload-all --list \
-q,--quiet -v,--verbose -h,--help --version" ]
		long=$(awk 'length > 100 && !/^Usage: /' <<<"$output") # which has the path as typed
		[ -z "$long" ]
	done
	works 'xdp_prog_kern.o' 'Without --progname it loads xdp_pass_func.' -- ./xdp_loader -h
}

@test "each option of --help is one, and without a device it says so" {
	any_kernel 'the command line'
	for option in -S --skb-mode -N --native-mode -A --auto-mode --offload-mode --force -U \
		--unload --unload-all --list -q --quiet -v --verbose '--for 3' '--filename x' \
		'--progname x' '--progsec x'; do
		# shellcheck disable=SC2086
		refused 2 'which device? Name it with --dev' -- ./xdp_loader $option
	done
	refused 2 'which device?' -- ./xdp_loader
	refused 2 'which device?' -- ./xdp_loader xdp_drop_func
}

@test "--help and --version need neither a device nor root" {
	any_kernel 'the command line'
	for option in -h --help --version; do
		works -- setpriv --reuid 65534 --regid 65534 --clear-groups ./xdp_loader $option
	done
	[[ $output =~ ^./xdp_loader\ \(xdp-lab\)\ [0-9.]+,\ libbpf\ 1\.[0-9]+$ ]]
}

@test "what was asked for and cannot be written is an error, unless nobody wants to read on" {
	any_kernel 'the command line'
	for words in --help --version '--dev left --list'; do
		# shellcheck disable=SC2086
		refused 1 'cannot write what was asked for' -- bash -c './xdp_loader "$@" >/dev/full' sh $words
		# shellcheck disable=SC2086
		works -- bash -c './xdp_loader "$@" | :; exit "${PIPESTATUS[0]}"' sh $words
	done
}

@test "-q says nothing but errors" {
	works 'No XDP program on left.' -- ./xdp_loader -q --dev left --list # this was asked for
	works -- ./xdp_loader -q --dev left
	[ -z "$output" ]
	works 'ID ' 'xdp_pass_func' -- ./xdp_loader -q --dev left --list
	refused 1 'left is taken' -- ./xdp_loader -q --dev left --for 3
	works -- ./xdp_loader -q --dev left --unload
	[ -z "$output" ]
	works -- ./xdp_loader -q --dev left --unload-all
	[ -z "$output" ]
	free left
}

@test "-v shows the libraries at work, and nothing of them without it" {
	run --separate-stderr ./xdp_loader -v --dev left
	[ "$status" -eq 0 ]
	[[ $stderr == *'libbpf: '*"found program 'xdp_drop_func'"* && $stderr == *'libxdp: '* ]]
	[[ $output == 'Success: Loading'* ]]
	works -- ./xdp_loader --dev left --unload
}

@test "-v shows the verifier's whole log" {
	run --separate-stderr ./xdp_loader -v --dev left --filename "$objects/no_bounds.o"
	[ "$status" -eq 1 ]
	[[ $stderr == *'BEGIN PROG LOAD LOG'*'processed '*'END PROG LOAD LOG'*'Error: '* ]]
}

# ---- the grammar

@test "-U takes the next word as an id, in all four ways" {
	for words in '-U ID' '--unload ID' '--unload=ID' '-UID'; do
		./xdp_loader -q --dev left
		id=$(attached left)
		# shellcheck disable=SC2086
		works "Unloading XDP prog name:xdp_pass_func (id:$id)" \
			-- ./xdp_loader --dev left ${words/ID/$id}
		free left
	done
}

@test "-U with an id that is not there says what is, and leaves it" {
	./xdp_loader -q --dev left
	id=$(attached left)
	for words in '-U ID' '--unload ID' '--unload=ID' '-UID' '-qUID'; do
		# shellcheck disable=SC2086
		refused 1 "id 4294967295 is not attached to left" "xdp_pass_func (id $id, native)" \
			-- ./xdp_loader --dev left ${words/ID/4294967295}
	done
	refused 1 "xdp_drop_func is not attached to left" "xdp_pass_func (id $id, native)" \
		-- ./xdp_loader --dev left -U --progname xdp_drop_func
	[ "$(attached left)" = "$id" ]
}

@test "-U where the kernel answers, at any moment, that it is gone: an error, and no crash" {
	any_kernel 'the moment of an answer'
	type strace >/dev/null || skip 'needs tool strace: it puts the answer there'
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: sanitizers make calls like these of their own'
	local n refusals=0
	for program in basic01-xdp-pass/xdp_pass_user basic03-map-counter/xdp_load_and_stats; do
		for n in {1..14}; do
			! free left || ./xdp_loader -q --dev left
			run --separate-stderr strace -qq -o /dev/null -e "inject=bpf:error=ENOENT:when=$n" \
				"$LAB_TREE/$program" --dev left -U
			[ "$status" -le 1 ] || show_run 'it should have ended by itself'
			[ "$status" -eq 0 ] || [[ $stderr == 'Error: '*'  fix: '* ]]
			refusals=$((refusals + status))
		done
	done
	[ "$refusals" -gt 2 ]
}

@test "-U of a program that is on another device leaves both alone" {
	./xdp_loader -q --dev left
	./xdp_loader -q --dev right xdp_drop_func
	id=$(attached right)
	refused 1 "id $id is not attached to left" -- ./xdp_loader --dev left -U "$id"
	[ "$(attached right)" = "$id" ]
	runs left xdp_pass_func
}

@test "-U and an option behind it, or nothing: the one program there is" {
	for words in '-U --dev left' '--unload --dev left' '-U -q --dev left' '--dev left -U' \
		'--dev left --unload' '-qU --dev left'; do
		./xdp_loader -q --dev left
		# shellcheck disable=SC2086
		works -- ./xdp_loader $words
		free left
	done
}

@test "--unload by name: --progname, in any order" {
	for words in '--unload --progname xdp_pass_func' '--progname xdp_pass_func --unload' \
		'-U --progname=xdp_pass_func' 'xdp_pass_func -U'; do
		./xdp_loader -q --dev left
		# shellcheck disable=SC2086
		works 'Unloading XDP prog name:xdp_pass_func' -- ./xdp_loader --dev left $words
		free left
	done
}

@test "-U with what is no id is a usage error that says how to unload by name" {
	any_kernel 'the command line'
	./xdp_loader -q --dev left
	for id in abc -5 99999999999 0 4294967296 5abc 0x5 +5 1.5 ' 5' '' xdp_pass_func; do
		for words in -U --unload; do
			refused 2 "'$id' is no program id" '--unload --progname NAME' \
				-- ./xdp_loader --dev left "$words" "$id"
		done
		refused 2 "'$id' is no program id" -- ./xdp_loader --dev left "--unload=$id"
		[ -z "$id" ] || refused 2 "'$id' is no program id" -- ./xdp_loader --dev left "-U$id"
	done
	runs left xdp_pass_func
}

@test "an id and a name, two names, two ways to unload: usage errors that change nothing" {
	any_kernel 'the command line'
	./xdp_loader -q --dev left
	id=$(attached left)
	refused 2 'an id and with a program' -- ./xdp_loader --dev left -U "$id" --progname xdp_pass_func
	refused 2 'an id and with a program' -- ./xdp_loader --dev left -U "$id" xdp_pass_func
	refused 2 "'xdp_pass_func' and 'xdp_drop_func'" -- ./xdp_loader --dev left xdp_pass_func xdp_drop_func
	refused 2 "'xdp_pass_func' and 'x'" -- ./xdp_loader --dev left --progname xdp_pass_func x
	refused 2 'one or the other' -- ./xdp_loader --dev left --unload --unload-all
	refused 2 "--unload --progname xdp_pass_func" -- ./xdp_loader --dev left --unload-all xdp_pass_func
	refused 2 'one or the other' -- ./xdp_loader --dev left --progname a --progsec b
	refused 2 'for loading' -- ./xdp_loader --dev left -U --for 5
	refused 2 'for loading' -- ./xdp_loader --dev left --unload-all --filename x.o
	refused 2 '--list only looks' -- ./xdp_loader --dev left --list --unload-all
	[ "$(attached left)" = "$id" ]
}

@test "--unload-all where nothing is says so and succeeds; --unload is an error" {
	works 'Nothing to unload: no XDP program on left.' -- ./xdp_loader --dev left --unload-all
	refused 1 'nothing to unload from left' 'no XDP program is attached there' \
		-- ./xdp_loader --dev left --unload
	refused 1 'nothing to unload from left' -- ./xdp_loader --dev left --unload 745
}

@test "a bare word is a program's name" {
	works 'name:xdp_drop_func ' -- ./xdp_loader --dev left xdp_drop_func
	runs left xdp_drop_func
	works -- ./xdp_loader --dev left -U
	works 'name:xdp_drop_func ' -- ./xdp_loader xdp_drop_func --dev left
	works -- ./xdp_loader --dev left -U
	works 'name:xdp_drop_func ' -- ./xdp_loader --dev left -- xdp_drop_func
	works -- ./xdp_loader --dev left -U
	refused 1 'there is no program -x in' -- ./xdp_loader --dev left -- -x
}

@test "an unknown option, a missing value and a value too many are usage errors" {
	any_kernel 'the command line'
	for words in --bogus -x --fi=x -Sx --interval=3 -n --json --unload-al; do
		# shellcheck disable=SC2086
		refused 2 'there is no option -' -- ./xdp_loader --dev left $words
	done
	for words in -d --dev --dev= --filename --progname --progname= --progsec --for --for=; do
		refused 2 ' wants a value: ' -- ./xdp_loader --dev left $words
	done
	for words in --list=3 --force=yes --skb-mode=1 --unload-all=3; do
		refused 2 ' takes no value' -- ./xdp_loader --dev left $words
	done
	for seconds in 0 -1 abc 1.5 99999999999999999999 3s; do
		refused 2 '--for wants a whole number' "'$seconds'" \
			-- ./xdp_loader --dev left --for "$seconds"
	done
	free left
}

# ---- choosing the device and the program

@test "an unknown device: the error lists those that there are" {
	for name in nosuch left0 lef 'no/such' 'a b' a_name_of_more_than_fifteen_letters '*'; do
		refused 1 "there is no device $name here" 'there are: ' ' left' ' right' ' lo' \
			-- ./xdp_loader --dev "$name"
	done
}

@test "an unknown device where there are many: the list ends with a whole name, and with dots" {
	any_kernel 'names and files'
	for n in {10..24}; do
		printf 'link add fifteen_left_%s type veth peer name fifteen_rght_%s\n' "$n" "$n"
	done | ip -batch -
	refused 1 'there are: ' -- ./xdp_loader --dev nosuch
	for n in {10..24}; do
		echo "link del fifteen_left_$n"
	done | ip -batch -
	[[ $stderr =~ there\ are:(( (lo|left|right|fifteen_(left|rght)_[0-9][0-9]))+)\ …$'\n' ]]
	[ "${#BASH_REMATCH[1]}" -gt 300 ]
}

@test "a device whose name has 15 letters, or odd ones" {
	any_kernel 'names and files'
	for name in fifteen_letters 'wan.7-x@y' -dash 'a"b' 'ü' '{dev}' '(x)'; do
		ip link add "$name" type veth peer name other
		works "on device:$name (ifindex:" -- ./xdp_loader "--dev=$name"
		refused 1 "$name is taken" "--dev $name" -- ./xdp_loader "--dev=$name"
		works 'xdp_pass_func' -- ./xdp_loader "--dev=$name" --list
		works 'Unloading' -- ./xdp_loader "--dev=$name" -U
		ip link del dev "$name"
	done
}

@test "--list: what is there, in which mode, and what holds it; or that nothing is" {
	works 'No XDP program on left.' -- ./xdp_loader --dev left --list
	works 'No XDP program on left.' -- "$LAB_TREE/basic01-xdp-pass/xdp_pass_user" --dev left --list
	for mode in -S:skb -N:native -A:native; do
		./xdp_loader -q --dev left ${mode%:*} xdp_drop_func
		works -- ./xdp_loader --dev left --list
		[ "${#lines[@]}" -eq 2 ]
		[ "$(xargs <<<"${lines[0]}")" = 'ID NAME MODE PRIO HELD BY' ]
		[ "$(xargs <<<"${lines[1]}")" = "$(attached left) xdp_drop_func ${mode#*:} - netlink" ]
		[ "${lines[0]:10:5}${lines[1]:10:14}" = 'NAME xdp_drop_func ' ] # in columns
		list=$output
		works -- "$LAB_TREE/basic01-xdp-pass/xdp_pass_user" --dev left --list
		[ "$output" = "$list" ]
		./xdp_loader -q --dev left -U # never needs the mode
		free left
	done
	./xdp_loader -q --dev left --for 60
	works -- ./xdp_loader --dev left --list
	[[ $(xargs <<<"${lines[1]}") =~ ^[0-9]+\ xdp_pass_func\ native\ -\ link\ [0-9]+$ ]]
	./xdp_loader -q --dev left -U
}

@test "the object is found beside the loader, from anywhere and through a symlink" {
	any_kernel 'names and files'
	cd /
	works 'name:xdp_pass_func' -- "$LAB_TREE/basic02-prog-by-name/xdp_loader" --dev left
	works -- "$LAB_TREE/basic02-prog-by-name/xdp_loader" --dev left -U
	ln -s "$LAB_TREE/basic02-prog-by-name/xdp_loader" "$BATS_TEST_TMPDIR/my-loader"
	cd "$BATS_TEST_TMPDIR"
	works 'name:xdp_pass_func' -- ./my-loader --dev left
	works 'Unloading' -- env PATH="$BATS_TEST_TMPDIR:$PATH" my-loader --dev left -U
	free left
}

@test "from a directory with a path of 620 letters: what to type is whole" {
	any_kernel 'names and files'
	dir=$BATS_TEST_TMPDIR/$(printf '%0200d/' 1 2 3)
	mkdir -p "$dir"
	cp xdp_loader xdp_prog_kern.o "$dir"
	works 'Success' -- "$dir/xdp_loader" --dev left
	refused 1 "$dir/xdp_loader --dev left --unload $(attached left)" -- "$dir/xdp_loader" --dev left
	works 'Success' -- "$dir/xdp_loader" --dev left -U
}

@test "--filename is what it says, seen from the working directory" {
	cd "$objects"
	works "name:$WITNESS " -- "$LAB_TREE/basic02-prog-by-name/xdp_loader" --dev left --filename named.o
	works "name:$WITNESS " -- "$LAB_TREE/basic02-prog-by-name/xdp_loader" --dev left -U
	gone "$WITNESS"
}

@test "objects of others load: older style, without BTF, without a licence, for more than XDP" {
	for name in old_style no_btf no_licence xdp_and_tc; do
		works 'Success: Loading' -- ./xdp_loader --dev left --filename "$objects/$name.o"
		works 'Success: Unloading' -- ./xdp_loader --dev left -U
	done
	for name in old_style no_btf; do
		works 'name:old_style ' -- ./xdp_loader --dev left --filename "$objects/$name.o" \
			--progsec mysection
		works -- ./xdp_loader --dev left -U --progname old_style
		works 'name:old_style ' -- "$LAB_TREE/basic01-xdp-pass/xdp_pass_user" --dev left \
			--filename "$objects/$name.o" --progname old_style --for 60
		works -- ./xdp_loader --dev left -U
	done
	free left
}

@test "a name longer than the kernel keeps is shown and found whole" {
	name=a_name_that_is_longer_than_the_kernel_keeps
	works "name:$name " -- ./xdp_loader --dev left --filename "$objects/long_name.o"
	works "$name" -- ./xdp_loader --dev left --list
	refused 1 "${name:0:15} is not attached" -- ./xdp_loader --dev left -U --progname ${name:0:15}
	works "name:$name " -- ./xdp_loader --dev left -U --progname $name
}

@test "an unknown program or section: the error lists those in the file" {
	any_kernel 'names and files'
	refused 1 'there is no program xdp_abort_func in ' 'xdp_pass_func xdp_drop_func' \
		'  fix: name one of them: --progname NAME' \
		-- ./xdp_loader --dev left --progname xdp_abort_func
	refused 1 'there is no program xdp in ' 'xdp_pass_func xdp_drop_func' -- ./xdp_loader --dev left xdp
	refused 1 'there is no section nosuch in ' 'mysection' '  fix: name one of them: --progsec NAME' \
		-- ./xdp_loader --dev left --filename "$objects/old_style.o" --progsec nosuch
	refused 1 'there is no program xdp_pass_func in ' 'xdp_prog_simple' \
		-- "$LAB_TREE/basic01-xdp-pass/xdp_pass_user" --dev left --progname xdp_pass_func
	free left
}

@test "a function that no section marks as a program: it says what to write" {
	any_kernel 'names and files'
	refused 1 'there is no program unmarked in ' 'it is a function there' 'SEC("xdp")' \
		-- ./xdp_loader --dev left --filename "$objects/odd_kinds.o" unmarked
	free left
}

@test "several fit and none is named: the error lists them" {
	any_kernel 'names and files'
	refused 1 'which program of ' 'broken sound' '--progname NAME' \
		-- ./xdp_loader --dev left --filename "$objects/one_broken.o"
	refused 1 'which program of ' 'xdp_pass_func xdp_drop_func' -- ./xdp_loader --dev left --progsec xdp
	free left
}

@test "a program beside a broken one loads" {
	for loader in ./xdp_loader "$LAB_TREE/basic01-xdp-pass/xdp_pass_user"; do
		works 'name:sound ' -- "$loader" --dev left --filename "$objects/one_broken.o" --progname sound
		works -- "$loader" --dev left -U
		works 'name:sound ' -- "$loader" --dev left --filename "$objects/one_broken.o" sound --for 60
		works -- "$loader" --dev left -U
	done
	refused 1 'cannot attach broken to left' -- ./xdp_loader --dev left \
		--filename "$objects/one_broken.o" --progname broken
	free left
}

# ---- what cannot be done

@test "a file that is none, or not one of ours: why, and nothing attached" {
	any_kernel 'names and files'
	cd "$BATS_TEST_TMPDIR"
	loader=$LAB_TREE/basic02-prog-by-name/xdp_loader
	good=$objects/long_name.o
	mkfifo fifo
	mkdir dir
	: >empty
	ln -s nowhere dangling
	echo 'this is a text and no program at all, whatever its name may promise to you' >text.o
	refused 1 'cannot open nosuch.o' 'No such file' '`make`' -- "$loader" --dev left --filename nosuch.o
	refused 1 'cannot open dangling' 'No such file' -- "$loader" --dev left --filename dangling
	refused 1 'cannot use fifo' 'no regular file' -- timeout 5 "$loader" --dev left --filename fifo
	refused 1 'cannot use dir' 'no regular file' -- "$loader" --dev left --filename dir
	refused 1 'cannot use /dev/zero' 'no regular file' -- "$loader" --dev left --filename /dev/zero
	refused 1 'cannot use empty' 'the file is empty' -- "$loader" --dev left --filename empty
	refused 1 'cannot use text.o' 'no BPF object file' -- "$loader" --dev left --filename text.o
	refused 1 'cannot use /bin/true' 'no BPF object file' -- "$loader" --dev left --filename /bin/true
	size=$(stat -c %s "$good")
	for part in 1 30 63 64 300 $((size / 2)) $((size - 200)) $((size - 1)); do
		head -c "$part" "$good" >part.o
		refused 1 'part.o' -- "$loader" --dev left --filename part.o
	done
	free left
}

@test "a program whose file has slots for others, which are not loaded with it: why" {
	refused 1 'cannot attach by_size to left' 'array of programs' 'loads them all' \
		-- ./xdp_loader --dev left --filename "$LAB_TREE/basic06-calls/calls_kern.o" by_size
	free left
}

@test "a map that needs more memory than there is: refused before the kernel begins with it" {
	refused 1 "its map 'everything' would take" 'MB, more than a sixteenth of the memory' -- \
		./xdp_loader --dev left --filename "$BATS_FILE_TMPDIR/huge_map.o"
	[ -z "$(attached left)" ]
}

@test "maps with many entries that take little memory are none of those" {
	any_kernel 'what is asked of it'
	compile_bpf large_maps
	works 'name:uses_large ' -- ./xdp_loader --dev left --filename "$BATS_FILE_TMPDIR/large_maps.o"
	works -- ./xdp_loader --dev left -U
	compile_bpf large_maps -DRING -o "$BATS_FILE_TMPDIR/ring.o"
	refused 1 'does not make the map large' -- ./xdp_loader --dev left \
		--filename "$BATS_FILE_TMPDIR/ring.o"
}

@test "a function that is defined nowhere: its name, and who may have warned of it" {
	any_kernel 'names and files'
	refused 1 'undefined.o uses bpf_no_such_function' 'clang warns' \
		-- ./xdp_loader --dev left --filename "$objects/undefined.o"
	compile_bpf undefined -DKERNEL -o "$objects/unknown.o"
	refused 1 'unknown.o takes bpf_no_such_function from the kernel' \
		-- ./xdp_loader --dev left --filename "$objects/unknown.o"
	free left
}

@test "a process that may open few files is told so, whatever the libraries make of it" {
	[ -z "${LAB_SANITIZED-}" ] || skip 'needs plain: sanitizers open files of their own'
	for loader in ./xdp_loader ../basic04-pinning-maps/xdp_loader ../basic05-anatomy/hello_user; do
		for files in 5 6; do
			refused 1 'may not open as many files' 'ulimit -n' -- \
				bash -c "ulimit -n $files; $loader --dev left"
		done
	done
	free left
}

@test "who is not told how its children ended loads programs of others all the same" {
	works 'name:for_xdp ' -- env --ignore-signal=CHLD ./xdp_loader --dev left \
		--filename "$objects/xdp_and_tc.o"
}

@test "a file that may not be read: why" {
	# Root reads everything, unless the capability to do so is taken away.
	cp "$objects/long_name.o" "$BATS_TEST_TMPDIR/secret.o"
	chmod 0 "$BATS_TEST_TMPDIR/secret.o"
	refused 1 'cannot open ' 'secret.o' 'Permission denied' \
		-- setpriv --bounding-set -dac_override,-dac_read_search \
		./xdp_loader --dev left --filename "$BATS_TEST_TMPDIR/secret.o"
	free left
}

@test "the verifier says no: its reason, the source line, an idea, the end of its log" {
	refused 1 'cannot attach no_bounds to left' \
		"the kernel's verifier refuses the program: " \
		'  at:  return data[12] == 8 ? XDP_PASS : XDP_DROP;' 'data_end' '       | ' 'processed ' \
		-- ./xdp_loader --dev left --filename "$objects/no_bounds.o"
	[[ $stderr == *'invalid access to packet'* ]]
	refused 1 'cannot attach unchecked to left' 'map_value_or_null' '  at:  *count += 1;' \
		'compare with NULL' -- ./xdp_loader --dev left --filename "$objects/no_null_check.o"
	refused 1 'cannot attach prints to left' 'GPL-restricted' '  at:  bpf_printk(' '_license' \
		-- ./xdp_loader --dev left --filename "$objects/gpl_only.o"
	refused 1 'cannot load no_bounds' '  at:  return data[12]' \
		-- ./xdp_loader --dev left --filename "$objects/no_bounds.o" --for 60
	refused 1 'cannot attach no_bounds to left' '  at:  return data[12]' \
		-- ./xdp_loader --dev left --filename "$objects/no_bounds.o" -q
	free left
}

@test "a loop without an end: that is the reason, wherever the kernel says it" {
	for name in endless endless_jump; do
		refused 1 "cannot attach $name to left" \
			"the kernel's verifier refuses the program: infinite loop detected at insn " \
			'give it a small bound' \
			-- ./xdp_loader --dev left --filename "$objects/odd_kinds.o" $name
	done
	free left
}

@test "a program of another type is refused by name and by section" {
	refused 1 'there is no program for XDP in' 'for something else' '  fix: name another file' \
		-- ./xdp_loader --dev left --filename "$objects/for_tc.o"
	refused 1 'for_tc in ' 'is no XDP program' 'its section, tc,' 'for_xdp' \
		-- ./xdp_loader --dev left --filename "$objects/xdp_and_tc.o" --progname for_tc
	for kind in fentry/ip_rcv freplace/nosuch; do
		refused 1 "for_${kind%/*} in " 'is no XDP program' "its section, $kind, says" \
			-- ./xdp_loader --dev left --filename "$objects/odd_kinds.o" "for_${kind%/*}"
	done
	for kind in devmap cpumap; do
		refused 1 "for_$kind in " 'no XDP program for a device' 'what a devmap or cpumap gets' \
			'XDP programs in there: endless endless_jump' \
			-- ./xdp_loader --dev left --filename "$objects/odd_kinds.o" "for_$kind"
	done
	refused 1 'for_tc in ' 'is no XDP program' \
		-- ./xdp_loader --dev left --filename "$objects/for_tc.o" --progsec tc
	free left
}

@test "not root: what to type, and nothing changed" {
	./xdp_loader -q --dev left
	for words in '' -U --unload-all --list '--for 5'; do
		# shellcheck disable=SC2086
		refused 1 'you are not root' 'sudo ./xdp_loader' \
			-- setpriv --reuid 65534 --regid 65534 --clear-groups ./xdp_loader --dev left $words
	done
	runs left xdp_pass_func
}

@test "root without the capabilities, as in a container: what to do" {
	local -A lacks=([all]='CAP_SYS_ADMIN CAP_NET_ADMIN' [sys_admin]=CAP_SYS_ADMIN [net_admin]=CAP_NET_ADMIN)
	for caps in all sys_admin net_admin; do
		refused 1 "this root lacks ${lacks[$caps]}." '--privileged' \
			-- setpriv --bounding-set -$caps --inh-caps -$caps ./xdp_loader --dev left
	done
	free left
}

@test "without a BPF file system attaching, listing and unloading work" {
	unshare --mount --propagation private bash -euc '
		umount /sys/fs/bpf
		for loader in ./xdp_loader ../basic01-xdp-pass/xdp_pass_user; do
			$loader --dev left >out 2>err
			$loader --dev left --list >>out 2>>err
			$loader --dev left -U >>out 2>>err
			grep -q "Success: Loading" out
			grep -q "Success: Unloading" out
			[ ! -s err ] || { cat err; exit 1; }
			rm out err
		done' || { cat out err; false; }
	free left
}

@test "native mode where the driver has none: the skb mode is named, and nothing is attached" {
	for words in -N --native-mode '-N --for 60'; do
		# shellcheck disable=SC2086
		refused 1 "cannot attach $WITNESS to lo" 'lo has no native XDP' '-S' \
			-- ./xdp_loader --dev lo --filename "$objects/named.o" $words
	done
	free lo
	gone "$WITNESS"
	works 'name:xdp_pass_func' '  mode:skb, ' -- ./xdp_loader --dev lo # the kernel's choice
}

@test "offload is refused in words" {
	for dev in left lo; do
		refused 1 "cannot attach $WITNESS to $dev" 'cannot run XDP programs itself' \
			'leave out --offload-mode' \
			-- ./xdp_loader --dev $dev --filename "$objects/named.o" --offload-mode
		free $dev
	done
	gone "$WITNESS"
	refused 1 'cannot run XDP programs itself' -- ../basic04-pinning-maps/xdp_loader --dev left \
		--offload-mode # whose map is what fails first
	refused 1 'there is no program nosuch in ' -- ./xdp_loader --dev left --offload-mode nosuch
	refused 1 'left is taken' -- bash -ec './xdp_loader -q --dev left --for 60
		./xdp_loader --dev left --offload-mode --for 3'
	works -- ./xdp_loader --dev left -U
}

@test "an MTU in the way: the driver's sentence, the cure, and nothing else is tried" {
	ip link set left mtu 9000
	ip link set right mtu 9000
	for words in '' -A -N '--for 60'; do
		# shellcheck disable=SC2086
		refused 1 "cannot attach $WITNESS to left" 'MTU' 'mtu 1500' '-S' \
			-- ./xdp_loader --dev left --filename "$objects/named.o" $words
		free left
	done
	gone "$WITNESS"
	works 'mode:skb' -- ./xdp_loader --dev left -S
	works -- ./xdp_loader --dev left -U
	ip link set left mtu 1500 # what the message says
	ip link set right mtu 1500
	works 'mode:native' -- ./xdp_loader --dev left
}

@test "queues in the way: the driver's sentence, the cure, and nothing else is tried" {
	ip link del left
	ip link add left numrxqueues 1 numtxqueues 1 type veth \
		peer name right numrxqueues 2 numtxqueues 2
	ip link set left up
	ip link set right up
	refused 1 "cannot attach $WITNESS to left" 'rx queues' 'ethtool -L left rx N' '-S' \
		-- ./xdp_loader --dev left --filename "$objects/named.o"
	free left
	gone "$WITNESS"
	works 'mode:skb' -- ./xdp_loader --dev left -S
}

@test "a second program: the first one's id, name, mode, and the command that removes it" {
	./xdp_loader -q --dev left xdp_drop_func
	id=$(attached left)
	for words in '' -S -N '--for 60' --force "--filename $objects/named.o"; do
		# shellcheck disable=SC2086
		refused 1 "left is taken: xdp_drop_func (id $id, native) is attached there" \
			"./xdp_loader --dev left --unload $id" -- ./xdp_loader --dev left $words
		[ "$(attached left)" = "$id" ]
	done
	works -- ./xdp_loader --dev left --unload "$id" # as it says
	works -- ./xdp_loader --dev left
	gone "$WITNESS"
}

@test "two at the same moment: one is attached, the other is refused in words" {
	# libxdp 1.3 itself forgets some memory where another was faster.
	export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
	for _ in {1..10}; do
		./xdp_loader --dev left >"$BATS_TEST_TMPDIR/a" 2>&1 3>&- &
		first=$! failures=0
		./xdp_loader --dev left xdp_drop_func >"$BATS_TEST_TMPDIR/b" 2>&1 || failures=$?
		wait "$first" || failures=$((failures + $?))
		[ "$failures" -eq 1 ]
		cat "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
		[ "$(cat "$BATS_TEST_TMPDIR"/[ab] | grep -c '^Success: ')" -eq 1 ]
		[ "$(cat "$BATS_TEST_TMPDIR"/[ab] | grep -c '^Error: ')" -eq 1 ]
		[ "$(cat "$BATS_TEST_TMPDIR"/[ab] | grep -c 'left is taken')" -eq 1 ]
		./xdp_loader -q --dev left -U
	done
}

@test "what a dispatcher that is gone has left is removed with the next unload" {
	left_over=/sys/fs/bpf/xdp/dispatch-$(cat /sys/class/net/left/ifindex)-4294967295
	mkdir -p "$left_over"
	bpftool prog load "$objects/named.o" "$left_over/prog0-prog" type xdp
	is_loaded "$WITNESS"
	works 'Success: Loading' -- ./xdp_loader --dev left
	works 'Success: Unloading' -- ./xdp_loader --dev left -U
	[ ! -e "$left_over" ]
	gone "$WITNESS"
}

@test "what libxdp's look at the kernel has left, killed in between, goes with the next unload" {
	mkdir -p /sys/fs/bpf/xdp
	bpftool prog load "$objects/named.o" /sys/fs/bpf/xdp/prog-test-link-1-4294967295 type xdp
	bpftool prog load "$objects/named.o" /sys/fs/bpf/xdp/of_somebody type xdp
	works 'Nothing to unload' -- ./xdp_loader --dev left --unload-all
	[ ! -e /sys/fs/bpf/xdp/prog-test-link-1-4294967295 ]
	rm /sys/fs/bpf/xdp/of_somebody
	gone "$WITNESS"
}

@test "what runs in skb mode is unloaded without naming the mode" {
	for words in -U --unload-all '-U --progname xdp_pass_func'; do
		./xdp_loader -q --dev left -S
		# shellcheck disable=SC2086
		works 'Success: Unloading' -- ./xdp_loader --dev left $words
		free left
	done
}

@test "output that nobody reads, or that does not fit on the disk, does no harm" {
	any_kernel 'names and files'
	(./xdp_loader --dev left 1>&-)
	runs left xdp_pass_func
	./xdp_loader --dev left --list | head -c 0
	(./xdp_loader --dev left -U >/dev/full) || :
	free left
}
