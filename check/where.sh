#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# where.sh [list]: where this person is. Without a word: what is next, and one line on the machine.
# list: all lessons and exercises, with what passed.

set -eu
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
. "$here/check/shared.sh"

about() { # LESSON: what its page says it is about
	[ ! -r "$here/$1/README.md" ] || sed -n '/^# /{s/^# [^:]*: //p;q}' "$here/$1/README.md"
}

count() { # sets all and passed
	local lesson one
	all=0 passed=0
	for lesson in $(lessons); do
		for one in $(exercises "$lesson"); do
			all=$((all + 1))
			! has_passed "$lesson" "$one" || passed=$((passed + 1))
		done
	done
}

list() {
	local lesson one n word
	for lesson in $(lessons); do
		printf '%-24s %s\n' "$lesson" "$(about "$lesson")"
		n=0
		for one in $(exercises "$lesson"); do
			n=$((n + 1)) word=-
			! is_untold "$lesson" "$one" || word='?'
			! has_passed "$lesson" "$one" || word=passed
			printf '  %-7s %d %-12s %s\n' "$word" $n "$one" "$(title_of "$lesson" "$one")"
		done
	done
	count
	[ $all -eq 0 ] || printf '\n%d of %d exercises passed.' $passed $all
	printf '\n'
	say_untold
	say_missing
}

say_missing() {
	local lesson what
	for lesson in $(lessons); do
		! what=$(missing_of_lesson "$lesson") || echo "Missing: $what. With git: git checkout -- $what"
	done
}

# What is left out, until somebody asks for it by its name.
say_untold() {
	local one
	untold | while read -r one; do
		echo "Left out, as this machine cannot judge it: $one. Why: $self check $one"
	done
}

# The files in which the work is to be done carry a mark.
marked() { # LESSON NUMBER
	local path
	while read -r _ _ path; do
		! grep -q "Exercise $2\b" "$here/$1/$path" 2>/dev/null || echo "$1/$path"
	done < <(sources_of "$1")
}

next() {
	local lesson exercise n files line
	read -r lesson exercise < <(lessons_from_here | next_exercise) || {
		echo "$(say_none_left) Begin again with other numbers: $self check --all"
		return
	}
	n=$(number_of "$lesson" "$exercise")
	printf 'Next: %s, exercise %s, %s: %s\n\n' "$lesson" "$n" "$exercise" \
		"$(title_of "$lesson" "$exercise")"
	line=$(grep -n "^### Exercise [0-9]*: $exercise$" "$here/$lesson/README.md" 2>/dev/null | cut -d: -f1)
	printf '  read   %s/README.md, ' "$lesson"
	[ "$n" != 1 ] || printf 'from the top; the exercise is there ' # the lesson comes before it
	printf 'from line %s\n' "${line:-1}"
	files=$(marked "$lesson" "$n")
	[ -z "$files" ] || printf '  edit   %s, where it says "Exercise %s"\n' "${files//$'\n'/ and }" "$n"
	printf '  then   %s check %s %s\n' "$self" "$(short "$lesson")" "$exercise"
	printf '         or leave it open: %s watch %s (checks each time you save)\n\n' "$self" "$(short "$lesson")"
}

# Only what costs nothing to find out; the doctor tries.
machine() {
	local release words
	release=$(uname -r)
	words="kernel ${release%%-*}"
	if [ "$(printf '%s\n' 5.15 "${release%%-*}" | sort -V | head -n 1)" = 5.15 ]; then
		words+=' ok'
	else
		words+=' too old'
	fi
	if [ ! -f "$here/config.mk" ]; then
		words+=", not set up yet: $self setup"
	elif [ "$EUID" -eq 0 ]; then
		words+=', set up, root'
	elif command -v sudo >/dev/null; then
		words+=', set up, root by sudo'
	else
		words+=", set up, neither root nor sudo: checks run in a virtual machine ($self help check)"
	fi
	printf 'This machine: %s. More: %s doctor\n' "$words" "$self"
}

if [ "${1-}" = list ]; then
	list
	exit
fi
count
printf 'xdp-lab: %d exercises, %d passed.\n' "$all" "$passed"
[ "$all" -eq 0 ] || next
say_untold
say_missing
machine
printf 'All commands: %s help\n' "$self"
