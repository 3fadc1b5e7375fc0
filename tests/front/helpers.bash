# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the tests of lab's commands share.

# shellcheck disable=SC2154,SC2164 # bats sets $output, and stops where cd fails
nobody=65534

# Made once a file, and used as people do; each test gets a copy. See make_tree.
setup_file() {
	"$BATS_TEST_DIRNAME/front/make_tree" "$BATS_FILE_TMPDIR/tree"
	"$BATS_FILE_TMPDIR/tree/lab" >/dev/null
}

# A tree of its own in memory, where other users can reach it.
make_tree() {
	in_private_world
	TREE=/run/tree.$BATS_TEST_NUMBER
	mkdir "$TREE"
	mount -t tmpfs -o mode=755,size=16m tree "$TREE"
	cp -a "$BATS_FILE_TMPDIR/tree/." "$TREE"
	cd "$TREE"
	export LAB_LOCK=$TREE/.lab/lock
}

remove_tree() {
	cd /
	umount -l "$TREE" && rmdir "$TREE"
}

answer() { # LESSON NUMBER
	echo "int answer = $2;" >"$1/answer.c"
}

as_nobody() { # COMMAND...
	TMPDIR=/tmp setpriv --reuid $nobody --regid $nobody --clear-groups "$@"
}

says() { # STATUS TEXT... -- COMMAND...: stdout and stderr together
	local expected=$1 text texts=()
	shift
	while [ "$1" != -- ]; do
		texts+=("$1") && shift
	done
	shift
	run "$@"
	[ "$status" -eq "$expected" ] || show_run "its status should have been $expected" || return 1
	for text in "${texts[@]}"; do
		[[ $output == *"$text"* ]] || show_run "it should have said '$text'" || return 1
	done
}

silent_about() { # TEXT...
	local text
	for text; do
		[[ $output != *"$text"* ]] || show_run "it should not have said '$text'" || return 1
	done
}
