# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vm-parts.sh: what a virtual machine is made of, kept below $cache: kernels, and the tools that a
# guest has. Included by vm.sh, which has die() and say(), and sets "here", "cache" and "tmp".
#
#   kernels/NAME/   vmlinuz (not for a path: it stays where it is), modules.cpio, release
#   tools-HASH/     tools.cpio; what it was made of, with sizes and times, in "made-of"; the hash is
#                   that of the scripts, so that trees of several versions get along
#
# Each has "sums", its checksums, and is made in a directory of another name that gets its own when
# all is there: what is kept is complete.

: "${here:?}" "${cache:?}" "${tmp?}"

# ---- Keeping

sums() { # DIR: writes them
	(cd "$1" && find . -type f -exec sha256sum {} +) >"$tmp/sums" && cp "$tmp/sums" "$1/sums"
}

is_sound() { # DIR
	[ -f "$1/sums" ] && (cd "$1" && sha256sum --quiet -c sums >/dev/null 2>&1)
}

lock_cache() { # shared while the parts are looked at and read, alone while one is made
	{ mkdir -p "$cache/kernels" && exec {lock}>>"$cache/lock"; } 2>/dev/null ||
		die "cannot write to $cache" 'set XDG_CACHE_HOME to a place that is yours'
	flock -s "$lock"
}

unlock_cache() {
	exec {lock}>&-
}

new_dir() { # sets "new", a directory to make things in
	flock -n "$lock" || {
		say 'another one is preparing something here: waiting for it'
		flock "$lock"
	}
	rm -rf "$cache"/new.* # nobody works on those
	new=$(mktemp -d "$cache/new.XXXX") || no_space "$cache"
}

keep_as() { # DIR: what is in "new"
	sums "$new" || no_space "$cache"
	rm -rf "$1"
	mv -T "$new" "$1"
	flock -s "$lock"
}

no_space() { # DIR
	die "cannot write to $1" "is there room? $(df -h --output=avail "$1" 2>/dev/null | tail -n 1) are free"
}

archive() { # NAMES, each ended by a NUL, on stdin: a cpio archive on stdout, all root's
	busybox cpio -o -0 -H newc -R 0:0 2>"$tmp/cpio"
}

# ---- Kernels

newest_package() { # VERSION, as 6.12: the package with the newest such kernel that apt knows
	apt-cache "${apt_options[@]}" pkgnames "linux-image-$1." 2>/dev/null |
		grep -x "linux-image-[0-9][-+.0-9a-z]*-cloud-$(dpkg --print-architecture)" | sort -V | tail -n 1
}

