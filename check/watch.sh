#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# watch.sh [LESSON]: checks a lesson again each time one of its files is saved.
#
# What counts is what stat says of the files. inotifywait only saves asking: where it is missing, or
# where it hears nothing (network file systems, folders shared with a virtual machine), they are
# asked twice a second, else every two seconds. Nothing that was printed is ever cleared.

set -eu
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
. "$here/check/shared.sh"

named='' keys='' ear='' listener=''
for arg; do
	case $arg in
	-*) die 2 "there is no option $arg; see: $self help watch" ;;
	*)
		[ -z "$named" ] || die 2 "one lesson; see: $self help watch"
		named=$(lesson_of "$arg")
		;;
	esac
done
[ -z "$named" ] || [ -n "$(exercises "$named")" ] || say_no_exercises "$named"

choose_lesson() {
	if [ -n "$named" ]; then
		lesson=$named
	else
		lesson=$(lessons_from_here | next_exercise) || {
			echo "$(say_none_left) To check a lesson again and again: $self watch LESSON"
			exit 0
		}
		lesson=${lesson%% *}
	fi
}

# What there is to see of the files that a person writes.
look() {
	(cd "$here/$lesson" 2>/dev/null && find . \( -path ./.build -o -path ./solution \) -prune -o \
		-type f \( -name '?*.*' -o -name Makefile \) ! -name '*.o' ! -name '*.ll' ! -name '*.s' \
		! -name '*~' ! -name '.*' ! -name README.md -exec stat -c '%n %y %s %i' {} +) | sort
}

# Opens an ear on the lesson, if that works here.
listen() {
	[ -z "$listener" ] || kill "$listener" 2>/dev/null || :
	[ -z "$ear" ] || exec {ear}<&-
	ear='' listener=''
	command -v inotifywait >/dev/null || return 0
	case $(stat -f -c %T "$here/$lesson" 2>/dev/null) in
	nfs* | smb* | cifs | v9fs | fuse* | vboxsf | prl_fs | UNKNOWN*) return 0 ;;
	esac
	exec {ear}< <(exec setpriv --pdeathsig TERM inotifywait -q -m --format . \
		-e close_write,moved_to,create,delete "$here/$lesson" 2>/dev/null </dev/null)
	listener=$!
}

# Has something been saved? Reads away what was heard, so that it is asked about once. An ear may
# open late, or hear nothing: with one, too, the files are asked from time to time.
heard() {
	local changed='' every=4
	turn=$((turn + 1))
	if [ -n "$ear" ] && kill -0 "$listener" 2>/dev/null; then
		every=16
		while read -r -t 0 -u "$ear"; do
			IFS= read -r -t 1 -u "$ear" _ || break
			changed=1
		done
	fi
	[ -n "$changed" ] || [ $((turn % every)) -eq 0 ] || return
	[ "$(look)" != "$seen" ]
}

check() {
	seen=$(look)
	printf '\n---- %s ---- %s\n' "$(date +%T)" "$lesson"
	"$here/check/check.sh" "$lesson" || :
	if [ -z "$named" ] && ! echo "$lesson" | next_exercise >/dev/null; then
		choose_lesson
		seen=$(look)
		listen
	fi
	say_waiting
}

say_waiting() {
	printf '\n%s: waiting for you to save a file.%s\n' "$lesson" \
		"${keys:+ Keys: r check now, h next hint, q end}"
}

hint() {
	local next
	next=$(echo "$lesson" | next_exercise) || {
		echo "Nothing of $lesson is left to do."
		return
	}
	printf '\n'
	# shellcheck disable=SC2086 # two words
	as_owner "$here/check/exercise.sh" hint $next || :
	say_waiting
}

[ ! -t 0 ] || keys=1
trap '[ -z "$listener" ] || kill "$listener" 2>/dev/null || :' EXIT
trap 'exit 0' INT TERM HUP
turn=0 seen=''
choose_lesson
listen
check
while :; do
	key=''
	if [ -n "$keys" ]; then
		IFS= read -r -s -n 1 -t 0.12 key && key=${key:-enter} || [ $? -gt 128 ] || exit 0
	else
		sleep 0.12
	fi
	case $key in
	r | R | enter) check ;;
	h | H) hint ;;
	q | Q) exit 0 ;;
	*) ! heard || check ;;
	esac
done
