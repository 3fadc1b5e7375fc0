# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of ./lab in bash:   . completions/lab.bash

# The lessons, or the exercises of the one that was typed.
_lab_names() { # TREE [LESSON [EXERCISE]]
	# shellcheck disable=SC1091 # it stands in the tree
	(here=$1 && . "$1/check/shared.sh" && case $# in
		1) lessons ;;
		2) exercises "$(lesson_of "$2")" ;;
	esac) 2>/dev/null
}

_lab() {
	local lab=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} help words typed tree
	if [ "$COMP_CWORD" -eq 1 ] || [ "${COMP_WORDS[1]}" = help ]; then
		words=$("$lab" help 2>/dev/null | sed -n 's/^  \([^ ]*\) .*/\1/p')
	else
		help=$("$lab" help "${COMP_WORDS[1]}" 2>/dev/null)
		words=$(sed -n 's/^ *\(--[^ ]*\).*/\1/p' <<<"$help")
		if [[ $word != -* && ${help%%$'\n\n'*} == *LESSON* ]]; then
			mapfile -t typed < <(printf '%s\n' "${COMP_WORDS[@]:2:COMP_CWORD-2}" |
				sed '/^--\(seed\|kernel\)$/,+1d; /^-/d; /^$/d')
			tree=$(dirname "$(readlink -f "$(type -P "$lab" || echo "$lab")")")
			words=$(_lab_names "$tree" ${typed[@]+"${typed[@]}"})
		fi
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _lab lab ./lab
