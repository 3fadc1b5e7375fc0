# SPDX-License-Identifier: GPL-2.0-only
#
# What the bare systems of bare_system.t and debian13.t have in common: the ways that people take
# into the lab, which the scripts that run inside read from a clone of the tree, and in it; and what
# these two files make of what is said there.

# shellcheck shell=bash

# ---- inside

step() { # NAME COMMAND...: with the last lines of what it says if it goes wrong
	if "${@:2}" >/tmp/said 2>&1; then
		echo "ok      $1"
	else
		echo "FAILED  $1"
		tail -n 25 /tmp/said | sed 's/^/| /'
		return 1
	fi
}

says() { # WORDS COMMAND...: it succeeds, and these are among what it says
	local status=0
	"${@:2}" >/tmp/out 2>&1 || status=$?
	cat /tmp/out
	[ $status -eq 0 ] && grep -q "$1" /tmp/out
}

demo() { # installing|nothing [OPTION]: to its end, having installed something, or without a need to
	local missing=no
	says 'All of it is gone again' "${them[@]}" ./lab demo ${2+"$2"} || return
	! grep -q '^Missing on this system: ' /tmp/out || missing=installing
	[ "$missing" = "${1/nothing/no}" ]
}

without_network() {
	local them=(unshare --net "${them[@]}")
	demo nothing
}

# As those whom the words in them make of root.
demo_works() { # WHO [OPTION]
	step "$1: ./lab demo installs what is missing and works" demo installing ${2+"$2"}
	step "$1: ./lab demo a second time installs nothing" demo nothing ${2+"$2"}
	step "$1: without a network, once installed" without_network
	step "$1: ./lab doctor says that the lessons can run" says 'All lessons can run' \
		"${them[@]}" ./lab doctor
}

as_root() {
	them=(env)
	demo_works 'as root'
}

refuses() { # and installs nothing
	local before
	before=$(dpkg-query -W)
	! "${them[@]}" ./lab demo && [ "$(dpkg-query -W)" = "$before" ]
}

as_user() { # in a tree of theirs
	useradd --create-home learner
	echo 'learner ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/learner
	git clone -q /lab.git /srv/xdp-lab && chown -R learner: /srv/xdp-lab && cd /srv/xdp-lab || return
	mount --bind -o ro /home /home && mount -o remount,ro,bind /home
	them=(setpriv --reuid learner --regid learner --init-groups env HOME=/home/learner)
	step 'as a user with sudo: without --yes and a terminal nothing is installed' refuses
	demo_works 'as a user with sudo and a read-only home' --yes
	# shellcheck disable=SC2016 # for that shell
	step 'as a user with sudo: nothing in the tree is root'"'"'s' \
		sh -c '[ -z "$(find . -user root)" ] && [ -x basic01-xdp-pass/xdp_pass_user ]'
	cd - >/dev/null || return
}

# Who comes first finds a bare system. To whom comes second, some of it is missing again: a compiler,
# a library and a tool, with what cannot do without them.
lose_some() {
	step 'some packages are taken away' apt-get -q -y remove gcc libbpf-dev bpftool
}

# ---- outside

need_mirror() {
	"$(dirname "$0")/bare-system" --mirror && return
	echo '1..0 # SKIP needs mirror: debootstrap and a mirror to make bare systems from'
	exit 0
}

test_of() { # TEXT-WITH-ok NAME
	number=$((number + 1))
	printf '%s %d - %s: %s\n' "$1" "$number" "$system" "$2"
}

# What comes from inside, as TAP with its plan. A file of tests is one test. Their tools have been
# installed by lab: a skip for want of one is a failure. The status is 0 if tests/run came to its end.
as_tap() { # SYSTEM
	local line what number=0 system=$1 end=1
	while IFS= read -r line; do
		case $line in
		'ok      '*) test_of ok "${line#ok      }" ;;
		'FAILED  '*) test_of 'not ok' "${line#FAILED  }" ;;
		'skipped '*': needs time: '*) printf '# %s\n' "$line" ;; # they are the quick ones
		'skipped '*': needs tool '*) test_of 'not ok' "${line#skipped }" ;;
		'skipped '*) what=${line#skipped }
			test_of ok "${what%%: needs *} # SKIP needs ${line##*: needs }" ;;
		*)
			[[ ! $line =~ ^[0-9]+\ passed,\ [0-9]+\ failed,\ [0-9]+\ skipped$ ]] || end=0
			printf '# %s\n' "$line"
			;;
		esac
	done
	echo "1..$number"
	return $end
}
