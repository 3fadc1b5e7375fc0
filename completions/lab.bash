# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of ./lab in bash:   . completions/lab.bash

_lab() {
	local word=${COMP_WORDS[COMP_CWORD]} lab=${COMP_WORDS[0]} words=''
	if [ "$COMP_CWORD" -eq 1 ] || [ "${COMP_WORDS[1]}" = help ]; then
		words=$("$lab" help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')
	else
		words=$("$lab" help "${COMP_WORDS[1]}" 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u)
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _lab lab ./lab
