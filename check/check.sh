#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh: what `lab check` does. Builds as the person who owns the tree, then hands a copy of what
# was built to the grader, which runs as root, and keeps in .lab/progress what has passed.
#
# A lock keeps builds apart until the copy is handed over. The copy goes through a pipe: it never
# lies on a disk, and nothing that root does can make a file in the tree.

set -eu
here=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
. "$here/check/shared.sh"

lesson='' exercise='' all='' format='' want_time='' vm='' summary='' words=() pass=() vm_options=()
tests=0            # written in TAP so far
built_in=0         # seconds
declare -A results # of each lesson: 0 passed, 1 not yet, 3 cannot tell
stuck=''           # something has failed that had not passed before

read_arguments() { # ARG...
	while [ $# -gt 0 ]; do
		case $1 in
		--seed=* | --kernel=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
		--all) all=1 ;;
		--json | --tap)
			[ "${format:-$1}" = "$1" ] || die 2 '--json or --tap, not both'
			format=$1
			;;
		--time) want_time=1 ;;
		--summary) summary=1 ;; # see show()
		--seed)
			[[ ${2-} =~ ^[0-9a-fA-F]{1,8}$ ]] ||
				die 2 '--seed takes up to eight hexadecimal digits, as a check prints them'
			pass+=(--seed "$2")
			shift
			;;
		--vm) vm=1 ;;
		--kernel)
			[ -n "${2-}" ] || die 2 '--kernel takes the name of a kernel; see: ./lab help vm'
			vm=1 vm_options=(--kernel "$2")
			shift
			;;
		-*) die 2 "there is no option $1; see: $self help check" ;;
		*) words+=("$1") ;;
		esac
		shift
	done
	[ ${#words[@]} -le 2 ] || die 2 "one lesson, and one of its exercises; see: $self help check"
}

# The lessons to check, one a line; sets nothing.
chosen() {
	local one
	if [ -n "$lesson" ]; then
		echo "$lesson"
	elif [ -n "$all" ]; then
		for one in $(lessons); do
			[ -z "$(exercises "$one")" ] || echo "$one"
		done
	else
		one=$(lessons_from_here | next_exercise) && echo "${one%% *}"
	fi
}

# ---- Building

# What the compiler said from its first error on, and nothing of make's own. Where only the linker
# has complained, the compiler's warnings say why. clang may give up with pages of its own insides.
first_error_first() {
	sed '/^\(g\|bsd\)\?make\(\[[0-9]*\]\)\?: /d; /^collect2: error: /d
		/^PLEASE submit a bug report/d; /^Stack dump:$/d; /^[0-9]\.\t/d; /^ *#[0-9]* 0x/d' | awk '
		{ lines[NR] = $0 }
		!first && /: (fatal )?error: / { first = NR }
		END { for (i = first ? first : 1; i <= NR; i++) print lines[i] }'
}

missing_files() { # LESSON: sources that were there when it came
	local path
	[ -f "$here/check/as-it-came/$1" ] || return 0
	while read -r _ _ path; do
		[ -f "$here/$1/$path" ] || echo "$1/$path"
	done < <(sources_of "$1")
}

make_it() { # DIRECTORY [ARG...]
	as_owner make -s -j "$processors" -O --no-print-directory -C "$here/$1" \
		"${@:2}" 2>&1 9<&-
}

# A lesson that cannot be built: the compiler's message, and nothing else.
not_built() { # LESSON WHAT-MAKE-SAID
	local missing
	missing=$(missing_files "$1")
	if [[ $2 = *'No space left'* ]]; then
		cannot_tell "$1" "the disk is full: $1 could not be built"
		return 3
	elif [ -n "$missing" ]; then
		refuse "$1" "${missing//$'\n'/, } is missing. As it came: $self reset $(short "$1")" \
			'(what you have is kept)'
	else
		refuse "$1" "$(first_error_first <<<"$2")"
	fi
	return 1
}

# make goes by the time at which a file was written, and one that was moved here, or copied with its
# date, may be older than what was built before it came. Sets come to what names these to make.
find_come() { # LESSON STAMP: since then
	come=()
	[ ! -e "$2" ] || mapfile -d '' come < <(find "$here/$1" -maxdepth 1 -name '*.[ch]' \
		-newercm "$2" -printf '-W\0%f\0')
}

build() { # LESSON
	local said took processors come begin=${EPOCHREALTIME//[!0-9]/} stamp=$here/$1/.build/built
	if [ -n "${LAB_IN_VM-}" ]; then # there is no compiler: it was built before the machine started
		[ -x "$here/check/grade" ] || die 3 "the grader is not built; outside: $self check --vm"
		return
	fi
	if [ ! -f "$here/config.mk" ]; then
		(cd "$here" && as_owner ./configure -q 9<&-) || die 3 "this machine is not set up yet: $self setup"
	fi
	processors=$(nproc 2>/dev/null || echo 2)
	find_come "$1" "$stamp"
	as_owner touch "$stamp.new" 2>/dev/null || :
	said=$(make_it "$1" "${come[@]}") || {
		not_built "$1" "$said"
		return
	}
	as_owner mv "$stamp.new" "$stamp" 2>/dev/null || :
	[ -z "$said" ] || printf '%s\n' "$said" >&2 # warnings
	[ -x "$here/check/grade" ] || echo 'Building the grader, this once …' >&2
	said=$(make_it check LIBLAB_IS_BUILT=1) ||
		die 3 'the grader cannot be built:' "$(first_error_first <<<"$said")"
	took=$((${EPOCHREALTIME//[!0-9]/} - begin))
	printf -v built_in '%d.%02d' $((took / 1000000)) $((took / 10000 % 100))
}

# ---- What people read, and what programs read, where there is no grader to write it

escaped() { # TEXT: for JSON
	local text=${1//\\/\\\\}
	text=${text//\"/\\\"} text=${text//$'\n'/\\n} text=${text//$'\t'/\\t}
	printf '"%s"' "${text//[[:cntrl:]]/?}"
}

refuse() { # LESSON TEXT...: not yet right, as a whole
	local text=${*:2}
	case $format in
	--json) printf '{"lesson":"%s","result":"not built","came":%s}\n' "$1" "$(escaped "$text")" ;;
	--tap)
		tests=$((tests + 1))
		printf 'not ok %d - %s can be built\n' $tests "$(short "$1")"
		printf '# %s\n' "${text//$'\n'/$'\n'# }"
		;;
	*) printf '%s\n' "$text" ;;
	esac
}

cannot_tell() { # LESSON WHY
	case $format in
	--json) printf '{"lesson":"%s","result":"cannot tell","because":%s}\n' "$1" "$(escaped "$2")" ;;
	--tap)
		tests=$((tests + 1))
		printf 'ok %d - %s # SKIP cannot tell: %s\n' $tests "$(short "$1")" "$2"
		;;
	*) printf 'lab: %s\n' "$2" >&2 ;;
	esac
}

# ---- Grading

# What the grader needs of the tree: the lesson as it was built, its page and its sources, and the
# headers. What somebody has put beside them is not meant to be large.
hand_over() { # LESSON
	local status=0
	(cd "$here" && find "$1" headers \( -path '*/.build' -o -path "$1/solution" \) -prune -o \
		\( -type f -size -32768 -o -type l \) -print0 |
		as_owner tar --null --no-recursion --warning=no-file-changed -T - -cf -) || status=$?
	flock -u 9 2>/dev/null || :
	[ "$status" -ne 2 ] || echo "lab: not all of $1 can be read: see above" >&2
}

# Of all exercises that of a lesson are asked for: those that have passed before, ",a,b,".
behind() { # LESSON
	local one list=','
	[ -z "$all$exercise" ] || return 0
	for one in $(exercises "$1"); do
		! has_passed "$1" "$one" || list+=$one,
	done
	echo "$list"
}

grade() { # LESSON ARG...
	hand_over "$1" | as_root "$here/check/grade" "$@" --summary --built-in "$built_in" \
		--passed "$(behind "$1")" ${LAB_IN_VM:+--one-by-one} ${LAB_PLACE:+--place "$LAB_PLACE"} 9<&-
}

# All lessons in one virtual machine: what was built here is what it sees.
grade_in_vm() { # LESSON...
	local arguments=(${exercise:+"$exercise"} "${options[@]}" --summary)
	local place=${vm_options[*]}
	flock -u 9 2>/dev/null || :
	cd "$here"
	# shellcheck disable=SC2016 # for the other shell
	testenv/vm.sh ${vm_options[@]+"${vm_options[@]}"} -- bash -c 'export LAB_PLACE=$1 && n=$2
		shift 2
		for lesson in "${@:1:n}"; do ./lab check "$lesson" "${@:n+1}" || :; done' \
		bash "${place:---vm}" $# "$@" "${arguments[@]}" 9<&-
}

# Passes on what the grader says, line by line, but for the line that says what came of a lesson:
# "summary", LESSON and NAME=RESULT, with tabs between them. It goes to record().
# What is said in TAP of one lesson becomes part of one stream, with one plan at its end.
show() { # LESSON...
	local line names=" $* " is_summary=$'^summary\t([^\t]+)(\t[a-z0-9-]+=(passed|failed|lab|-))+$'
	while IFS= read -r line || [ -n "$line" ]; do
		if [[ $line =~ $is_summary && $names == *" ${BASH_REMATCH[1]} "* ]]; then
			keeping record "$line"
			[ -n "$summary" ] || continue
		fi
		case $format:$line in
		--tap:1..*) ;;
		--tap:ok\ [0-9]* | --tap:not\ ok\ [0-9]*)
			tests=$((tests + 1))
			[[ $line =~ ^((not )?ok\ )[0-9]+(.*) ]]
			printf '%s%d%s\n' "${BASH_REMATCH[1]}" $tests "${BASH_REMATCH[3]}"
			;;
		*) printf '%s\n' "$line" ;;
		esac
	done
}

