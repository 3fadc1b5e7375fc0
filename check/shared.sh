# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What lab and its parts in check/ share. Who includes it has set "here", the top of the tree.
# $state keeps what this person has done: see docs/exercises.md for what lies in it.

# Letters go from a to z here, and tools say in English what is looked for in their words, whatever
# the language of this person is: in Turkish, i would not be among [a-z].
LC_CTYPE=${LC_ALL:-${LC_CTYPE:-${LANG:-C}}}
export LC_CTYPE LC_COLLATE=C LC_MESSAGES=C LC_NUMERIC=C
unset LC_ALL

self=${LAB_SELF:-./lab}
state=${here:?}/.lab

# ---- Talking

die() { # STATUS MESSAGE [LINE...]
	local status=$1
	shift
	printf '%s\n' "lab: $1" "${@:2}" >&2
	exit "$status"
}

ask() { # QUESTION: yes?
	if [ ! -t 0 ]; then
		[ "$EUID" -eq 0 ] || return 1
		echo "$1 There is no terminal to ask on: going ahead, as root."
		return 0
	fi
	local answer
	read -r -p "$1 [Y/n] " answer
	case $answer in '' | [Yy]*) return 0 ;; *) return 1 ;; esac
}

# The line on stdin whose first word is the fewest slips away: a letter more, less, changed, or two
# swapped. None if that is more than half of the word.
nearest() { # WORD
	awk -v word="$1" '
		function min(a, b) { return a < b ? a : b }
		function distance(a, b,    i, j, d) {
			for (i = 0; i <= length(a); i++) d[i, 0] = i
			for (j = 0; j <= length(b); j++) d[0, j] = j
			for (i = 1; i <= length(a); i++)
				for (j = 1; j <= length(b); j++) {
					d[i, j] = min(min(d[i-1, j] + 1, d[i, j-1] + 1),
						d[i-1, j-1] + (substr(a, i, 1) != substr(b, j, 1)))
					if (i > 1 && j > 1 && substr(a, i-1, 2) == substr(b, j, 1) substr(b, j-1, 1))
						d[i, j] = min(d[i, j], d[i-2, j-2] + 1)
				}
			return d[length(a), length(b)]
		}
		{ d = distance(word, $1); if (NR == 1 || d < best) { best = d; name = $1 } }
		END { if (best <= 3 && 2 * best <= length(word) + 1) print name }'
}

# ---- Who does what: root where the kernel or the package manager asks for it, the tree's owner else

