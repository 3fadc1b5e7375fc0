#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# takes: 350
# time limit: 1800
# outside
# not with --quick
#
# All that --quick tests, once more in a Debian 13: with its compilers, libraries and tools, on the
# kernel that runs here. One test a file, and what each file itself says where it fails. It begins as
# a minimal Debian with the two commands of README.md: as a user with sudo all of it is installed, as
# root what has been taken away again.
#
# Left out is what needs the machine's own network, and what would say there what it says here: files
# with a line "# once: WHY". Of the exercises grader.t tries, as with --quick, each step and each wrong
# answer under one seed, with gcc.

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
as_user
lose_some
as_root
step 'as root: ./lab setup --tests' sh -c './lab setup --yes --tests && make -s WERROR=1 exercises tests' || exit
echo "with $(gcc --version | head -n 1), $(clang --version | head -n 1)," \
	"libbpf $(pkg-config --modversion libbpf), libxdp $(pkg-config --modversion libxdp)"
grep '^# once: ' tests/*.bats tests/*.t | sed 's/:# once: /: left out: /'
# shellcheck disable=SC2046 # names without blanks
LAB_TEST_JOBS=2 tests/run --no-build --quick $(grep -L '^# outside$\|^# not with --quick$\|^# once: ' \
	tests/*.bats tests/*.t tests/*_test.c)
END

"$here/bare-system" trixie "$tmp/script" 2>&1 | as_tap 'Debian 13'