record() { # SUMMARY: what came of a lesson, and keeps what has passed
	local words name news=''
	IFS=$'\t' read -ra words <<<"$1"
	results[${words[1]}]=0
	for name in "${words[@]:2}"; do
		case ${name#*=} in
		failed)
			results[${words[1]}]=1
			[[ $(behind "${words[1]}") = *,${name%=*},* ]] || stuck=1
			;;
		lab) [ "${results[${words[1]}]}" -eq 1 ] || results[${words[1]}]=3 ;;
		passed)
			has_passed "${words[1]}" "${name%=*}" ||
				news+="${words[1]}/${name%=*} passed $(date '+%F %R')"$'\n'
			;;
		esac
	done
	record_untold "${words[@]:1}"
	[ -n "$news" ] || return 0
	# shellcheck disable=SC2016 # for the other shell
	as_owner sh -c '{ [ ! -f "$1" ] || cat "$1"; } >"$1.new" && printf %s "$2" >>"$1.new" &&
		mv "$1.new" "$1"' sh "$state/progress" "$news" 2>/dev/null ||
		echo 'lab: what has passed could not be kept in .lab/progress: is the disk full?' >&2
}

# Keeps what this machine could not judge, and forgets what it now could.
record_untold() { # LESSON NAME=RESULT...
	local name old='' new
	[ ! -r "$state/untold" ] || old=$(cat "$state/untold")
	new=$old
	for name in "${@:2}"; do
		case ${name#*=} in -) continue ;; esac
		new=$(grep -v "^$1/${name%=*} " <<<"$new" || :)
		[ "${name#*=}" != lab ] || new+=${new:+$'\n'}"$1/${name%=*} $(uname -r)"
	done
	[ "$new" = "$old" ] ||
		printf '%s\n' "$new" | as_owner tee "$state/untold" >/dev/null 2>&1 || :
}

# Runs what grades these lessons; those of which it says nothing cannot be told.
grade_and_show() { # COMMAND LESSON...
	local lesson status=0
	show "${@:2}" < <("$@")
	wait $! || status=$?
	exec 9<&-
	for lesson in "${@:2}"; do
		[ -z "${results[$lesson]-}" ] || continue
		[ "$status" -ne 2 ] || exit 2
		[ "$status" -lt 128 ] || echo "lab: the grader was ended by signal $((status - 128))" >&2
		case $status:$(stat -f -c %T "$here") in
		1:nfs* | 1:fuse* | 1:smb* | 1:cifs)
			echo "lab: root may have no access to $here, which is on another machine." \
				'Clone the lab to a disk of this one, into /var/tmp for instance.' >&2
			;;
		esac
		results[$lesson]=3
	done
}

