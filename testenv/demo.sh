#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh: XDP at work, in five steps. To be run in a private world, as `./lab demo` does it.
#
# Each step shows the commands that it runs, and one line on what came of them, which is checked:
# a step that does not show what it should ends the demo.

set -eu
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT

dev=veth-demo
peer=fc00:dead:cafe:1::1 # the outer end, where our programs sit, as the inner end sees it
loader=basic02-prog-by-name/xdp_loader
stats=basic03-map-counter/xdp_load_and_stats
# From the other end of the cable, where packets come from.
ping=(testenv/testenv.sh exec --name "$dev" -- ping -q -i 0.1 -W 1)

failed() { # WHAT
	printf '\nThis should have worked: %s\nWhat came:\n' "$1" >&2
	sed 's/^/  /' "$out" >&2
	echo 'What is missing here? ./lab doctor' >&2
	exit 1
}

run() { # COMMAND...: shows it, keeps what it says
	printf '    # %s\n' "$*"
	"$@" >"$out" 2>&1
}

echo 'A network of our own: a cable (veth) between this machine and a second one (a namespace).'
run testenv/testenv.sh setup --name $dev || failed 'making a test network'
echo $'It stands.\n'

echo '1. Before: does the other end reach us?'
run "${ping[@]}" -c 2 $peer || failed 'a ping'
echo $'   Yes: ping is answered.\n'

echo '2. Attach a program that answers every packet with XDP_DROP.'
run $loader --dev $dev --progname xdp_drop_func || failed 'attaching xdp_drop_func'
echo "   $(head -1 "$out")"$'\n'

echo '3. And now?'
! run "${ping[@]}" -c 2 $peer || failed 'dropping packets'
grep -q '100% packet loss' "$out" || failed 'dropping packets'
echo $'   No: every packet is dropped before the network stack has seen it.\n'

echo '4. Detach it.'
run $loader --dev $dev --unload --progname xdp_drop_func || failed 'detaching xdp_drop_func'
echo "   $(head -1 "$out")"$'\n'
run "${ping[@]}" -c 2 $peer || failed 'a ping after detaching'
echo $'   Ping is answered again.\n'

echo '5. Attach another, which counts packets in a map, and read the map while packets come.'
printf '    # %s &\n' "${ping[*]} -c 100 $peer"
"${ping[@]}" -c 100 $peer >/dev/null &
until [ "$(cat /proc/$!/comm)" = ping ]; do sleep 0.05; done # slow machines need a while for that
run $stats --dev $dev --interval 0.5 --count 2 || failed 'counting packets'
kill $!
wait $! || :
count=$(sed -n 's/^XDP_PASS *\([0-9,]*\) packets.*/\1/p' "$out" | tail -1)
[ "${count:-0}" != 0 ] || failed 'counting packets'
echo "   It has counted $count packets."$'\n'

run $stats --dev $dev --unload-all || failed 'detaching'
run testenv/testenv.sh teardown --name $dev || failed 'removing the network'
echo 'All of it is gone again. To do it yourself, and understand it: basic01-xdp-pass/README.md'
