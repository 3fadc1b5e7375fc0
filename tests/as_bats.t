#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# takes: 3
#
# as-bats says of a file what bats says: of tests that pass, that are left out, and that fail in each
# way; and of a file whose setup_file fails, or leaves all out.

set -u
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT
number=0

ok() { # NAME: did the last command succeed?
	local status=$?
	[ $status -eq 0 ] || printf 'not '
	printf 'ok %d - %s\n' $((++number)) "$1"
	[ $status -eq 0 ] || sed 's/^/# /' "$tmp/difference"
}

verdicts() { # FILE...: what came, less what explains it; and the status
	grep -v '^#' "$tmp/out"
	echo "status $((status != 0))"
}

same() { # FILE [NAME]: both say the same of it
	local status=0
	bats --tap "$tmp/$1" >"$tmp/out" 2>/dev/null || status=$?
	verdicts >"$tmp/bats"
	status=0
	"$here/as-bats" "$tmp/$1" >"$tmp/out" 2>/dev/null || status=$?
	verdicts >"$tmp/as-bats"
	diff "$tmp/bats" "$tmp/as-bats" >"$tmp/difference"
}

cat >"$tmp/all.bats" <<'END'
setup_file() { export kept=1; }
setup() { x=1; }
teardown() { echo "down $x"; [ -z "$broken" ]; }
f() {
	false
	:
}
@test "a function fails" {
	f
}
@test "[ fails, with \"quotes\" in a name" {
	[ 1 = 2 ]
	:
}
@test "[[ fails in the middle" {
	[[ a == b ]]
	:
}
@test "the end of a pipeline fails, and before it" {
	false | true
	echo a | grep -q b
	:
}
@test "another status than this" {
	run -3 sh -c 'exit 4'
	:
}
@test "this status, and no other" {
	run -3 sh -c 'exit 3'
	run ! false
	[[ $- == *e* ]]
}
@test "it should have failed" {
	run ! true
	:
}
@test "left out" {
	skip 'needs host: it is a test'
}
@test "it ends before its end" {
	exit 0
}
@test "what tidies up fails" {
	broken=1
}
@test "what a part leaves out does not leave out the rest" {
	(skip a)
	false
}
@test "what is negated does not fail" {
	! true
	:
}
@test "output, errors, lines and status" {
	[ "$kept" = 1 ]
	run --separate-stderr sh -c 'echo a; echo; echo " *"; printf "\n  two\nlines \n\n" >&2; exit 3'
	[ "$status" -eq 3 ] && [ "$output" = $'a\n\n *' ] && [ "$stderr" = $'two\nlines' ]
	[ "${#lines[@]}" -eq 2 ] && [ "${lines[1]}" = ' *' ]
	run sh -c 'echo one; echo two >&2'
	[ "$output" = $'one\ntwo' ] && [ "$BATS_RUN_COMMAND" = "sh -c echo one; echo two >&2" ]
}
@test "directories, of its own and of the file" {
	touch "$BATS_TEST_TMPDIR/a"
	[ ! -e "$BATS_FILE_TMPDIR/a" ] && [ -d "$BATS_FILE_TMPDIR" ]
	[ "$BATS_TEST_DIRNAME/all.bats" = "$BATS_TEST_FILENAME" ]
}
END
same all.bats
ok 'tests that pass, fail and are left out, in each way'
printf 'ok %s\n' 1 >"$tmp/difference"
[ "$(grep -c '^ok' "$tmp/as-bats") $(grep -c '^not ok' "$tmp/as-bats")" = '5 9' ]
ok 'five of them pass or are left out, nine fail'
{ echo 'setup_file() { false; :; }' && grep -v '^setup_file' "$tmp/all.bats"; } >"$tmp/broken.bats"
! "$here/as-bats" "$tmp/broken.bats" 2>&1 | tee "$tmp/difference" | grep -q '^ok'
ok 'setup_file fails: no test passes'
{ echo 'setup_file() { skip "needs tool x: y"; }' && grep -v '^setup_file' "$tmp/all.bats"; } >"$tmp/out.bats"
"$here/as-bats" "$tmp/out.bats" 2>/dev/null | tee "$tmp/difference" | grep -c '^ok .* # skip needs tool x: y$' | grep -qx 14
ok 'setup_file leaves all out, which bats learned late'
# shellcheck disable=SC2016 # for the test
printf '@test "a" {\n\tkill -KILL $BASHPID\n}\n@test "b" {\n\t:\n}\n' >"$tmp/killed.bats"
"$here/as-bats" "$tmp/killed.bats" >"$tmp/difference" 2>&1
grep -q '^not ok 1 a$' "$tmp/difference" && grep -q '^ok 2 b$' "$tmp/difference"
ok 'a test that is killed has not passed, and the next begins'
! "$here/as-bats" "$tmp/none.bats" >"$tmp/difference" 2>&1
ok 'no such file'
echo "1..$number"
