# SPDX-License-Identifier: GPL-2.0-only
#
# What each bare system goes through, told as TAP without numbers. It is read there, from a fresh
# clone of the tree and in it, by the scripts of bare_system.t and debian13.t.

# shellcheck shell=bash
gone='All of it is gone again' # the demo's last line begins so

step() { # NAME COMMAND...: with the last lines of what it says if it goes wrong
	if "${@:2}" >/tmp/said 2>&1; then
		echo "ok $1"
	else
		echo "not ok $1"
		grep -v '^skipped ' /tmp/said | tail -n 25 | sed 's/^/# /'
		return 1
	fi
}

says() { # WORDS COMMAND...
	local status=0
	"${@:2}" >/tmp/out 2>&1 || status=$?
	cat /tmp/out
	[ $status -eq 0 ] && grep -q "$1" /tmp/out
}

demo_as_root() {
	step 'as root: ./lab demo installs what is missing and works' says "$gone" ./lab demo
	step 'as root: ./lab demo a second time installs nothing' \
		sh -c './lab demo >/tmp/two 2>&1 && ! grep Missing /tmp/two'
	step 'as root: without a network, once installed' says "$gone" unshare --net ./lab demo
	step 'as root: ./lab doctor says that the lessons can run' says 'All lessons can run' ./lab doctor
}
