#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# doctor.sh [--json]: asks this machine about everything that the lessons need: questions.txt.
# doctor.sh --lessons: says only which lessons it can run.
#
# It does not trust versions where it can try: it compiles a program, loads it and attaches it, in a
# private world (see testenv/private.sh). The exit status is 0 if the lessons can run here.

set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
# In memory, if that can be: a doctor is asked when a disk is full, too.
tmp=${2-$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d || echo /nonexistent)}

# ---- How to find out. What is said first goes with the answer; status 3 is neither yes nor no.

is_kernel() { # LEAST
	uname -r && printf '%s\n' "$1" "$(uname -r | sed 's/-.*//')" | sort -C -V
}

was_tried_on() { # ARCHITECTURE...
	uname -m && { [[ " $* " == *" $(uname -m) "* ]] || return 3; }
}

is_not_locked() {
	grep -s . /sys/kernel/security/lockdown || echo none
	! grep -qs '\[confidentiality\]' /sys/kernel/security/lockdown
}

has_root() {
	case $root in false) id -un && false ;; *) echo "${root:-root}" ;; esac
}

cc() {
	command "${CC:-cc}" "$@"
}

compiles_for_bpf() {
	clang -O2 -g -target bpf -idirafter "/usr/include/$(cc -print-multiarch 2>/dev/null)" \
		-c doctor/probe_kern.c -o "$tmp/probe_kern.o" && clang --version
}

has_library() { # NAME LEAST
	pkg-config --modversion "$1" 2>/dev/null || echo 'not found'
	pkg-config --atleast-version="$2" "$1"
}

is_mounted() { # TYPE DIRECTORY
	echo "$2" && grep -q "^[^ ]* $2 $1 " /proc/mounts
}

makes_veth() {
	ip link add doctor0 type veth peer name doctor1 && ip link set doctor0 up &&
		ip link set doctor1 up && echo 'pairs can be made'
}

sets_ipv6() {
	echo 0 >/proc/sys/net/ipv6/conf/doctor0/disable_ipv6 &&
		ip address add fc00:dead:cafe:9999::1/64 dev doctor0 && echo 'addresses can be set'
}

compiles_probe() {
	# shellcheck disable=SC2046 # flags are words
	TMPDIR=$tmp cc -o "$tmp/probe" doctor/probe.c $(pkg-config --cflags --libs libxdp libbpf)
}

probe() { # QUESTION: see probe.c. In here, programs can be run in /run; elsewhere, not always
	[ -x /run/probe ] || cp "$tmp"/probe* /run 2>/dev/null || cannot_tell
	/run/probe "$1" /run/probe_kern.o doctor0
}

cannot_tell() { # whatever it was
	echo 'could not be tried' && exit 3
}

# ---- Asking

# Prints a line for each question of one place, with tabs between its key, the answer, its weight,
# the question, why, and what to do.
ask() { # here|inside [INSTEAD]
	local key weight question place how cure why status
	while read -r key weight question && read -r place how && read -r _ cure; do
		[ "$place" = "$1" ] || continue
		status=0
		# shellcheck disable=SC2086 # a command is words
		why=$(${2-} $how 2>&1 </dev/null) || status=$?
		case $status:$place in
		0:*) status=yes cure='' ;;
		3:here) status=unknown ;;
		3:inside) status=unknown cure='./lab setup, then ./lab doctor as root' ;;
		*) status=no ;;
		esac
		! [[ $why =~ [^$'\n']*error:[^$'\n']* ]] || why=${BASH_REMATCH[0]}
		why=${why%%$'\n'*} why=${why#"$0: line "*: } why=${why//[[:cntrl:]]/ }
		printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$key" "$status" "$weight" "$question" "${why:-$how}" "$cure"
	done < <(grep '^[^#]' doctor/questions.txt)
}

ask_all() {
	root=''
	[ "$(id -u)" -eq 0 ] || root=sudo
	[ -z "$root" ] || sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; } || root=false
	compiles_probe >/dev/null 2>&1 &
	ask here
	wait
	$root testenv/private.sh doctor/doctor.sh --inside "$tmp" 2>/dev/null || ask inside cannot_tell
}

# ---- Telling

# A line for each lesson: its name, and after tabs what blocks of its page need (needs=WHAT: the key
# of a question, or a tool) and this machine has not.
lessons() {
	local page what
	for page in *[0-9][0-9]-*/README.md; do
		printf %s "${page%/*}"
		for what in $(sed -n '/^ *```console/s/.* needs=\([^ ]*\).*/\1/p' "$page" | tr , '\n' |
			grep -vx 'single\|jited' | sort -u); do
			case $'\n'$answers in
			*$'\n'"$what"$'\t'yes$'\t'*) continue ;;
			*$'\n'"$what"$'\t'*) ;;
			*) ! command -v "$what" >/dev/null || continue ;;
			esac
			printf '\t%s' "${what/#dispatcher/"libxdp's dispatcher"}"
		done
		echo
	done
}

say_questions() {
	awk -F '\t' '
		{ printf "%-34s %-8s %s\n", $4, $2, $5 }
		$6 != "" { printf "%-34s %-8s -> %s\n", "", "", $6 }' <<<"$answers"
	echo
}

say_lessons() {
	local name parts
	if [ -n "$missing" ]; then
		printf '%s\n' 'The lessons cannot run here yet. What they need:' "$missing"
		return
	fi
	echo 'All lessons can run here.'
	while IFS=$'\t' read -r name parts; do
		[ -z "$parts" ] || printf '  %-22s without the parts on %s\n' "$name" "${parts//$'\t'/, }"
	done < <(lessons)
}

# All of it as one object in one line, in plain ASCII.
say_json() {
	local runs=true row='{"key":"\1","question":"\3","status":"\2","detail":"\4","fix":"\5"}'
	[ -z "$missing" ] || runs=false
	{
		echo '{"questions":['
		sed -E 's/["\\]/\\&/g; s/(.*)\t(.*)\t.*\t(.*)\t(.*)\t(.*)/'"$row"'/; $!s/$/,/' <<<"$answers"
		printf '],"lessons_can_run":%s,"lessons":[' $runs
		lessons | sed -E 's/["\\]/\\&/g
			s/([^\t]*)\t?(.*)/{"name":"\1","runs":'$runs',"without":["\2"]}/
			s/\t/","/g; s/\[""\]/[]/; $!s/$/,/'
		echo ']}'
	} | tr -cd ' -~'
	echo
}

[ "${1-}" != --inside ] || { ask inside && exit; }
trap 'rm -rf "$tmp"' EXIT
answers=$(ask_all)
missing=$(awk -F '\t' '$3 == "must" && $2 != "yes" { print "  " $4 ": " $2 }' <<<"$answers")
case ${1-} in
--json) say_json ;;
--lessons) say_lessons ;;
*) say_questions && say_lessons ;;
esac
[ -z "$missing" ]
