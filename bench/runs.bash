# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # benches use both
#
# What a bench begins with:  . runs.bash DEFAULT "$@"
#
# "here" is its folder, and "runs" how often it measures each thing: DEFAULT, or what was typed. Who
# types anything else reads the bench's header.

here=$(cd "$(dirname "$0")" && pwd)
runs=${2:-$1}
case $runs in
*[!0-9]* | '' | 0)
	sed -n '4,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
