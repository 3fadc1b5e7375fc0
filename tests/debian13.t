#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# takes: 400
# time limit: 1800
# outside
# not with --quick
#
# All that --quick tests, once more in a Debian 13: with its compilers, libraries and tools, on the
# kernel that runs here. One test a file, and what each file itself says where it fails. It begins as
# a minimal Debian with the two commands of README.md.

set -u
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! "$here/bare-system" --mirror; then
	echo '1..0 # SKIP needs mirror: debootstrap and a mirror to make a Debian 13 from'
	exit 0
fi

# Left out: what needs the machine's own network, and the files that say "# once:". One file at a
# time, as others run beside this one.
cat >"$tmp/script" <<'END_OF_SCRIPT'
exec 2>&1 </dev/null
git clone -q /lab.git /root/xdp-lab && cd /root/xdp-lab && . tests/bare_steps.bash || exit
demo_as_root
step 'as root: ./lab setup --tests' sh -c './lab setup --yes --tests && make -s WERROR=1 tests' || exit
echo "with $(gcc --version | head -n 1), $(clang --version | head -n 1)," \
	"libbpf $(pkg-config --modversion libbpf), libxdp $(pkg-config --modversion libxdp)"
grep '^# once: ' tests/*.bats tests/*.t | sed 's/:# once: /: left out: /'
# shellcheck disable=SC2046 # names without blanks
LAB_TEST_JOBS=1 tests/run --no-build --quick $(grep -L '^# outside$\|^# not with --quick$\|^# once: ' \
	tests/*.bats tests/*.t tests/*_test.c)
END_OF_SCRIPT

number=0
report() { # TEXT-WITH-ok NAME
	number=$((number + 1))
	printf '%s %d - Debian 13: %s\n' "$1" "$number" "$2"
}

while IFS= read -r line; do
	case $line in
	'ok as root: '*) report ok "${line#ok }" ;;
	'not ok as root: '*) report 'not ok' "${line#not ok }" ;;
	'ok      '*) report ok "${line#ok  *}" ;;
	'FAILED  '*) report 'not ok' "${line#FAILED *}" ;;
	'skipped '*': needs time: '*) printf '# %s\n' "$line" ;; # it runs the quick ones
	'skipped '*) what=${line#skipped }
		report ok "${what%%: needs *} # SKIP needs ${line##*: needs }" ;;
	*) printf '# %s\n' "${line#\# }" ;;
	esac
done < <("$here/bare-system" trixie "$tmp/script" 2>&1)
echo "1..$number"
[ "$number" -ge 25 ]
