#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# takes: 200
# time limit: 1500
# outside
# not with --quick
#
# The two commands of README.md on a Debian 12 that has nothing: minimal, with git and sudo. It is as
# root that all of it is installed; as a user with sudo, what has been taken away again. In debian13.t
# it is the other way round.
#
# ./lab test is there to show that its list of packages is complete: its files are those that need
# what others do not, or that debian13.t, which goes by the same list, leaves out. All else is the
# same on this machine, or there.

set -u
here=$(dirname "$0")
# shellcheck source=tests/bare_steps.bash
. "$here/bare_steps.bash"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
need_mirror

cat >"$tmp/script" <<'END'
exec 2>&1 </dev/null
git clone -q /lab.git /root/xdp-lab && cd /root/xdp-lab && . tests/bare_steps.bash || exit
as_root
lose_some
as_user
if LAB_TEST_JOBS=2 ./lab test --quick --yes tests/{pages,lint}.t \
	tests/{anatomy,pins,trace}.bats tests/{cli,explain,stats}_test.c >/tmp/said; then
	echo 'ok      as root: ./lab test --quick'
else
	echo 'FAILED  as root: ./lab test --quick'
	sed '/^\(ok\|FAILED\) .* passed/,$d' /tmp/said | tail
fi
sed -n '/^\(ok\|FAILED\) .* passed/,$p' /tmp/said
END

"$here/bare-system" bookworm "$tmp/script" 2>&1 | as_tap 'Debian 12'
