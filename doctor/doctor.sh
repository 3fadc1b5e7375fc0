#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# doctor.sh [--json]: asks this machine about everything that the lessons need.
# doctor.sh --lessons: says only which lessons it can run.
#
# It does not trust versions where it can try: it compiles a program, loads it and attaches it, in a
# private world (see testenv/private.sh). The exit status is 0 if the lessons can run here.

set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
json='' brief=''
case ${1-} in
--json) json=1 ;;
--lessons) brief=1 ;;
esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sep='' missing=()
declare -A answers=()
[ -z "$json" ] || printf '{"questions":['

quoted() { # TEXT: as a JSON string
	printf '"%s"' "$(printf '%s' "$1" | tr '\n\t' '  ' | sed 's/[\\"]/\\&/g')"
}

# One answer. WEIGHT: "must" if no lesson can run without it, "may" if they can.
tell() { # KEY QUESTION yes|no|unknown DETAIL WEIGHT FIX
	answers[$1]=$3
	if [ "$3" != yes ] && [ "$5" = must ]; then missing+=("$2: $3"); fi
	[ -z "$brief" ] || return 0
	if [ -n "$json" ]; then
		printf '%s{"key":"%s","question":%s,"status":"%s","detail":%s,"fix":%s}' "$sep" "$1" \
			"$(quoted "$2")" "$3" "$(quoted "$4")" "$(quoted "$([ "$3" = yes ] || echo "$6")")"
		sep=,
		return
	fi
	printf '%-34s %-8s %s\n' "$2" "$3" "$4"
	[ "$3" = yes ] || printf '%-34s %-8s -> %s\n' '' '' "$6"
}

try() { # COMMAND...: yes or no; what it said is in $tmp/said
	"$@" >"$tmp/said" 2>&1 </dev/null && echo yes || echo no
}

said() { # the last line of that, or WHAT
	tail -n 1 "$tmp/said" 2>/dev/null | grep . || echo "$1"
}

at_least() { # VERSION LEAST
	[ "$(printf '%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

ask_kernel() {
	local release arch lockdown=''
	release=$(uname -r) arch=$(uname -m)
	tell kernel 'kernel, 5.15 or newer' "$(at_least "${release%%-*}" 5.15 && echo yes || echo no)" \
		"$release" must 'use a newer kernel, or a virtual machine with one: docs/kernels.md'
	case $arch in
	x86_64 | aarch64) tell arch architecture yes "$arch" may '' ;;
	*) tell arch architecture unknown "$arch" may 'not tried on this one; it may well work' ;;
	esac
	[ ! -r /sys/kernel/security/lockdown ] || lockdown=$(</sys/kernel/security/lockdown)
	case $lockdown in *'[confidentiality]'*)
		tell lockdown 'kernel not locked down' no confidentiality must 'boot without lockdown' ;;
	esac
	tell btf "the kernel's own types (BTF)" "$(try test -r /sys/kernel/btf/vmlinux)" \
		/sys/kernel/btf/vmlinux may 'the dispatcher needs it: a kernel with CONFIG_DEBUG_INFO_BTF=y; docs/kernels.md'
}

ask_root() {
	if [ "$(id -u)" -eq 0 ]; then
		root=() && tell root 'root, or sudo' yes root must ''
	elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; }; }; then
		root=(sudo) && tell root 'root, or sudo' yes sudo must ''
	else
		root=(false) && tell root 'root, or sudo' no "$(id -un)" must 'run it as root, or install sudo'
	fi
}

ask_tools() {
	local lib answer
	answer=$(try "${CC:-cc}" --version)
	tell cc 'C compiler' "$answer" "$(head -n 1 "$tmp/said")" must './lab setup'
	# shellcheck disable=SC2046 # flags are words
	answer=$(try clang -O2 -g -target bpf -idirafter "/usr/include/$(cc -print-multiarch 2>/dev/null)" \
		-c "$here/doctor/probe_kern.c" -o "$tmp/probe_kern.o")
	[ "$answer" = no ] || clang --version | head -n 1 >"$tmp/said"
	tell clang 'clang compiles for BPF' "$answer" "$(said 'not found')" must './lab setup'
	for lib in 'libbpf 1.0' 'libxdp 1.3'; do
		answer=$(try pkg-config --atleast-version="${lib#* }" "${lib% *}")
		tell "${lib% *}" "${lib% *}, ${lib#* } or newer" "$answer" \
			"$(pkg-config --modversion "${lib% *}" 2>/dev/null || echo 'not found')" must './lab setup'
	done
	# shellcheck disable=SC2046
	try cc -o "$tmp/probe" "$here/doctor/probe.c" \
		$(pkg-config --cflags --libs libxdp libbpf 2>/dev/null) >/dev/null
}