# With lists of its own: the system's may be missing (in containers) or old, and are root's.
own_lists() {
	local dir=$new/deb/apt
	say "asking the package mirrors which kernels there are"
	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	apt_options+=(-o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir")
	apt-get "${apt_options[@]}" -q update >"$tmp/apt" 2>&1
}

download() { # VERSION: the package as $new/deb/*.deb
	local package began=$SECONDS
	package=$(newest_package "$1")
	[ -n "$package" ] || return 1
	say "downloading $package, this once"
	mkdir -p "$new/deb"
	(cd "$new/deb" && apt-get "${apt_options[@]}" -q download "$package" >"$tmp/apt" 2>&1) || return
	[ -z "${LAB_DOWNLOADS-}" ] || # tests/run asks
		printf 'downloaded %s (%d MB), in %d s\n' "$package" \
			"$(du -cm "$new"/deb/*.deb | tail -n 1 | cut -f 1)" $((SECONDS - began)) >>"$LAB_DOWNLOADS"
}

fetch_kernel() { # VERSION: as $cache/kernels/VERSION
	local apt_options=(-o APT::Sandbox::User=root) why
	command -v apt-get >/dev/null || die "there is no apt-get here to fetch Linux $1 with" \
		"use the kernel of this machine: --kernel running" \
		"or any other: --kernel PATH, with its modules in PATH/../../lib/modules"
	new_dir
	[ ! -d "$cache/kernels/$1" ] || return 0 # somebody else has in the meantime
	download "$1" || { own_lists && download "$1"; } || {
		why=$(grep -ho 'No space.*\|Could not [^.]*\|Temporary failure [^.]*\|Unable to connect.*\|^E: .*' \
			"$tmp/apt" 2>/dev/null | head -n 1)
		case $(df --output=avail "$cache" | tail -n 1):$why in
		*'o space'* | [0-9]:* | [0-9][0-9]:* | [0-9][0-9][0-9]:*) no_space "$cache" ;;
		esac
		die "Linux $1 is not kept here, and cannot be downloaded: ${why:-apt knows no such kernel}" \
			'is this machine connected?  sudo apt-get update  says more'
	}
	dpkg-deb -x "$new"/deb/*.deb "$new/deb/x" 2>/dev/null || no_space "$cache"
	mv "$new"/deb/x/boot/vmlinuz-* "$new/vmlinuz"
	need_whole "$new/vmlinuz"
	modules "$(release_of "$new/vmlinuz")" "$new/deb/x"
	rm -rf "$new/deb"
	keep_as "$cache/kernels/$1"
}

word_at() { # FILE OFFSET BYTES: a little-endian number
	od -An -v -t "u$3" -j "$2" -N "$3" "$1" 2>/dev/null | tr -d ' '
}

# The x86 boot protocol: a magic word, and how long the whole has to be.
need_whole() { # VMLINUZ
	[ -r "$1" ] || die "$1 cannot be read by $(id -un)" \
		"a copy can:  sudo install -m 644 $1 /tmp/vmlinuz  and then --kernel /tmp/vmlinuz"
	[ "$(word_at "$1" 510 2) $(word_at "$1" 514 4)" = '43605 1400005704' ] ||
		die "$1 is no Linux kernel for this machine" 'it should be a bzImage, as /boot/vmlinuz-… are'
	local whole=$((($(word_at "$1" 497 1) + 1) * 512 + $(word_at "$1" 500 4) * 16))
	[ "$(stat -Lc %s "$1")" -ge $whole ] ||
		die "$1 is cut short: $(stat -Lc %s "$1") of $whole bytes" 'copy or download it again'
}

release_of() { # VMLINUZ: as uname -r says it there
	tail -c "+$(($(word_at "$1" 526 2) + 513))" "$1" | head -c 200 | tr '\0' '\n' | head -n 1 | cut -d ' ' -f 1
}

# For what the lessons make; the guest loads them when they are asked for.
wanted=(af_packet unix ipv6 veth dummy 8021q bridge bonding macvlan ifb sch_ingress cls_bpf)

unpacked() { # MODULE: without compression
	case $1 in
	*.xz) busybox xzcat "$1" ;;
	*.gz) busybox zcat "$1" ;;
	*.zst) zstd -dcq "$1" ;;
	*) cat "$1" ;;
	esac
}

add_module() { # NAME DIR: into $new/root, and those that it needs
	local file name=${1//-/_} one to=$new/root/lib/modules/${2##*/}
	[ ! -e "$to/$name.ko" ] || return 0
	file=$(find "$2/" -name "${name//_/[-_]}.ko*" -print -quit 2>/dev/null)
	[ -n "$file" ] || return 0
	mkdir -p "$to"
	unpacked "$file" >"$to/$name.ko" || die "$file cannot be unpacked" 'is zstd installed, and room on the disk?'
	for one in $(tr '\0' '\n' <"$to/$name.ko" | sed -n 's/^depends=//p' | tr ',' ' '); do
		add_module "$one" "$2"
	done
}