grade_here() { # LESSON
	grade "$1" ${exercise:+"$exercise"} "${options[@]}"
}

check_all() { # LESSON...
	local lesson built=()
	for lesson; do
		take_lock
		build "$lesson" || {
			results[$lesson]=$? stuck=1
			continue
		}
		if [ -n "$vm" ]; then
			built+=("$lesson")
		else
			grade_and_show grade_here "$lesson"
		fi
	done
	[ ${#built[@]} -eq 0 ] || grade_and_show grade_in_vm "${built[@]}"
}

# ---- Who can be root here?

# Where nobody can, a virtual machine can still be used; it is asked for, or offered.
choose_place() {
	[ -z "$vm" ] || return 0
	[ "$EUID" -ne 0 ] && ! command -v sudo >/dev/null || return 0
	echo 'Grading loads programs into the kernel. That takes root, and there is no sudo here.' >&2
	if [ ! -t 0 ] || ! ask 'Use a throwaway virtual machine instead?'; then
		die 3 'this machine cannot tell, as this user. In a throwaway virtual machine it can:' \
			"  $self check --vm${words[*]:+ ${words[*]}}"
	fi
	vm=1
}

# For people: where to go from here.
say_next() {
	local lesson name
	[ -z "$format$summary" ] || return 0
	if read -r lesson name < <(lessons_from_here | next_exercise); then
		echo "Next: $lesson, exercise $(number_of "$lesson" "$name"), $name. What to read and edit: $self"
	else
		echo "That was the last. $(say_none_left)"
	fi
}

read_arguments "$@"
[ ${#words[@]} -lt 1 ] || lesson=$(lesson_of "${words[0]}")
[ ${#words[@]} -lt 2 ] || exercise=$(exercise_of "$lesson" "${words[1]}")
[ -z "$lesson" ] || [ -n "$(exercises "$lesson")" ] || say_no_exercises "$lesson"
todo=$(chosen) || {
	echo "$(say_none_left) To check them again: $self check --all"
	[ -z "$(untold)" ] || exit 3
	exit 0
}
need_state || exit 3
choose_place
options=(${all:+--all} ${format:+"$format"} ${want_time:+--time} ${pass[@]+"${pass[@]}"})
# shellcheck disable=SC2086 # names
check_all $todo
[ "$format" != --tap ] || echo "1..$tests"
case " ${results[*]} " in
*' 1 '*)
	[ -n "$stuck" ] || say_next
	exit 1
	;;
*' 3 '*)
	[ -z "$(untold)" ] || say_next
	exit 3
	;;
esac
say_next
