#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# exercise.sh hint|solution|reset|undo …: what `lab` does under these names. Runs as the person who
# owns the tree.
#
# Whatever replaces files of a lesson first saves all of them in .lab/attic/N-LESSON-COMMAND. If
# that cannot be done, nothing is changed. Files are put in place one by one, each as a whole, and
# Ctrl-C does not come between them.

set -eu
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
. "$here/check/shared.sh"

command=$1 all='' apply='' list='' words=()
shift
for arg; do
	case $command$arg in
	hint--all) all=1 ;;
	solution--apply) apply=1 ;;
	undo--list) list=1 ;;
	"$command"-*) die 2 "there is no option $arg; see: $self help $command" ;;
	*) words+=("$arg") ;;
	esac
done

# Sets lesson and exercise from what was typed; what was not typed is where this person is.
choose() {
	local next
	[ ${#words[@]} -le 2 ] || die 2 "one lesson and one of its exercises; see: $self help $command"
	lesson='' exercise=''
	[ ${#words[@]} -lt 1 ] || lesson=$(lesson_of "${words[0]}")
	if [ ${#words[@]} -eq 2 ]; then
		exercise=$(exercise_of "$lesson" "${words[1]}")
		return
	fi
	next=$({ [ -z "$lesson" ] && lessons_from_here || echo "$lesson"; } | next_exercise) || {
		[ -z "$lesson" ] || [ -n "$(exercises "$lesson")" ] || say_no_exercises "$lesson"
		die 2 'nothing of it is left to do: name the exercise that you mean' "  $self list"
	}
	lesson=${next% *} exercise=${next#* }
}

# ---- Hints: on the page they are <details> with the summary "Hint N"

hints() { # the texts, each with its summary before it
	section_of "$lesson" "$exercise" | awk '
		/^<details>/ { inside = 1; next }
		/^<\/details>/ { inside = 0; next }
		inside && /^<summary>/ { gsub(/<[^>]*>/, ""); print "\001" $0; blank = 1; next }
		inside && blank && /^$/ { next }
		inside { blank = 0; print }'
}

show_hint() { # N
	hints | awk -v n="$1" '
		/^\001/ { at++; sub(/^\001/, ""); if (at == n) print $0 ":" }
		/^Hint/ { next }
		at == n { lines[++count] = $0 }
		END { while (count && lines[count] == "") count--
			for (i = 1; i <= count; i++) print "  " lines[i] }' | sed 's/ *$//'
}

# How many of its hints this person has seen.
seen_hints() {
	[ ! -r "$state/hints" ] || sed -n "s,^$lesson/$exercise \([0-9]*\)$,\1,p" "$state/hints"
}

remember_hint() { # N
	{
		[ ! -f "$state/hints" ] || grep -v "^$lesson/$exercise " "$state/hints" || :
		echo "$lesson/$exercise $1"
	} 2>/dev/null >"$state/hints.new" && mv "$state/hints.new" "$state/hints" ||
		echo 'lab: which hints you have seen could not be kept: is the disk full?' >&2
}

cmd_hint() {
	local count n
	choose
	section_of "$lesson" "$exercise" >/dev/null
	count=$(hints | grep -c $'^\001') || die 1 "$lesson/README.md has no hints for $exercise"
	printf '%s, %s: %s\n' "$lesson" "$exercise" "$(title_of "$lesson" "$exercise")"
	if [ -n "$all" ]; then
		for ((n = 1; n <= count; n++)); do
			printf '\n' && show_hint $n
		done
		n=$count
	else
		n=$(seen_hints)
		n=$((${n:-0} < count ? ${n:-0} + 1 : count))
		printf '\n' && show_hint $n
		printf '\n'
		if [ $n -lt "$count" ]; then
			echo "This was hint $n of $count. The next: $self hint $(short "$lesson") $exercise"
		else
			echo "This was the last of $count. All: --all. The answer: $self solution" \
				"$(short "$lesson") $exercise"
		fi
	fi
	! need_state || keeping remember_hint "$n"
}

# ---- The files of a lesson that a person may have written: all but the page, worked answers and
# ---- what was built

files_of() { # DIRECTORY: paths in it, each ended by a zero byte
	[ -e "$1" ] || return 0
	(cd "$1" && find . -path ./solution -prune -o -path ./.build -prune -o -path ./README.md -o \
		\( -type f -o -type l \) ! -name '*.o' ! -name '*.ll' ! -name '*.s' -print0) |
		while IFS= read -r -d '' path; do
			is_built "$1/$path" || printf '%s\0' "${path#./}"
		done
}

is_built() { # FILE: a program?
	[ -x "$1" ] && [ ! -L "$1" ] && [ "$(head -c 4 "$1" | tr -d '\0')" = $'\177ELF' ]
}

# Makes DIRECTORY hold the lesson as it came.
as_it_came() { # DIRECTORY
	local mode blob path
	[ -f "$here/check/as-it-came/$lesson" ] ||
		die 1 "check/as-it-came/$lesson is missing: this copy of the lab is not complete"
	while read -r mode blob path; do
		find_blob "$blob" "$path" >"$work/blob" ||
			die 1 "$lesson/$path as it came is not to be found: neither in git nor in .lab/pristine" \
				'  It is in every fresh copy of the lab.'
		{ mkdir -p "$(dirname "$1/$path")" && cp "$work/blob" "$1/$path" &&
			chmod "${mode#100}" "$1/$path" && [ "$(hash_of "$1/$path")" = "$blob" ]; } 2>/dev/null ||
			die 1 "nothing can be written in .lab (is the disk full?), so nothing was changed"
	done < <(sources_of "$lesson")
}

find_blob() { # BLOB PATH: its contents
	local file
	for file in "$here/$lesson/$2" "$state/pristine/$1"; do
		if [ -f "$file" ] && [ "$(hash_of "$file")" = "$1" ]; then
			cat "$file" 2>/dev/null || :
			return
		fi
	done
	git -C "$here" -c safe.directory='*' cat-file -e "$1" 2>/dev/null || return
	git -C "$here" -c safe.directory='*' cat-file blob "$1" 2>/dev/null || :
}

# All steps up to EXERCISE, on top of the lesson in DIRECTORY.
apply_answers() { # DIRECTORY EXERCISE
	local one said
	command -v patch >/dev/null || die 1 "there is no patch here; it comes with: $self setup"
	for one in $(exercises "$lesson"); do
		said=$(patch -s -f --no-backup-if-mismatch -p2 -d "$1" -i "$(patch_of "$lesson" "$one")" 2>&1) ||
			die 1 "the answer to $one does not fit $lesson as it came: a fault of the lab's" "$said"
		[ "$one" != "$2" ] || return 0
	done
}

# ---- Changing a lesson

same() { # DIRECTORY DIRECTORY: the same files with the same contents?
	local path
	[ "$(files_of "$1" | sort -z | tr '\0' '/')" = "$(files_of "$2" | sort -z | tr '\0' '/')" ] || return
	while IFS= read -r -d '' path; do
		same_file "$1/$path" "$2/$path" || return
	done < <(files_of "$1")
}

same_file() { # FILE FILE
	if [ -L "$1" ] || [ -L "$2" ]; then
		[ "$(readlink "$1")" = "$(readlink "$2")" ]
	else
		[ -f "$1" ] && [ -f "$2" ] && cmp -s "$1" "$2" &&
			{ [ -x "$1" ] && [ -x "$2" ] || [ ! -x "$1" ] && [ ! -x "$2" ]; }
	fi
}

copy_files() { # FROM TO
	(
		set -o pipefail # what cannot be listed cannot be saved
		files_of "$1" | while IFS= read -r -d '' path; do
			mkdir -p "$(dirname "$2/$path")" && cp -pP "$1/$path" "$2/$path" || exit
		done
	)
}

entries() { # of the attic, in order
	local one
	for one in "$state"/attic/[0-9]*-*; do
		[ ! -d "$one" ] || echo "${one##*/}"
	done | sort -n
}

# Saves the lesson as it is now: sets saved to the name under which it lies in the attic.
save() { # WHAT-FOR
	local last
	last=$(entries | tail -n 1)
	saved=$((${last%%-*} + 1))-$lesson-$1
	{ mkdir -p "$work/saved" "$state/attic" "$here/$lesson" &&
		copy_files "$here/$lesson" "$work/saved" &&
		mv "$work/saved" "$state/attic/$saved"; } 2>"$work/said" ||
		die 1 "your $lesson could not be saved, so nothing was changed:" "  $(head -n 1 "$work/said")"
}

# Takes a file out of the lesson. What lies there goes to the attic as it is, and not only the copy
# that save() has made: somebody may just have written it.
take_away() { # PATH
	local file=$here/$lesson/$1 to=$state/attic/$saved/$1
	if [ -d "$file" ] && [ ! -L "$file" ]; then
		mv -T "$file" "$to.directory"
	elif [ -e "$file" ] || [ -L "$file" ]; then
		mkdir -p "$(dirname "$to")" && mv -fT "$file" "$to"
	fi
}

# Puts a file of the workshop into the lesson: whole, and new, so that make sees it.
put() { # PATH
	local file=$work/tree/$1 to=$here/$lesson/$1 dir=$1
	[ -L "$file" ] || touch "$file" || return
	while [[ $dir == */* ]]; do
		dir=${dir%/*}
		[ -d "$here/$lesson/$dir" ] || take_away "$dir" || return
	done
	mkdir -p "$(dirname "$to")" && take_away "$1" && mv -fT "$file" "$to"
}

# The lesson becomes what lies in the workshop. Files that stay as they are are not touched. What
# goes makes room first: a file may be in the place of a directory, or a link lead out of the lesson.
put_in_place() {
	local path paths
	local -A stays=()
	mapfile -d '' paths < <(files_of "$work/tree")
	for path in ${paths[@]+"${paths[@]}"}; do
		stays[$path]=1
	done
	while IFS= read -r -d '' path; do
		[ -n "${stays[$path]-}" ] || take_away "$path" || return
	done < <(files_of "$here/$lesson")
	for path in ${paths[@]+"${paths[@]}"}; do
		same_file "$work/tree/$path" "$here/$lesson/$path" || put "$path" || return
	done
}

# A place to prepare files in, on the tree's file system, so that each can be moved as a whole.
need_workshop() {
	need_state || exit 1
	take_lock
	rm -rf "$state"/work.* # of those that were killed
	work=$(mktemp -d "$state/work.XXXXXX") || die 1 "nothing can be written in $state"
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/tree"
}

replace_lesson() { # WHAT-FOR
	trap '' INT TERM HUP # it takes a moment, and is done as a whole
	save "$1"
	put_in_place || die 1 "$lesson could not be written as a whole. Your files are safe:" \
		"  $self undo ${saved%%-*}"
	printf 'What you had is in .lab/attic/%s. To bring it back: %s undo %s\n' "$saved" "$self" \
		"${saved%%-*}"
}

cmd_reset() {
	[ ${#words[@]} -eq 1 ] || die 2 'which lesson? usage: lab reset LESSON' "  all lessons: $self list"
	lesson=$(lesson_of "${words[0]}")
	need_workshop
	as_it_came "$work/tree"
	if same "$work/tree" "$here/$lesson"; then
		echo "$lesson is as it came: there is nothing to reset."
		return
	fi
	replace_lesson reset
	echo "$lesson is as it came."
	[ -f "$here/$lesson/README.md" ] ||
		echo "Its page is missing. With git: git checkout -- $lesson/README.md $lesson/solution"
}

cmd_solution() {
	local one before=''
	choose
	if [ -z "$apply" ]; then
		for one in $(exercises "$lesson"); do
			[ "$one" != "$exercise" ] || break
			before+=${before:+, }$one
		done
		printf '%s, %s: %s\n' "$lesson" "$exercise" "$(title_of "$lesson" "$exercise")"
		[ -z "$before" ] || printf 'This step comes on top of: %s\n' "$before"
		printf '\n'
		sed '1,3{/SPDX-License-Identifier/d}' "$(patch_of "$lesson" "$exercise")" | sed '/./,$!d'
		printf '\nTo have it written: %s solution %s %s --apply (what you have is kept)\n' \
			"$self" "$(short "$lesson")" "$exercise"
		return
	fi
	need_workshop
	as_it_came "$work/tree"
	apply_answers "$work/tree" "$exercise"
	if same "$work/tree" "$here/$lesson"; then
		echo "$lesson holds the worked answer already."
		return
	fi
	replace_lesson solution
	echo "$lesson holds the worked answers up to $exercise. See: $self check $(short "$lesson") $exercise"
}

list_attic() {
	local one name
	for one in $(entries); do
		name=${one#*-}
		printf '%4s  %s  %-24s before %s\n' "${one%%-*}" \
			"$(date -r "$state/attic/$one" '+%F %R')" "${name%-*}" "${name##*-}"
	done
	[ -n "${one-}" ] || echo 'Nothing has been replaced yet.'
}

cmd_undo() {
	local entry
	[ -z "$list" ] || { list_attic && return; }
	[ ${#words[@]} -le 1 ] || die 2 'usage: lab undo [LESSON | NUMBER | --list]'
	if [ ${#words[@]} -eq 0 ]; then
		entry=$(entries | tail -n 1)
		[ -n "$entry" ] || die 1 'there is nothing to undo: neither reset nor solution has replaced a file'
	elif [[ ${words[0]} =~ ^[a-z][a-z0-9-]*/?$ ]]; then
		lesson=$(lesson_of "${words[0]}")
		entry=$(entries | grep -E "^[0-9]+-$lesson-[a-z]+$" | tail -n 1)
		[ -n "$entry" ] ||
			die 1 "there is nothing to undo: neither reset nor solution has replaced a file of $lesson" \
				"  what there is: $self undo --list"
	else
		entry=$(entries | awk -v n="${words[0]%%-*}" -F- '$1 == n')
		[ -n "$entry" ] ||
			die 2 "nothing was saved as '${words[0]}'; what there is: $self undo --list"
	fi
	lesson=${entry#*-}
	lesson=${lesson%-*}
	need_workshop
	copy_files "$state/attic/$entry" "$work/tree" ||
		die 1 ".lab/attic/$entry cannot be copied: nothing was changed"
	if same "$work/tree" "$here/$lesson"; then
		echo "$lesson is just that already."
		return
	fi
	replace_lesson undo
	echo "$lesson is what it was before ${entry##*-} ($(date -r "$state/attic/$entry" '+%F %R'))."
}

"cmd_$command"