modules() { # RELEASE ROOT...: modules.cpio in $new, from the first ROOT that has them
	local root one
	mkdir -p "$new/root/lib/modules/$1"
	for root in "${@:2}"; do
		[ -d "$root/lib/modules/$1" ] || continue
		for one in "${wanted[@]}"; do
			add_module "$one" "$root/lib/modules/$1"
		done
		break
	done
	busybox depmod -b "$new/root" "$1"
	(cd "$new/root" && find lib/modules/* -print0 | archive) >"$new/modules.cpio" || no_space "$cache"
	rm -rf "$new/root"
	echo "$1" >"$new/release"
}

image_of_running() {
	local one
	for one in "/boot/vmlinuz-$(uname -r)" "/lib/modules/$(uname -r)/vmlinuz"; do
		[ ! -e "$one" ] || { echo "$one" && return; }
	done
	die "the image of the running kernel, $(uname -r), is not on this machine" \
		"looked for: /boot/vmlinuz-$(uname -r), /lib/modules/$(uname -r)/vmlinuz" \
		"another kernel does: --kernel 6.12"
}

known_kernels() {
	local one
	for one in 6.1 6.12; do
		printf '  %-8s Linux %s of Debian%s\n' $one $one "$([ ! -d "$cache/kernels/$one" ] || echo ', already here')"
	done
	printf '  %-8s %s\n' running "the kernel of this machine, $(uname -r)" PATH 'a vmlinuz: has to hold a /'
}

# Sets "vmlinuz" and "modules", the archive with its modules.
# shellcheck disable=SC2034 # for vm.sh
choose_kernel() { # NAME
	local name=$1 dir
	case $name in
	6.1 | 6.12)
		dir=$cache/kernels/$name
		if [ -d "$dir" ] && ! is_sound "$dir"; then
			say "Linux $name, as kept in $dir, is damaged: fetching it again"
			rm -rf "$dir"
		fi
		[ -d "$dir" ] || fetch_kernel "$name"
		vmlinuz=$dir/vmlinuz modules=$dir/modules.cpio
		return
		;;
	running) vmlinuz=$(image_of_running) || exit ;;
	*/*) vmlinuz=$(readlink -f -- "$name") || vmlinuz=$name ;;
	*) usage_error "there is no kernel '$name'; there are:" "$(known_kernels)" ;;
	esac
	[ -f "$vmlinuz" ] || die "there is no file $vmlinuz" 'it should be a kernel, as /boot/vmlinuz-… are'
	need_whole "$vmlinuz"
	dir=$cache/kernels/$(stat -Lc '%n %s %Y' "$vmlinuz" | sha256sum | head -c 16)
	is_sound "$dir" || {
		new_dir
		modules "$(release_of "$vmlinuz")" "${vmlinuz%/*}/.." "${vmlinuz%/*}/../../.." "${vmlinuz%/*}" ''
		keep_as "$dir"
	}
	modules=$dir/modules.cpio
}

# ---- Tools

# What a guest has of this machine's programs, where they are; busybox does for what is missing.
tools='bash sh cat cp cut date dirname basename chmod chown cmp comm dd diff du env expr false find
	flock grep head id join kill ln ls mkdir mkfifo mktemp mount mv nproc od paste patch printf ps pgrep
	pkill readlink realpath rm rmdir script sed seq setpriv setsid sha1sum sha256sum sleep sort stat
	stdbuf stty tac tail tar taskset tee test timeout touch tr true truncate tty umount uname uniq
	unshare nsenter wc xargs awk ip bridge tc ss ping ethtool tcpdump bpftool xdp-loader xdp-filter
	xdpdump sysctl make getent jq bc bats strace inotifywait perl busybox'

libraries() { # the names of programs, each ended by a NUL, on stdin: what they load when they start
	xargs -0 -r ldd 2>/dev/null | awk '/=> \// { print $3 } /^[ \t]*\/[^:]* \(0x/ { print $1 }' | sort -u
}

tree_programs() { # each ended by a NUL
	find "$here" \( -path "$here/.git" -o -path "$here/lib" \) -prune -o \
		-type f -perm -u=x -size +16 -print0 2>/dev/null
}

# What tests/pages uses of perl, and these need in turn.
perl_files() { # one a line
	perl -mCwd -mEncode -mFcntl -mFile::Basename -mFindBin -mGetopt::Long -mPOSIX -mTime::HiRes -mconstant \
		-mlib -mopen -mutf8 -e 'binmode STDOUT, ":encoding(UTF-8)";
			print "$_\n" for grep { m(^/) } values %INC, @DynaLoader::dl_shared_objects' 2>/dev/null || :
}