# The answers of inside.sh, in the order in which people want to read them.
ask_inside() {
	local key question weight fix line
	"${root[@]}" "$here/testenv/private.sh" sh "$here/doctor/inside.sh" "$tmp" >"$tmp/inside" 2>&1 || :
	while IFS='|' read -r key question weight fix; do
		line=$(grep "^$key \(yes\|no\) " "$tmp/inside") || {
			line="$key unknown could not be tried"
			fix='run ./lab doctor as root, with the compilers and libraries in place'
		}
		line=${line#* }
		tell "$key" "$question" "${line%% *}" "${line#* }" "$weight" "$fix"
	done <<-'END'
		load|loads a BPF program|must|as root; in a container: start it with --privileged; or ./lab check --vm
		bpffs|BPF file system|must|mount -t bpf bpf /sys/fs/bpf; the kernel needs CONFIG_BPF_SYSCALL=y
		tracefs|tracefs|may|mount -t tracefs tracefs /sys/kernel/tracing
		netns|network namespaces|must|the kernel needs CONFIG_NET_NS=y; a container --privileged
		veth|veth devices|must|modprobe veth
		native|native XDP|may|use skb mode, -S: slower, the same otherwise
		generic|skb (generic) XDP|must|the kernel needs CONFIG_NET and CONFIG_BPF_SYSCALL
		dispatcher|libxdp's dispatcher|may|one program a device then; the lessons show both: docs/kernels.md
		ipv6|IPv6|may|testenv.sh setup --legacy-ip uses IPv4
		vlan|VLAN devices|may|modprobe 8021q; only testenv.sh setup --vlan needs it
	END
}

# What blocks of a lesson's page need (needs=WHAT) and this machine has not, in words.
not_here() { # LESSON
	local what
	while read -r what; do
		case ${answers[$what]-} in
		yes) ;;
		?*) [ "$what" = dispatcher ] && echo "libxdp's dispatcher" || echo "$what" ;;
		*) command -v "$what" >/dev/null || echo "$what" ;;
		esac
	done < <(sed -n '/^ *```console/s/.* needs=\([^ ]*\).*/\1/p' "$here/$1/README.md" 2>/dev/null |
		tr , '\n' | grep -vx 'single\|jited' | sort -u)
}

tell_lessons() {
	local lesson parts=() name=''
	if [ ${#missing[@]} -gt 0 ]; then
		[ -n "$json" ] || printf '%s\n' 'The lessons cannot run here yet. What they need:' \
			"${missing[@]/#/  }"
		[ -z "$json" ] || printf '],"lessons_can_run":false,"lessons":['
	else
		[ -n "$json" ] || echo 'All lessons can run here.'
		[ -z "$json" ] || printf '],"lessons_can_run":true,"lessons":['
	fi
	sep=''
	for lesson in "$here"/*[0-9][0-9]-*/Makefile; do
		lesson=${lesson%/Makefile} name=${lesson##*/}
		mapfile -t parts < <(not_here "$name")
		if [ -n "$json" ]; then
			printf '%s{"name":"%s","runs":%s,"without":[%s]}' "$sep" "$name" \
				"$([ ${#missing[@]} -eq 0 ] && echo true || echo false)" \
				"$([ ${#parts[@]} -eq 0 ] || printf '"%s"\n' "${parts[@]}" | paste -sd ,)"
			sep=,
		elif [ ${#missing[@]} -eq 0 ] && [ ${#parts[@]} -gt 0 ]; then
			printf '  %-22s without the parts on %s\n' "$name" \
				"$(printf '%s\n' "${parts[@]}" | paste -sd , | sed 's/,/, /g')"
		fi
	done
	[ -z "$json" ] || printf ']}\n'
}

ask_kernel
ask_root
ask_tools
ask_inside
[ -n "$json$brief" ] || echo
tell_lessons
[ ${#missing[@]} -eq 0 ]
