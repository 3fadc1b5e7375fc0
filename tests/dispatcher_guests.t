#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# takes: 300
#
# The loaders' tests on kernels that run libxdp's dispatcher, in virtual machines: those of the
# dispatcher itself; with LAB_GUEST_FILES="loader interop pins stats attach_for" those of tests/
# that run in a guest as they do here, but take their time. A guest has no compilers: what the
# tests load is built before.
# time limit: 2400
# outside
# not with --quick

set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${LAB_TREE:=${here%/*}}"
files=${LAB_GUEST_FILES:-dispatcher}
kernels=${LAB_GUEST_KERNELS:-6.1 6.12}
number=0

result() { # OK|NOT-OK NAME
	printf '%s %d - %s\n' "$1" $((++number)) "$2"
}

finish() {
	echo "1..$number"
	exit
}

skip_all() {
	echo "1..0 # SKIP $1"
	exit
}

type qemu-system-x86_64 >/dev/null || skip_all 'needs tool qemu-system-x86_64: it is the machine'
type busybox >/dev/null || skip_all 'needs tool busybox: it starts the machine'

# What compile_bpf and compile_user would make, and with which name; see helpers.bash.
mkdir -p "$LAB_TREE/tests/.build"
built=$(mktemp -d "$LAB_TREE/tests/.build/guest.XXXX") || exit 1
trap 'rm -rf "$built"' EXIT
trap 'exit 1' HUP INT TERM
configured() {
	sed -n "s/^$1 := //p" "$LAB_TREE/config.mk"
}
bpf() { # NAME OUTPUT [FLAG...]
	# shellcheck disable=SC2046 # lists of words
	$(configured CLANG) -target bpf -O2 -g -I"$LAB_TREE/headers" $(configured BPF_INCLUDES) \
		-DNAME=w_guest -c "$here/bpf/$1.c" -o "$built/$2.o" "${@:3}"
}
for source in "$here"/bpf/*.c; do
	name=$(basename "$source" .c)
	bpf "$name" "$name" || exit
done
bpf old_style no_btf -g0 || exit
# shellcheck disable=SC2046
$(configured CC) $(configured LIBS_CFLAGS) -o "$built/hold_link" "$here/hold_link.c" $(configured LIBS) || exit

# The TAP of several files in a row, each after a line "file: NAME", as one.
as_one() { # KERNEL
	local line file='' of_test=0
	while IFS= read -r line; do
		line=${line%$'\r'}
		case $line in
		'file: '*) file=${line#file: } ;;
		'status: '*) status=${line#status: } ;;
		'ok '*' # skip needs dispatcher'*) result 'not ok' "$1, $file: ${line#ok * }" ;;
		'ok '* | 'not ok '*)
			of_test=${line%%ok *}ok
			line=${line#*ok }
			result "$of_test" "$1, $file: ${line#* }"
			;;
		1..*) plans=$((plans + 1)) planned=$((planned + ${line#1..})) ;;
		*) printf '# %s\n' "${line#\# }" ;;
		esac
	done
}

for kernel in $kernels; do
	planned=0 plans=0 before=$number status=255
	# shellcheck disable=SC2016 # for the guest
	as_one "$kernel" < <("$LAB_TREE/testenv/vm.sh" --kernel "$kernel" --timeout 1200 -- \
		env LAB_BUILT="$built" LAB_WITNESS=w_guest LAB_TREE="$LAB_TREE" bash -c '
			cd "$LAB_TREE"
			for name in '"$files"'; do
				echo "file: $name"
				testenv/private.sh bats --tap "tests/$name.bats" 2>&1
			done
			echo "file: all"
			echo "ok 1 have been there"' 2>&1
		echo "status: $?")
	planned=$((planned + 1)) # the last line
	if [ "$status" -eq 125 ] && [ "$number" -eq "$before" ] && ! "$here/bare-system" --mirror >/dev/null 2>&1; then
		result ok "$kernel # skip needs mirror: that kernel has not been fetched yet"
	elif [ "$plans $status" != "$(wc -w <<<"$files") 0" ] || [ $((number - before)) -ne "$planned" ]; then
		result 'not ok' "$kernel: $((number - before)) tests of $planned, in $plans files; status $status"
	fi
done
finish
