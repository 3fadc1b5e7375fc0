#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# as-it-came.sh [--check]: writes check/as-it-came/LESSON for each lesson, which tells what its
# sources are as they come: a line "MODE BLOB PATH" for each, BLOB being git's name for the contents.
# To be run whenever a lesson's sources have changed. With --check it only says whether it is right.

set -eu
cd "$(dirname "$0")/.."
bad=0

sources() { # LESSON: their paths
	git -c safe.directory='*' ls-files -co --exclude-standard -- "$1" |
		grep -v -e "^$1/README\.md$" -e "^$1/solution/" | sort -u
}

lines() { # LESSON
	local path mode
	echo '# SPDX-License-Identifier: GPL-2.0-only'
	for path in $(sources "$1"); do
		[ -f "$path" ] || continue
		mode=644
		[ ! -x "$path" ] || mode=755
		echo "100$mode $(git hash-object --no-filters "$path") ${path#"$1"/}"
	done
}

mkdir -p check/as-it-came
for page in *[0-9][0-9]-*/Makefile; do
	lesson=${page%/*}
	if [ "${1-}" != --check ]; then
		lines "$lesson" >"check/as-it-came/$lesson"
	elif [ "$(lines "$lesson")" != "$(cat "check/as-it-came/$lesson" 2>&1)" ]; then
		echo "check/as-it-came/$lesson is not right: run check/as-it-came.sh"
		bad=1
	fi
done
for page in check/as-it-came/*; do
	[ -f "${page##*/}/Makefile" ] || { echo "$page: there is no such lesson" && bad=1; }
done
exit $bad
