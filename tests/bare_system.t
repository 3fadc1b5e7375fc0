#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# time limit: 1500
# outside
# alone
# not with --quick
#
# The two commands of README.md on systems that have nothing: a minimal Debian with git and sudo.

set -u
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
number=0

if ! "$here/bare-system" --mirror; then
	echo '1..0 # SKIP needs mirror: debootstrap and a mirror to make bare systems from'
	exit 0
fi

# What each bare system goes through; the last lines of what goes wrong come with it.
cat >"$tmp/script" <<'END'
exec 2>&1 </dev/null
step() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >/tmp/said; then
		echo "ok $name"
	else
		echo "not ok $name"
		tail -n 25 /tmp/said | sed 's/^/# /'
	fi
}
says() { # WORDS COMMAND...
	local words=$1
	shift
	"$@" >/tmp/out 2>&1 || { cat /tmp/out && return 1; }
	cat /tmp/out
	grep -q "$words" /tmp/out
}
gone='All of it is gone again'
case $1 in
root)
	git clone -q /lab.git /root/xdp-lab && cd /root/xdp-lab
	step 'as root: ./lab demo installs what is missing and works' says "$gone" ./lab demo
	step 'as root: ./lab demo a second time installs nothing' \
		sh -c './lab demo >/tmp/two 2>&1 && ! grep Missing /tmp/two'
	step 'as root: without a network, once installed' says "$gone" unshare --net ./lab demo
	step 'as root: ./lab doctor says that the lessons can run' says 'All lessons can run' ./lab doctor
	;;
user)
	useradd --create-home learner
	echo 'learner ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/learner
	git clone -q /lab.git /srv/xdp-lab && chown -R learner: /srv/xdp-lab && cd /srv/xdp-lab
	mount --bind -o ro /home /home && mount -o remount,ro,bind /home
	as='setpriv --reuid learner --regid learner --init-groups env HOME=/home/learner'
	step 'as a user with sudo: without --yes and a terminal nothing is installed' \
		sh -c "! $as ./lab demo && ! command -v clang"
	step 'as a user with sudo and a read-only home: ./lab demo --yes' says "$gone" $as ./lab demo --yes
	step 'as a user with sudo: nothing in the tree is root'"'"'s' \
		sh -c '[ -z "$(find . -user root)" ] && [ -x basic01-xdp-pass/xdp_pass_user ]'
	;;
tests)
	git clone -q /lab.git /root/xdp-lab && cd /root/xdp-lab
	step 'as root: ./lab test --quick' ./lab test --quick --yes
	;;
esac
END

# The tests compare what tools print with what pages show, which is what Debian 12's tools print.
for run in bookworm:root bookworm:user bookworm:tests trixie:root trixie:user; do
	release=${run%:*} who=${run#*:}
	while read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			number=$((number + 1))
			printf '%s\n' "${line%%ok *}ok $number - $release, ${line#*ok }"
			;;
		*) printf '# %s\n' "${line#\# }" ;;
		esac
	done < <("$here/bare-system" "$release" "$tmp/script" "$who" 2>&1)
done
echo "1..$number"
[ "$number" -ge 15 ]
