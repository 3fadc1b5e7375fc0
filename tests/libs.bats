#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 40
# time limit: 400
# outside
# not with --quick
#
# libbpf and libxdp from source: where they come from, what is refused, and that the lessons run on
# what was built. The sources come from the package mirror that this machine has.

load helpers

setup_file() {
	export COPY=$BATS_FILE_TMPDIR/copy
	mkdir -p "$COPY"
	git -C "$LAB_TREE" ls-files -co --exclude-standard -z | (cd "$LAB_TREE" &&
		tar -c --null --ignore-failed-read -T - 2>/dev/null) | tar -x -C "$COPY"
	if ! tests/bare-system --mirror; then
		touch "$BATS_FILE_TMPDIR/no-mirror"
	else
		local began=$SECONDS
		"$COPY/lib/get-sources" >"$BATS_FILE_TMPDIR/said" 2>&1 || cat "$BATS_FILE_TMPDIR/said" >&2
		printf 'downloaded the sources of libbpf and libxdp (%d MB), in %d s\n' \
			"$(du -sm "$COPY/lib/src" | cut -f 1)" $((SECONDS - began)) >>"${LAB_DOWNLOADS:-/dev/null}"
	fi
}

setup() {
	cd "$COPY" || return
	[ ! -e "$BATS_FILE_TMPDIR/no-mirror" ] || skip 'needs mirror: one that has source packages'
	[ -e lib/src/xdp-tools/.release ]
}

@test "the mirror's source packages are releases that we know" {
	grep -q '^libbpf  *[0-9.]*, from Debian' "$BATS_FILE_TMPDIR/said"
	grep -q '^xdp-tools  *[0-9.]*, from Debian' "$BATS_FILE_TMPDIR/said"
	[ -z "$(ls -d lib/src.tmp.* 2>/dev/null)" ]
}

@test "sources that were changed are refused, and those of before stay" {
	local before
	before=$(cat lib/src/libbpf/.release)
	cp -R lib/src/libbpf "$BATS_TEST_TMPDIR/changed"
	echo '/* changed */' >>"$BATS_TEST_TMPDIR/changed/src/libbpf.c"
	run lib/get-sources --libbpf-src "$BATS_TEST_TMPDIR/changed" --libxdp-src lib/src/xdp-tools
	[ "$status" -eq 1 ]
	[[ $output == *'is no release of libbpf that lib/releases lists, or it was changed'* ]]
	[ "$(cat lib/src/libbpf/.release)" = "$before" ]
}

@test "from a directory, from a tarball, and from tags in git" {
	local name repo=$BATS_TEST_TMPDIR/upstream tag
	mkdir -p "$BATS_TEST_TMPDIR/libbpf"
	cp -R lib/src/libbpf "$BATS_TEST_TMPDIR/libbpf/given"
	tar -C "$BATS_TEST_TMPDIR/libbpf" -czf "$BATS_TEST_TMPDIR/libbpf.tar.gz" given
	cp -R lib/src/xdp-tools "$BATS_TEST_TMPDIR/xdp"
	run lib/get-sources --libbpf-src "$BATS_TEST_TMPDIR/libbpf.tar.gz" \
		--libxdp-src="$BATS_TEST_TMPDIR/xdp"
	[ "$status" -eq 0 ] || show_run 'it should have taken them'
	[[ $output == *"from $BATS_TEST_TMPDIR/libbpf.tar.gz"*"from $BATS_TEST_TMPDIR/xdp"* ]]

	for name in libbpf/libbpf xdp-project/xdp-tools; do
		tag=v$(cat "lib/src/${name#*/}/.release")
		mkdir -p "$repo/$name"
		cp -R "lib/src/${name#*/}/." "$repo/$name"
		git -C "$repo/$name" init -q
		git -C "$repo/$name" add -A
		git -C "$repo/$name" -c user.name=t -c user.email=t@t commit -qm all
		git -C "$repo/$name" tag "$tag"
	done
	LAB_GIT_BASE=file://$repo run lib/get-sources --git
	[ "$status" -eq 0 ] || show_run 'it should have cloned them'
	[[ $output == *'libbpf '*'from file://'*'xdp-tools '*'from file://'* ]]
}

@test "what is not there, is half a tarball, or is no option: one line each, nothing is kept" {
	head -c 5000 /bin/ls >"$BATS_TEST_TMPDIR/half.tar.gz"
	run lib/get-sources --libbpf-src /nowhere
	[ "$status" -eq 1 ] && [ "$output" = 'get-sources: there is no /nowhere' ]
	run lib/get-sources --libbpf-src "$BATS_TEST_TMPDIR/half.tar.gz"
	[ "$status" -eq 1 ]
	[[ $output == *'half.tar.gz is no tarball, or only a part of one' ]]
	run lib/get-sources --nosuch
	[ "$status" -eq 2 ]
	LAB_GIT_BASE=file:///nowhere run lib/get-sources --git
	[ "$status" -eq 1 ]
	[[ $output == *'cannot clone libbpf'*'without --git they come from'* ]]
	[ -z "$(ls -d lib/src.tmp.* 2>/dev/null)" ]
}

@test "without sources, configure --libs=source names the command that brings them" {
	mv lib/src "$BATS_TEST_TMPDIR/aside"
	run ./configure --libs=source
	mv "$BATS_TEST_TMPDIR/aside" lib/src
	[ "$status" -eq 1 ]
	[[ $output == *'no sources in lib/src'*'lib/get-sources'* ]]
}

@test "configure --libs=auto takes the system's, and the sources where it has none" {
	./configure -q
	[ -z "$(sed -n 's/^LIBS_FROM_SOURCE := //p' config.mk)" ]
	PKG_CONFIG_LIBDIR=/nowhere ./configure -q
	[ -n "$(sed -n 's/^LIBS_FROM_SOURCE := //p' config.mk)" ]
}

@test "a tool that the sources need and that is missing is named" {
	local bin=$BATS_TEST_TMPDIR/bin
	links_without "$bin" m4
	./configure -q --libs=source
	run env PATH="$bin" make -C lib
	[ "$status" -ne 0 ]
	[[ $output == *'lib: m4 is missing. Install it: m4'* ]] || show_run 'it should name m4'
}

@test "the lessons build with them, without a warning, and carry them inside" {
	./configure -q --libs=source
	run make -s -j2 WERROR=1
	[ "$status" -eq 0 ] || show_run 'it should build'
	[[ $output != *warning* ]]
	run ldd basic01-xdp-pass/xdp_pass_user
	[[ $output != *libbpf* && $output != *libxdp* ]]
	grep -q "^LIBS := .*/lib/install/lib/libxdp.a .*/lib/install/lib/libbpf.a" config.mk
	[ -e lib/install/lib/bpf/xdp-dispatcher.o ]
}

@test "the loaders' tests pass on them" {
	LAB_TREE=$COPY run testenv/private.sh bats "$BATS_TEST_DIRNAME/loader.bats"
	[ "$status" -eq 0 ] || show_run 'the loaders should work'
}

@test "make -C lib install PREFIX: another build finds them by pkg-config" {
	local prefix=$BATS_TEST_TMPDIR/usr
	make -s -C lib install PREFIX="$prefix"
	PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --exists libxdp libbpf
	[ "$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --variable=prefix libxdp)" = "$prefix" ]
}

@test "nothing outside of the tree was touched" {
	[ -z "$(find /usr/lib /usr/local /usr/include /etc/apt -newer "$COPY/lib/releases" -type f \
		-name '*bpf*' 2>/dev/null)" ]
}