tool_files() { # one a line
	local one programs=()
	for one in $tools; do # the system's own first: a test's PATH may begin with other places
		! one=$(PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:$PATH type -P "$one") || programs+=("$one")
	done
	perl_files >"$tmp/perl"
	printf '%s\n' "${programs[@]}"
	cat "$tmp/perl"
	{ printf '%s\0' "${programs[@]}" && tr '\n' '\0' <"$tmp/perl" && tree_programs; } | libraries
	find /usr/lib/bpf /usr/lib64/bpf /usr/lib/*/bpf /lib/terminfo /usr/lib/locale/C.utf8 \
		/usr/lib/bats-core /usr/libexec/bats-core /usr/include/linux/bpf.h \
		-type f 2>/dev/null || : # not all are there
}

made_of() { # FILES: with sizes and times
	tr '\n' '\0' <"$1" | xargs -0 stat -Lc '%n %s %Y'
}

are_current() { # the tools that are kept: nothing has changed, and the tree needs nothing more?
	is_sound "$kept" || return 1
	made_of "$kept/files" 2>/dev/null | cmp -s - "$kept/made-of" || return 1
	[ -z "$(tree_programs | libraries | sort - "$kept/files" "$kept/files" | uniq -u)" ]
}

make_root() { # DIR: what a guest's file system begins with, but for kernel modules and the tree
	local one
	mkdir -p "$1/.vm/bin" "$1"/{dev,proc,sys,run,tmp,root,home,etc}
	for one in bin sbin lib lib32 lib64; do
		[ ! -L "/$one" ] || ln -s "$(readlink "/$one")" "$1/$one"
	done
	mkdir -p "$1"/usr/{bin,sbin,lib,lib32,lib64} "$1/lib/modules"
	# In the place that is theirs, whatever links lead there; the links themselves become copies.
	while read -r one; do
		printf '%s/%s\0' "$(cd "${one%/*}" && pwd -P)" "${one##*/}"
	done <"$new/files" | sort -zu |
		(cd / && xargs -0 cp -L --parents --preserve=mode,timestamps -t "$1" 2>"$tmp/cp") || return
	for one in $(perl -e 'print "@INC"' 2>/dev/null); do # with the version in the name
		[ ! -L "$one" ] || ln -s "$(readlink -f "$one")" "$1/$one"
	done
	busybox --list | while read -r one; do
		[ "$one" = busybox ] || ln -s "$(type -P busybox)" "$1/.vm/bin/$one"
	done
	ln -s "$(type -P busybox)" "$1/usr/sbin/modprobe"
	install -m 755 "$here/testenv/vm-init.sh" "$1/init"
	printf '%s\n' root:x:0:0:root:/root:/bin/bash tcpdump:x:102:102::/:/bin/false \
		nobody:x:65534:65534:nobody:/:/bin/false >"$1/etc/passwd"
	printf '%s\n' root:x:0: tcpdump:x:102: nogroup:x:65534: >"$1/etc/group"
	printf '%s\n' '127.0.0.1 localhost' '::1 localhost' >"$1/etc/hosts"
	printf '%s\n' 'passwd: files' 'group: files' 'hosts: files' >"$1/etc/nsswitch.conf"
}

# shellcheck disable=SC2034 # for vm.sh
choose_tools() { # sets "tools_archive"
	local kept
	kept=$cache/tools-$(cat "$here"/testenv/vm-*.sh | sha256sum | head -c 12)
	tools_archive=$kept/tools.cpio
	! are_current || return 0
	new_dir
	if are_current; then # in the meantime somebody else has
		flock -s "$lock"
		return
	fi
	say 'collecting the tools for the virtual machine'
	find "$cache" -maxdepth 1 -name 'tools-*' -mtime +7 -exec rm -rf {} + # of older versions
	tool_files | sort -u >"$new/files"
	made_of "$new/files" >"$new/made-of" || no_space "$cache"
	make_root "$new/root" || no_space "$cache"
	(cd "$new/root" && find . -print0 | archive) >"$new/tools.cpio" || no_space "$cache"
	rm -rf "$new/root"
	keep_as "$kept"
}
