#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# takes: 30
# once: it is about tests/run
# time limit: 240
# outside
# alone
#
# tests/run itself: what goes wrong in a test turns it red and is told; what others do on this
# machine does not. It works in networks and mounts of its own: some of these tests leave things. Its
# parts mostly wait, and so run at the same time.

set -u
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1-}" != part ]; then
	out=$(mktemp -d)
	trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$out"' EXIT
	for part in 1 2 3 4 5 6 7; do
		setpriv --pdeathsig TERM unshare --net --mount --propagation private bash "$0" part $part \
			>"$out/$part" &
	done
	wait
	cat "$out"/? | awk '/^(not )?ok - / { sub(/ok -/, "ok " ++n " -") } { print } END { print "1.." n }'
	[ "$(cat "$out"/? | grep -cx '# all of it')" -eq 7 ]
	exit
fi
part=$2
mount -t tmpfs -o mode=755 run /run && mkdir /run/netns /run/xdp-lab &&
	mount -t sysfs sysfs /sys && mount -t bpf bpf /sys/fs/bpf || exit 1

tmp=$(mktemp -d)
others=() # processes that stand for somebody else's
# shellcheck disable=SC2317 # the EXIT trap
clean() {
	local pid
	for pid in "${others[@]}" $(cat "$tmp"/*.pid 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
	umount "$tmp/bpf" 2>/dev/null
	rm -rf "$tmp"
}
trap clean EXIT
object=$LAB_TREE/basic01-xdp-pass/xdp_pass_kern.o
export object tmp

file() { # NAME: a test file, with what stands on stdin after its first line
	{ echo '#!/bin/bash' && cat; } >"$tmp/$1"
}

# run ARG...: tests/run on files in $tmp, which are the arguments that are no options
run() {
	local arg args=()
	for arg; do
		case $arg in -*) args+=("$arg") ;; *) args+=("$tmp/$arg") ;; esac
	done
	said=$("$here/run" --no-build "${args[@]}" 2>&1)
	status=$?
}

expect() { # NAME STATUS LAST-LINE TEXT...: what the last run must have said; !TEXT what not
	local name=$1 text bad=''
	[ "$status" -eq "$2" ] || bad+="# status $status, not $2"$'\n'
	[ "${said##*$'\n'}" = "$3" ] || bad+="# the last line is not '$3'"$'\n'
	for text in "${@:4}"; do
		case $text in
		!*) [[ $said != *"${text#!}"* ]] || bad+="# it should not say '${text#!}'"$'\n' ;;
		*) [[ $said == *"$text"* ]] || bad+="# it does not say '$text'"$'\n' ;;
		esac
	done
	if [ -z "$bad" ]; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		printf '%s' "$bad"
		printf '%s\n' "$said" | sed 's/^/#   /'
	fi
}

file good.t <<'E'
echo 'ok 1 - one'; echo 'ok 2 - two'; echo 1..2
E

if [ "$part" = 1 ]; then # ---- what a file says

run good.t
expect 'a right file passes' 0 '2 passed, 0 failed, 0 skipped' 'good.t'

file bad.t <<'E'
echo 'ok 1 - one'; echo 'not ok 2 - two is missing'; echo '# it is three'; echo 1..2; echo oops >&2
E
run good.t bad.t
expect 'a failing test is counted and shown with what it says' 1 '3 passed, 1 failed, 0 skipped' \
	'not ok: two is missing' '# it is three' '| oops'

file status.t <<'E'
echo 'ok 1 - one'; echo 1..1; exit 3
E
run status.t
expect 'an exit status counts, though all tests passed' 1 '1 passed, 1 failed, 0 skipped' 'status 3'

file crash.t <<'E'
echo 1..2; echo 'ok 1 - one'; kill -SEGV $$
E
run crash.t
expect 'a crash' 1 '1 passed, 2 failed, 0 skipped' 'status 139' 'planned 2 tests but ran 1'

file hang.t <<'E'
# time limit: 1
trap '' TERM
echo 1..1; echo 'ok 1 - one'; while :; do sleep 1; done
E
run hang.t
expect 'a hang ends when its time is up' 1 '1 passed, 1 failed, 0 skipped' 'not end within 1 seconds'

file deaf.t <<'E'
# time limit: 1
# outside
trap '' TERM
echo 1..1; echo 'ok 1 - one'; for i in $(seq 300); do sleep 0.1; done
E
run deaf.t
expect 'a hang that hears nothing is killed' 1 '1 passed, 1 failed, 0 skipped' 'not end within 1 seconds'

fi
if [ "$part" = 5 ]; then # ---- and what it does not say

file fewer.t <<'E'
echo 1..3; echo 'ok 1 - one'
E
file more.t <<'E'
echo 1..1; echo 'ok 1 - one'; echo 'ok 2 - two'
E
file unplanned.t <<'E'
echo 'ok 1 - one'
E
run fewer.t more.t unplanned.t
expect 'plans that do not match' 1 '3 passed, 4 failed, 0 skipped' 'planned 3 tests but ran 1' \
	'planned 1 tests but ran 2' 'No plan found'

file none.t <<'E'
echo nothing
E
file empty.t </dev/null
run good.t none.t empty.t
expect 'no test at all' 1 '2 passed, 2 failed, 0 skipped' 'no test ran'

file todo.t <<'E'
echo 1..1; echo 'not ok 1 - later # TODO some day'
E
run good.t todo.t
expect 'a test marked TODO' 1 '2 passed, 1 failed, 0 skipped' 'it is marked TODO'

file bail.t <<'E'
echo 1..1; echo 'Bail out! no more disk'
E
run good.t bail.t
expect 'a file that gives up' 1 '2 passed, 2 failed, 0 skipped' 'it gave up: no more disk'

fi
if [ "$part" = 2 ]; then # ---- skips

file skip.t <<'E'
echo 1..2; echo 'ok 1 - one # SKIP needs tool no-such-tool: to see what it says'; echo 'ok 2 - two'
E
file skip_all.t <<'E'
echo '1..0 # SKIP needs tool no-such-tool: for all of it'
E
run skip.t skip_all.t
expect 'skips with a reason are counted and listed' 0 '1 passed, 0 failed, 2 skipped' \
	'skip.t: one: needs tool no-such-tool: to see what it says' \
	'skip_all.t: needs tool no-such-tool: for all of it'

file skip_bare.t <<'E'
echo 1..2; echo 'ok 1 - one # SKIP'; echo 'ok 2 - two # SKIP no time today'
E
run good.t skip_bare.t
expect 'a skip without a reason fails' 1 '2 passed, 2 failed, 0 skipped' \
	'a skip has to say what it needs'

file skip_here.t <<'E'
echo 1..1; echo 'ok 1 - one # SKIP needs tool sh: to run a shell'
E
run good.t skip_here.t
expect 'what this machine has is no reason' 1 '2 passed, 1 failed, 0 skipped' \
	"but this machine has 'tool sh'"

file skip_what.t <<'E'
echo 1..1; echo 'ok 1 - one # SKIP needs moonlight: to see'
E
run good.t skip_what.t
expect 'a reason that nobody knows fails' 1 '2 passed, 1 failed, 0 skipped' \
	"nobody can say whether 'moonlight' is here"

for one in host guest_9.9; do
	file $one.t <<-'E'
	echo 1..2; echo 'ok 1 - one'; echo 'ok 2 - two # SKIP needs host: a guest has no clang'
	echo '# took, 9.9: pins 3 s'
	E
done
run host.t
expect 'what guests leave out is left out nowhere else' 1 '1 passed, 1 failed, 0 skipped' \
	'but this is the host'
run guest_9.9.t
expect 'in a guest it may be left out, and its parts tell their times' 0 '1 passed, 0 failed, 1 skipped' \
	'guest_9.9.t: two: needs host: a guest has no clang' '  took, 9.9: pins 3 s'

run skip_all.t
expect 'skips alone are no success' 1 '0 passed, 1 failed, 1 skipped' 'not one test passed'

fi
if [ "$part" = 3 ]; then # ---- what stays behind

file device.t <<'E'
# outside
ip link add left type veth peer name right; echo 1..1; echo 'ok 1 - one'
E
run device.t
ip link delete left 2>/dev/null
expect 'a network device' 1 '1 passed, 2 failed, 0 skipped' 'left behind: network device left' \
	'left behind: network device right'

file netns.t <<'E'
# outside
touch /run/netns/left; echo 1..1; echo 'ok 1 - one'
E
run netns.t
rm -f /run/netns/left
expect 'the name of a network namespace' 1 '1 passed, 1 failed, 0 skipped' 'behind: /run/netns/left'

file names.t <<'E'
# outside
mkdir "$TMPDIR/a directory" /run/xdp-lab/left; touch "$TMPDIR/.left"; echo 1..1; echo 'ok 1 - one'
E
run names.t
rmdir /run/xdp-lab/left
expect 'files in its TMPDIR, and what testenv.sh keeps of an environment' 1 '1 passed, 3 failed, 0 skipped' \
	'/tmp/a directory' '/tmp/.left' 'behind: /run/xdp-lab/left'

mkdir "$tmp/one" "$tmp/two"
mount -t tmpfs one "$tmp/one"
file mount.t <<'E'
# outside
mount -t tmpfs again "$tmp/one"; mount -t tmpfs two "$tmp/two"; echo 1..1; echo 'ok 1 - one'
E
run mount.t
umount "$tmp/two" "$tmp/one" "$tmp/one"
expect 'a mount, also where there was one' 1 '1 passed, 2 failed, 0 skipped' \
	"left behind: mount $tmp/one (" "left behind: mount $tmp/two ("

file pin.t <<'E'
# outside
bpftool map create /sys/fs/bpf/left type array key 4 value 4 entries 1 name left
echo 1..1; echo 'ok 1 - one'
E
run pin.t
rm -f /sys/fs/bpf/left
expect 'a pinned map' 1 '1 passed, 1 failed, 0 skipped' 'behind: /sys/fs/bpf/left'

fi
if [ "$part" = 6 ]; then # ---- processes and programs that stay behind

file process.t <<'E'
# outside
setsid sleep 100 >/dev/null 2>&1 & echo $! >"$tmp/sleep.pid"; echo 1..1; echo 'ok 1 - one'
E
run process.t
expect 'a process' 1 '1 passed, 1 failed, 0 skipped' 'left behind: process ' ': sleep 100'
kill "$(cat "$tmp/sleep.pid")"

file program.t <<'E'
# outside
ip link set dev lo xdpgeneric obj "$object" sec xdp; rm -r /sys/fs/bpf/*
echo 1..1; echo 'ok 1 - one'
E
run good.t program.t
ip link set dev lo xdpgeneric off
expect 'an XDP program, and who may have left it' 1 '3 passed, 1 failed, 0 skipped' \
	'left behind: XDP program ' '(xdp_prog_simple), by ' 'program.t'

file private.t <<'E'
ip link add left type veth peer name right; touch /run/netns/left
ip link set dev left xdp obj "$object" sec xdp
bpftool map create /sys/fs/bpf/left type array key 4 value 4 entries 1 name left
setsid sleep 100 & echo 1..1; echo 'ok 1 - one'
E
run private.t
expect 'in a world of its own nothing of this stays' 0 '1 passed, 0 failed, 0 skipped'

file late.t <<'E'
# outside
ip link add left type veth peer name right
(sleep 0.4; ip link delete left) >/dev/null 2>&1 &
echo 1..1; echo 'ok 1 - one'
E
run late.t
expect 'what is gone a second later was not left' 0 '1 passed, 0 failed, 0 skipped'

fi
if [ "$part" = 4 ]; then # ---- what others do meanwhile

file others.t <<'E'
# outside
touch "$tmp/begun"
for i in $(seq 100); do [ "$(ls "$tmp" | grep -c '^here')" -lt 2 ] || break; sleep 0.05; done
echo 1..1; [ -e "$tmp/here-bpffs" ] && echo 'ok 1 - both are there' || echo 'not ok 1 - both are there'
E
# shellcheck disable=SC2016 # the shells below expand it
begun='for i in $(seq 200); do [ ! -e "$tmp/begun" ] || break; sleep 0.05; done'
# shellcheck disable=SC2016
unshare --net --mount sh -c "$begun"'
	mount -t bpf bpf /sys/fs/bpf
	ip link set dev lo xdpgeneric obj "$object" sec xdp && touch "$tmp/here-net"
	exec sleep 100' >/dev/null 2>&1 &
others+=($!)
mkdir "$tmp/bpf"
# shellcheck disable=SC2016
unshare --mount sh -c "$begun"'
	mount -t bpf bpf "$tmp/bpf" &&
	bpftool prog load "$object" "$tmp/bpf/other" type xdp && touch "$tmp/here-bpffs"
	exec sleep 100' >/dev/null 2>&1 &
others+=($!)
run others.t
expect "somebody else's programs, on another network's device or pinned elsewhere, are not ours" \
	0 '1 passed, 0 failed, 0 skipped'
for pid in "${others[@]}"; do kill "$pid"; done
others=()

mkdir "$tmp/bin"
cat >"$tmp/bin/bpftool" <<E
#!/bin/sh
[ ! -e "$tmp/break" ] || { echo 'Error: kernel lockdown' >&2; exit 255; }
exec $(command -v bpftool) "\$@"
E
chmod +x "$tmp/bin/bpftool"
file break.t <<'E'
# outside
touch "$tmp/break"; echo 1..1; echo 'ok 1 - one'
E
PATH=$tmp/bin:$PATH run break.t
expect 'a bpftool that stops to work ends the run' 1 '0 passed, 1 failed, 0 skipped' \
	'This failed: bpftool -j prog show' 'Error: kernel lockdown' 'nobody can see'
PATH=$tmp/bin:$PATH run good.t
expect 'one that never worked does not let it begin' 1 '0 passed, 1 failed, 0 skipped' \
	'This failed: bpftool -j prog show' '!good.t'

fi
if [ "$part" = 2 ]; then # ---- options, and what a test gets

file long.t <<'E'
# not with --quick
echo 1..1; echo 'ok 1 - one'
E
run --quick good.t long.t
expect '--quick leaves out what takes long, and says so' 0 '2 passed, 0 failed, 1 skipped' \
	'long.t: needs time: --quick leaves it out'
run good.t long.t
expect 'without it all run' 0 '3 passed, 0 failed, 0 skipped'

file gets.t <<'E'
echo 1..5
t() { if eval "$1"; then echo "ok - $2"; else echo "not ok - $2"; fi; }
t '[ -x "$LAB_TREE/lab" ] && [ "$LAB_QUICK" = 1 ] && [ -z "${LAB_SANITIZED-}" ]' 'its variables'
t '[ "$(ls /sys/class/net)" = lo ]' 'a network with nothing but lo'
t '[ -z "$(ls /run/netns)$(ls /sys/fs/bpf | grep -v debug)" ]' 'no names, no pins'
t '[ -d "$TMPDIR" ] && echo "$TMPDIR" >"$tmp/its-tmp"' 'a directory'
t '! read -r line' 'no input'
E
run --quick gets.t
expect 'a test gets what tests/run promises' 0 '5 passed, 0 failed, 0 skipped'
[ ! -e "$(cat "$tmp/its-tmp")" ] || status=9
expect 'its directory is gone' 0 '5 passed, 0 failed, 0 skipped'

fi
if [ "$part" = 7 ]; then # ---- which runs when, and what is told of it

file busy.t <<'E'
touch "$tmp/busy"; sleep 0.5; rm "$tmp/busy"; echo 1..1; echo 'ok 1 - one'
E
file alone.t <<'E'
# alone
echo 1..1; [ ! -e "$tmp/busy" ] && echo 'ok 1 - alone' || echo 'not ok 1 - alone'
E
run -j4 alone.t busy.t
expect 'what is to run alone does' 0 '2 passed, 0 failed, 0 skipped'

file beside.t <<'E'
touch "$tmp/beside-${0##*/}"
for i in $(seq 100); do [ "$(ls "$tmp" | grep -c '^beside-')" -lt 3 ] || break; sleep 0.1; done
echo 1..1; [ "$i" -lt 100 ] && echo 'ok 1 - three' || echo 'not ok 1 - three'
E
for n in 1 2 3; do cp "$tmp/beside.t" "$tmp/beside$n.t"; done
run -j3 beside1.t beside2.t beside3.t
expect '-j 3: three at once' 0 '3 passed, 0 failed, 0 skipped'
rm "$tmp"/beside-*
for n in 4 5; do cp "$tmp/beside.t" "$tmp/beside$n.t"; done
LAB_TEST_JOBS=5 run beside1.t beside2.t beside3.t beside4.t beside5.t
expect 'LAB_TEST_JOBS=5 says the same' 0 '5 passed, 0 failed, 0 skipped'

file longer.t <<'E'
# takes: 99
echo 'ok 1 - one'; echo 1..1
E
run -j1 good.t longer.t
[[ $said == *longer.t*good.t* ]] || status=9
expect 'what takes long begins first' 0 '3 passed, 0 failed, 0 skipped'

file burns.t <<'E'
for ((i = 0; i < 300000; i++)); do :; done; sleep 1; echo 1..1; echo 'ok 1 - one'
E
run burns.t
burnt=$(sed -n 's/.* s, busy \(.*\) s$/\1/p' <<<"$said")
took=$(sed -n 's/.*  \(.*\) s, busy .*/\1/p' <<<"$said")
[ -n "$burnt" ] && awk "BEGIN { exit !($burnt >= 0.2 && $burnt < $took - 0.8) }" || status=9
expect 'beside the time that it took stands how long it was busy' 0 '1 passed, 0 failed, 0 skipped'

file brings.t <<'E'
echo 'downloaded a kernel (12 MB), in 3 s' >>"$LAB_DOWNLOADS"; echo 1..1; echo 'ok 1 - one'
E
run brings.t
expect 'what was downloaded is said' 0 '1 passed, 0 failed, 0 skipped' \
	'  downloaded a kernel (12 MB), in 3 s'

said=$("$here/run" --no-build "$tmp/no-such.t" 2>&1) status=$?
expect 'a file that is not there' 2 "tests/run: there is no file $tmp/no-such.t"

file slow.t <<'E'
# outside
kill -INT $PPID; sleep 20
E
run slow.t
expect 'Ctrl-C ends it, and what runs' 130 'Interrupted.'

if [ -n "${LAB_QUICK-}" ]; then
	echo "ok - a sanitizer's report # SKIP needs time: it builds a copy of the tree"
else
	file report.t <<'E'
# sanitizers: too
log=${ASAN_OPTIONS-} log=${log#log_path=}
[ -z "${LAB_SANITIZED-}" ] || echo 'heap-use-after-free' >"${log%%:*}.123"
echo 1..1; echo 'ok 1 - one'
E
	run report.t
	expect "a sanitizer's report" 1 '2 passed, 1 failed, 0 skipped' 'report.t (sanitizers)' \
		'a sanitizer reports' 'heap-use-after-free'
fi
fi
echo '# all of it'
