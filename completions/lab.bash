# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of ./lab in bash:   . completions/lab.bash

# The words that have no dash, from the second on: a command's lesson and exercise.
_lab_plain_words() {
	local word
	for word in "${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
		case $word in -*) ;; *) printf '%s\n' "$word" ;; esac
	done
}

# The lessons, or the exercises of the one that stands there already.
_lab_names() { # TREE
	local -a typed
	local one
	mapfile -t typed < <(_lab_plain_words)
	case ${#typed[@]} in
	0)
		for one in "$1"/*[0-9][0-9]-*/Makefile; do
			basename "$(dirname "$one")"
		done
		;;
	1)
		for one in "$1/${typed[0]%%-*}"*/solution/[0-9]*-*.patch; do
			[ ! -f "$one" ] || basename "$one" .patch | sed 's/^[0-9]*-//'
		done
		;;
	esac
}

_lab() {
	local word=${COMP_WORDS[COMP_CWORD]} lab=${COMP_WORDS[0]} words='' tree
	if [ "$COMP_CWORD" -eq 1 ] || [ "${COMP_WORDS[1]}" = help ]; then
		words=$("$lab" help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')
	else
		words=$("$lab" help "${COMP_WORDS[1]}" 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u)
		case ${COMP_WORDS[1]}:$word in
		*:-*) ;;
		check:* | hint:* | solution:* | watch:* | reset:* | undo:*)
			tree=$(dirname "$(readlink -f "$(type -P "$lab" || echo "$lab")")")
			words=$(_lab_names "$tree")
			;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _lab lab ./lab
