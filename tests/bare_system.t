#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# takes: 400
# time limit: 1500
# outside
# not with --quick
#
# The two commands of README.md on systems that have nothing: a minimal Debian with git and sudo. Of
# Debian 13 as root debian13.t begins with them.

set -u
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
number=0

if ! "$here/bare-system" --mirror; then
	echo '1..0 # SKIP needs mirror: debootstrap and a mirror to make bare systems from'
	exit 0
fi

# What each bare system goes through; the last lines of what goes wrong come with it. ./lab test is
# there to show that its list of packages is complete: all else is the same on this machine. So it
# leaves out files which need no tool that others do not need, too, and take long: grader.t, whose
# tools are lab_graded.bats's, and so on. One file at a time, as others run beside this one.
cat >"$tmp/script" <<'END'
exec 2>&1 </dev/null
case $1 in
root)
	git clone -q /lab.git /root/xdp-lab && cd /root/xdp-lab && . tests/bare_steps.bash || exit
	demo_as_root
	# shellcheck disable=SC2046 # names without blanks
	LAB_TEST_JOBS=1 step 'as root: ./lab test --quick' ./lab test --quick --yes \
		$(grep -L '^# not with --quick$' tests/*.bats tests/*.t tests/*_test.c | grep -vE \
			'/(grader|grader_world|harness|lab|lab_check|lab_keep|lab_setup)\.' | grep -vE \
			'/(mutations|noise|page_runner|parse|parse_fuzz)\.')
	;;
user)
	useradd --create-home learner
	echo 'learner ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/learner
	git clone -q /lab.git /srv/xdp-lab && chown -R learner: /srv/xdp-lab && cd /srv/xdp-lab || exit
	. tests/bare_steps.bash
	mount --bind -o ro /home /home && mount -o remount,ro,bind /home
	as='setpriv --reuid learner --regid learner --init-groups env HOME=/home/learner'
	step 'as a user with sudo: without --yes and a terminal nothing is installed' \
		sh -c "! $as ./lab demo && ! command -v clang"
	step 'as a user with sudo and a read-only home: ./lab demo --yes' says "$gone" $as ./lab demo --yes
	step 'as a user with sudo: nothing in the tree is root'"'"'s' \
		sh -c '[ -z "$(find . -user root)" ] && [ -x basic01-xdp-pass/xdp_pass_user ]'
	;;
esac
END

run() { # RELEASE:WHO...
	local one
	for one; do
		"$here/bare-system" "${one%:*}" "$tmp/script" "${one#*:}" >"$tmp/$one" 2>&1
	done
}

# Two at a time. The tests compare what tools print with what pages show, which is what Debian 12's
# tools print.
run bookworm:root &
run bookworm:user trixie:user
wait
for one in bookworm:root bookworm:user trixie:user; do
	while read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			number=$((number + 1))
			printf '%s\n' "${line%%ok *}ok $number - ${one%:*}, ${line#*ok }"
			;;
		*) printf '# %s\n' "${line#\# }" ;;
		esac
	done <"$tmp/$one"
done
echo "1..$number"
[ "$number" -ge 11 ]