as_root() { # COMMAND...
	if [ "$EUID" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die 1 "this step needs root, and there is no sudo: $*"
	fi
}

as_owner() { # COMMAND...
	if [ "$EUID" -ne 0 ] || [ -O "$here" ]; then
		"$@"
	else
		setpriv --reuid "$(stat -c %u "$here")" --regid "$(stat -c %g "$here")" --clear-groups "$@"
	fi
}

# ---- Lessons and exercises

# All lessons in the order of the course, which is the order in which things are taught. (It is asked
# often: a process each would be felt.)
lessons() {
	local one taught=() seen=' '
	[ ! -r "$here/check/concepts.txt" ] ||
		while read -r one _; do
			case $one in '#'* | */*) ;; *) taught+=("$one") ;; esac
		done <"$here/check/concepts.txt"
	for one in ${taught[@]+"${taught[@]}"} "$here"/check/as-it-came/* "$here"/*[0-9][0-9]-*/Makefile; do
		one=${one%/Makefile} one=${one##*/}
		[[ $one != *[0-9][0-9]-* || $seen == *" $one "* ]] || echo "$one"
		seen+="$one "
	done
}

short() { # LESSON: what people type
	echo "${1%%-*}"
}

# The exercises of a lesson, in order: its worked answers are named N-NAME.patch.
exercises() { # LESSON
	local one numbered=()
	for one in "$here/$1"/solution/*.patch; do
		[[ ! -f $one || ! ${one##*/} =~ ^([0-9]+)-(.*)\.patch$ ]] ||
			numbered[10#${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
	done
	[ ${#numbered[@]} -eq 0 ] || printf '%s\n' "${numbered[@]}"
}

patch_of() { # LESSON EXERCISE
	local one
	for one in "$here/$1"/solution/[0-9]*-"$2".patch; do
		case ${one##*/} in *[0-9]-"$2".patch) echo "$one" && return ;; esac
	done
	return 1
}

number_of() { # LESSON EXERCISE
	local one
	one=$(patch_of "$@") && one=${one##*/} && echo "${one%%-*}"
}

# What somebody typed for a lesson: its name, or the beginning of just one.
lesson_of() { # WORD
	local word=${1%/} all found near one
	word=${word##*/}
	all=$(lessons)
	found=$(grep -Fx -- "$word" <<<"$all" || awk -v word="$word" 'index($0, word) == 1' <<<"$all")
	case $found in
	*$'\n'*) die 2 "'$1' can be ${found//$'\n'/ or }" ;;
	?*) echo "$found" && return ;;
	esac
	for one in $(lessons); do
		! exercises "$one" | grep -Fxq -- "$word" ||
			die 2 "'$1' is an exercise of $one: type the lesson before it: $(short "$one") $1"
	done
	near=$({ lessons && lessons | sed 's/-.*//'; } | nearest "$word")
	die 2 "there is no lesson '$1'${near:+; did you mean $near?}" "  all lessons: $self list"
}

# Of a lesson without exercises that should have some: what of it is missing.
missing_of_lesson() { # LESSON
	grep -qs "^$1/[0-9]*-" "$here/check/concepts.txt" && [ -z "$(exercises "$1")" ] || return
	[ -d "$here/$1" ] && echo "$1/solution" || echo "$1"
}

say_no_exercises() { # LESSON
	local what
	what=$(missing_of_lesson "$1") ||
		die 2 "$1 has no exercises: its page is there to be read, $1/README.md"
	die 2 "$what is missing, and with it the exercises. It is in every fresh copy of the lab." \
		"  With git:  git checkout -- $what"
}

# What somebody typed for an exercise: its name, its number, or the beginning of just one.
exercise_of() { # LESSON WORD
	local all found near
	all=$(exercises "$1")
	[ -n "$all" ] || say_no_exercises "$1"
	found=$(grep -Fx -- "$2" <<<"$all" ||
		{ [[ $2 =~ ^[0-9]+$ ]] && sed -n "$((10#$2))p" <<<"$all"; } ||
		awk -v word="$2" 'index($0, word) == 1' <<<"$all")
	case $found in
	*$'\n'*) die 2 "'$2' can be ${found//$'\n'/ or }" ;;
	?*) echo "$found" && return ;;
	esac
	near=$(nearest "$2" <<<"$all")
	die 2 "$1 has no exercise '$2'${near:+; did you mean $near?}" "  it has: ${all//$'\n'/, }"
}

# Its section of the page, without the heading.
section_of() { # LESSON EXERCISE
	[ -r "$here/$1/README.md" ] ||
		die 1 "$1/README.md is missing: the texts of the exercises are on it." \
			"  With git:  git checkout -- $1/README.md"
	awk -v name="$2" '
		/^```/ { fenced = !fenced }
		!fenced && /^##/ { inside = 0 }
		inside { print }
		!fenced && $0 ~ "^### Exercise [0-9]+: " name "$" { inside = 1 }
	' "$here/$1/README.md"
}

title_of() { # LESSON EXERCISE
	section_of "$1" "$2" | sed -n '/./{p;q}'
}

# ---- What has passed: a line for each, "LESSON/EXERCISE passed DATE TIME"

has_passed() { # LESSON EXERCISE
	[ -r "$state/progress" ] && grep -q "^$1/$2 passed" "$state/progress"
}

# What could not be judged with this kernel: a line for each, "LESSON/EXERCISE KERNEL". It does not
# count as passed, and nobody is kept waiting for it.
is_untold() { # LESSON EXERCISE
	[ -s "$state/untold" ] && grep -Fxq "$1/$2 $(uname -r)" "$state/untold" && ! has_passed "$@"
}

untold() { # all of them, as people type them, one a line
	local lesson one
	[ -s "$state/untold" ] || return 0
	for lesson in $(lessons); do
		for one in $(exercises "$lesson"); do
			! is_untold "$lesson" "$one" || echo "$(short "$lesson") $one"
		done
	done
}

# The lessons as they are to be done from here on: the one of which an exercise has passed last, then
# those behind it, and at the end those that were skipped.
lessons_from_here() {
	local last
	last=$(sed -n '$s|/.*||p' "$state/progress" 2>/dev/null) || :
	lessons | awk -v last="$last" '
		$0 == last { here = 1 }
		here { print }
		!here { before = before $0 "\n" }
		END { printf "%s", before }'
}

# Of the lessons on stdin: the first exercise that is still to be done, as "LESSON EXERCISE".
next_exercise() {
	local lesson one
	while read -r lesson; do
		for one in $(exercises "$lesson"); do
			has_passed "$lesson" "$one" || is_untold "$lesson" "$one" ||
				{ echo "$lesson $one" && return; }
		done
	done
	return 1
}

# There is none: have all passed?
say_none_left() {
	local left
	left=$(untold)
	if [ -z "$left" ]; then
		echo 'All exercises have passed.'
	else
		echo "All exercises that this machine can judge have passed. Not judged: ${left//$'\n'/, }."
	fi
}

# ---- The person's own directory

# Makes it, as the owner of the tree. If that cannot be: one sentence on stderr says why.
need_state() {
	local said
	said=$(as_owner mkdir -p "$state" 2>&1 && as_owner touch "$state/lock" 2>&1) && return
	case $said in
	*'No space'* | *quota*) echo "lab: the disk is full: nothing can be written below $here" >&2 ;;
	*'Read-only'*) echo "lab: $here is read-only: work in a copy of your own (cp -r)" >&2 ;;
	*) echo "lab: $(id -un) may not write in $here: work in a copy of your own (cp -r)" >&2 ;;
	esac
	return 1
}

# One at a time: a build, and what changes a lesson. The lock ends with the process, or earlier. It
# is opened for writing, too, as NFS asks for; where there are no locks at all, it goes on without.
take_lock() {
	local status=0
	{ exec 9<>"$state/lock" || exec 9<"$state/lock"; } 2>/dev/null || :
	flock -n 9 2>/dev/null || status=$?
	[ $status -eq 1 ] || return 0
	echo 'lab: waiting for another lab command in this tree to finish its build' >&2
	flock 9
}

# COMMAND...: as what is kept of this person is read and written, one at a time, too.
keeping() {
	{ exec 8<>"$state/lock" || exec 8<"$state/lock"; } 2>/dev/null || :
	flock 8 2>/dev/null || :
	"$@"
	exec 8<&-
}

# ---- Lessons as they came: check/as-it-came/LESSON has a line "MODE BLOB PATH" for each source

sources_of() { # LESSON: those lines
	sed '/^#/d' "$here/check/as-it-came/$1"
}

hash_of() { # FILE: what git calls it
	{ printf 'blob %d\0' "$(stat -Lc %s "$1")" && cat "$1"; } 2>/dev/null | sha1sum | cut -d' ' -f1
}

put_aside() { # BLOB FILE: under a name of its own first, as others may do the same just now
	local new=$state/pristine/.$1.$$
	as_owner cp "$2" "$new" 2>/dev/null && as_owner mv -f "$new" "$state/pristine/$1" && return
	as_owner rm -f "$new" 2>/dev/null
	return 1
}

# Has git all of them? Not where somebody has just typed git init.
git_has_pristine() {
	local said
	[ -e "$here/.git" ] && said=$(sed -n 's/^[0-9]* \([^ ]*\) .*/\1/p' "$here"/check/as-it-came/* |
		git -C "$here" -c safe.directory='*' cat-file --batch-check 2>/dev/null) &&
		[[ $said != *missing* ]]
}

# Puts files aside that are as they came, where there is no other place for them.
keep_pristine() {
	local lesson blob path missing=()
	[ -z "${LAB_IN_VM-}" ] || return 0 # nothing in there lasts
	! git_has_pristine || return 0
	for lesson in "$here"/check/as-it-came/*; do
		while read -r _ blob path; do
			[ -e "$state/pristine/$blob" ] || [ ! -f "$here/${lesson##*/}/$path" ] ||
				missing+=("$blob" "$here/${lesson##*/}/$path")
		done < <(sources_of "${lesson##*/}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	as_owner mkdir -p "$state/pristine" 2>/dev/null || return 0
	set -- "${missing[@]}"
	while [ $# -gt 0 ]; do
		[ "$(hash_of "$2")" != "$1" ] || put_aside "$1" "$2" || return 0
		shift 2
	done
}
