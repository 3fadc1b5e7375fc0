# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the *.bats files share. LAB_TREE is the tree whose programs are tested: this one, or a copy
# that was built in another way.

bats_require_minimum_version 1.5.0
: "${LAB_TREE:=$(cd "$BATS_TEST_DIRNAME/.." && pwd)}"

# These tests attach programs to lo and add routes: in the world of private.sh they may.
in_private_world() {
	tr '\0' ' ' </proc/1/cmdline | grep -q 'private\.sh --mounted' && return
	echo "run it in a world of its own: testenv/private.sh bats $BATS_TEST_FILENAME" >&2
	return 1
}

# One at a time on this machine, however many tests run: its lock file lies in /run, which all
# private worlds have in common, and it does not wait for it.
xdp-loader() {
	flock "$(type -P xdp-loader)" xdp-loader "$@"
}

veth() { # DEV PEER
	printf '%s\n' "link add $1 type veth peer name $2" "link set $1 up" "link set $2 up" | ip -batch -
}

configured() { # NAME: what configure found
	sed -n "s/^$1 := //p" "$LAB_TREE/config.mk"
}

# For a PATH that has what is installed, less these tools. It is one command for all links: a process
# each would take seconds.
links_without() { # DIR TOOL...
	local dir=$1 tool
	shift
	mkdir -p "$dir"
	ln -s /usr/local/bin/* /usr/bin/* /usr/sbin/* /bin/* "$dir/" 2>/dev/null || : # the first of a name
	for tool; do
		rm -f "$dir/$tool" "$dir/$tool"-[0-9]*
	done
	[ -e "$dir/sh" ]
}

# A name for a program that nobody else's has. (Whoever builds objects for a guest knows it before.)
new_witness() {
	export WITNESS=${LAB_WITNESS:-w_${BASHPID}_$RANDOM}
}

# tests/bpf/NAME.c as $BATS_FILE_TMPDIR/NAME.o; -o says otherwise. In a guest there is no compiler:
# LAB_BUILT is a directory with all of them.
compile_bpf() { # NAME [FLAG...]
	local name=$1
	shift
	if [ -n "${LAB_BUILT-}" ]; then
		[ "$*" = "${*%.o}" ] || name=$(basename "${*: -1}" .o)
		cp "$LAB_BUILT/$name.o" "$BATS_FILE_TMPDIR/"
		return
	fi
	# shellcheck disable=SC2046 # lists of words
	$(configured CLANG) -target bpf -O2 -g -Wall -Werror -I"$LAB_TREE/headers" \
		$(configured BPF_INCLUDES) -c "$BATS_TEST_DIRNAME/bpf/$name.c" \
		-o "$BATS_FILE_TMPDIR/$name.o" "$@"
}

compile_user() { # NAME: tests/NAME.c as $BATS_FILE_TMPDIR/NAME
	if [ -n "${LAB_BUILT-}" ]; then
		cp "$LAB_BUILT/$1" "$BATS_FILE_TMPDIR/"
		return
	fi
	# shellcheck disable=SC2046 # lists of words
	$(configured CC) -Wall -Wextra -Werror $(configured LIBS_CFLAGS) \
		-o "$BATS_FILE_TMPDIR/$1" "$BATS_TEST_DIRNAME/$1.c" $(configured LIBS)
}

# Can this kernel run libxdp's dispatcher, so that several programs share a device? (The probe of
# bpftool is of no use: it takes EPERM for a yes.)
can_share() {
	[ -n "${can_share-}" ] || can_share=$(
		ip link add probe type veth peer name eborp
		"$LAB_TREE/basic01-xdp-pass/xdp_pass_user" --dev probe | grep -c 'shares the device'
		"$LAB_TREE/basic01-xdp-pass/xdp_pass_user" --dev probe -q --unload-all
		ip link del probe
	)
	[ "$can_share" = 1 ]
}

# For tests of what is the same with and without the dispatcher, and expect one program a device:
# where programs could share it, libxdp is told not to.
one_program_a_device() {
	! can_share || export LIBXDP_SKIP_DISPATCHER=1
}

attached() { # DEV: the id of the program that the kernel shows there, in whatever mode
	local shown
	shown=$(ip -d link show dev "$1") || :
	while [[ $shown =~ prog/xdp\ id\ ([0-9]+)(.*) ]]; do
		echo "${BASH_REMATCH[1]}"
		shown=${BASH_REMATCH[2]}
	done
}

# Of an object on stdin, as bpftool -j writes it: what its first member of that name is, if it has
# one. (jq needs a third of a second to start in a guest.)
member() { # NAME
	local json
	IFS= read -r -d '' json || :
	[[ $json =~ \"$1\":(\[[^]]*\]|\"[^\"]*\"|[^],}]*) ]] || return 0
	json=${BASH_REMATCH[1]#\"}
	echo "${json%\"}"
}

# For tests of what no kernel has a say in. A guest's commands take ten times as long.
any_kernel() { # WHAT it is about
	[ -z "${LAB_BUILT-}" ] || skip "needs host: it is about $1, the same on each kernel"
}

poll() { # COMMAND...: wait until it succeeds, two seconds at most
	local tries
	for ((tries = 0; tries < 100; tries++)); do
		"$@" && return
		sleep 0.02
	done
	echo "after two seconds still not: $*" >&2
	return 1
}

is_loaded() { # NAME: does the kernel have a program of this name?
	[ -n "$(bpftool prog show name "$1")" ]
}

is_freed() { # NAME
	! is_loaded "$1"
}

gone() { # NAME: the kernel has freed it, which it does a little later
	poll is_freed "$1"
}

# WHAT: what the last command did, for whoever reads a failed test.
# shellcheck disable=SC2154 # bats sets them
show_run() {
	printf '%s\n--- command: %s\n--- status: %s\n--- stdout:\n%s\n--- stderr:\n%s\n' "$1" \
		"$BATS_RUN_COMMAND" "$status" "$output" "${stderr-}" >&2
	return 1
}

# works TEXT... -- COMMAND...: it succeeds, says each TEXT on stdout, and nothing on stderr.
works() {
	local text texts=()
	while [ "$1" != -- ]; do
		texts+=("$1")
		shift
	done
	shift
	run --separate-stderr "$@"
	[ "$status" -eq 0 ] || show_run 'it should have worked' || return 1
	[ -z "$stderr" ] || show_run 'it should have been silent on stderr' || return 1
	for text in "${texts[@]}"; do
		[[ $output == *"$text"* ]] || show_run "it should have said '$text'" || return 1
	done
}

# refused STATUS TEXT... -- COMMAND...: it ends with STATUS after one error on stderr that holds
# each TEXT and is complete, none of the libraries' chatter, and nothing on stdout.
refused() {
	local expected=$1 text texts=()
	shift
	while [ "$1" != -- ]; do
		texts+=("$1")
		shift
	done
	shift
	run --separate-stderr "$@"
	[ "$status" -eq "$expected" ] || show_run "its status should have been $expected" || return 1
	[ -z "$output" ] || show_run 'it should have been silent on stdout' || return 1
	[[ $stderr == 'Error: '* && $stderr != *$'\n'Error:\ * ]] ||
		show_run 'it should have begun with its one error' || return 1
	case $expected in
	1) texts+=('  why: ' '  fix: ') ;;
	2) texts+=('  usage: ') ;;
	esac
	for text in "${texts[@]}"; do
		[[ $stderr == *"$text"* ]] || show_run "it should have said '$text'" || return 1
	done
	! [[ $'\n'$stderr =~ $'\n'\ *lib(bpf|xdp):\  ]] || show_run 'the libraries chatter' || return 1
}
