#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# takes: 30
# time limit: 200
#
# configure and make: what they build, rebuild, say, and say where something is missing.

# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets $output, and stops where cd fails
load helpers

lessons=$(cd "$LAB_TREE" && printf '%s\n' *[0-9][0-9]-*/Makefile | sed 's,/.*,,')

setup_file() {
	unset MAKEFLAGS
	export CLONE=$BATS_FILE_TMPDIR/clone
	fresh "$CLONE"
}

fresh() { # DIR: the tree as git has it, with what is not committed yet
	mkdir "$1"
	(cd "$LAB_TREE" && git -c safe.directory='*' ls-files -z -co --exclude-standard 2>/dev/null |
		tar cf - --null -T - --ignore-failed-read) | tar xf - -C "$1"
	git init -q "$1"
	git -C "$1" add -A
}

setup() {
	cd "$CLONE"
}

@test "make in a lesson of a fresh clone configures, builds what it needs, and nothing else" {
	fresh "$BATS_TEST_TMPDIR/one"
	cd "$BATS_TEST_TMPDIR/one/basic02-prog-by-name"
	make WERROR=1
	[ -x xdp_loader ]
	[ -f xdp_prog_kern.o ]
	[ -z "$(ls ../basic01-xdp-pass/*.o 2>/dev/null)" ]
	./xdp_loader --help >/dev/null
}

built() { # [LESSON...]: the programs and objects that its Makefile names
	local lesson
	# shellcheck disable=SC2086 # words
	[ $# -gt 0 ] || set -- $lessons
	for lesson; do
		# shellcheck disable=SC2016 # make expands it
		make -s -C "$lesson" -f - names <<<'include Makefile
names: ; @printf "%s\n" $(progs) $(objects)' | sed "s,^,$lesson/," | sort
	done
}

sources() { # [kern|user] of the lessons
	# shellcheck disable=SC2086 # words
	find $lessons -maxdepth 1 -name "*_${1-????}.c"
}

copy() { # what is built, up to date, for what is to be changed
	make -s exercises
	cp -a . "$BATS_TEST_TMPDIR/copy"
	cd "$BATS_TEST_TMPDIR/copy"
}

@test "everything builds without a warning, by clang, and after another ./configure again by gcc" {
	make -s distclean
	for cc in clang gcc; do # the first from nothing, the second over it
		if [ $cc = gcc ]; then ./configure -q; else ./configure -q CC=$cc; fi
		[ "$(make -n V=1 exercises | grep -v -- '-target bpf' | grep -ow 'gcc\|clang' | uniq)" = $cc ]
		run make -j8 WERROR=1 exercises
		[ "$status" -eq 0 ]
		[ "$(grep -cv '^  [A-Z]* *[a-z0-9_/.-]*$' <<<"$output")" -eq 0 ] # one aligned line a file
		make -s -C check .build/report.o .build/swap_kern.o
		make -s -C tests .build/stats_test
		built=$(built)
		[ "$(wc -l <<<"$built")" -ge "$(sources | wc -l)" ]
		for one in $built common/liblab.o check/.build/{report,swap_kern}.o tests/.build/stats_test; do
			[ "$one" -nt config.mk ]
		done
		run make exercises
		[ -z "$output" ]
	done
}

@test "make builds all lessons, and a second time nothing" {
	programs='basic01-xdp-pass/xdp_pass_user basic02-prog-by-name/xdp_loader
		basic03-map-counter/xdp_load_and_stats basic04-pinning-maps/xdp_loader
		basic04-pinning-maps/xdp_stats'
	# shellcheck disable=SC2086 # words
	rm -f $programs
	make -s
	for program in $programs; do
		[ -x "$program" ]
	done
	run make
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "V=1 shows the commands; -s says nothing" {
	copy
	touch basic01-xdp-pass/xdp_pass_kern.c
	run make V=1
	grep -q 'clang.* -target bpf ' <<<"$output"
	touch common/pr.c basic01-xdp-pass/*.c
	run make -s basic01-xdp-pass
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	[ basic01-xdp-pass/xdp_pass_user -nt common/pr.c ]
}

@test "a header that changes rebuilds what uses it, and no more" {
	copy
	touch headers/lab/stats.h
	run make
	expected='basic04-pinning-maps/xdp_loader basic04-pinning-maps/xdp_prog_kern.o '
	expected+='basic04-pinning-maps/xdp_stats packet01-parsing/parse_kern.o packet01-parsing/parse_user'
	[ "$(grep -o '[a-z0-9_-]*/[a-z_]*\(\.o\)\?$' <<<"$output" | sort | xargs)" = "$expected" ]
	touch basic03-map-counter/common_kern_user.h
	run make
	[ "$(grep -c basic03 <<<"$output")" -eq 2 ]
	[ "$(wc -l <<<"$output")" -eq 2 ]
	touch common/lab_stats.h
	run make basic03-map-counter
	grep -q 'liblab.o' <<<"$output"
	grep -q 'basic03-map-counter/xdp_load_and_stats' <<<"$output"
	run ! grep -q '_kern.o' <<<"$output"
}

@test "two makes at once, in two lessons, do not take each other's half-written code" {
	cat >"$BATS_TEST_TMPDIR/slow-cc" <<-'END'
		#!/bin/sh
		for arg; do
			case $last$arg in -o*liblab*) : >"$arg" && sleep 0.8 ;; esac
			last=$arg
		done
		exec gcc "$@"
	END
	chmod +x "$BATS_TEST_TMPDIR/slow-cc"
	copy
	make -s distclean
	./configure -q CC="$BATS_TEST_TMPDIR/slow-cc"
	make -s -C basic01-xdp-pass &
	sleep 0.4
	make -s -C basic03-map-counter
	wait $!
	[ -x basic01-xdp-pass/xdp_pass_user ]
	[ -z "$(find common -name 'liblab.o?*')" ]
}

@test "NAME.ll and NAME.s follow the headers, too" {
	copy
	cd basic03-map-counter
	for kind in ll s; do
		make -s xdp_prog_kern.$kind
		run make xdp_prog_kern.$kind
		grep -q 'up to date' <<<"$output"
		touch common_kern_user.h
		run make xdp_prog_kern.$kind
		grep -q "basic03-map-counter/xdp_prog_kern.$kind$" <<<"$output"
	done
}

@test "each file of common/ is part of liblab.c, and compiles by itself" {
	[ "$(sed -n 's/^#include "\(.*\.c\)"$/\1/p' common/liblab.c)" = \
		"$(cd common && printf '%s\n' ./*.c | sed 's/^..//' | grep -vx liblab.c | LC_ALL=C sort)" ]
	for file in common/*.c; do
		# shellcheck disable=SC2046 # flags are words
		gcc -std=gnu11 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -Wmissing-prototypes \
			-Icommon -Iheaders $(configured LIBS_CFLAGS) "$file"
	done
}

@test "the tests in C build in a clone in which nothing else was built" {
	fresh "$BATS_TEST_TMPDIR/one"
	cd "$BATS_TEST_TMPDIR/one"
	./configure -q
	for file in tests/*_test.c; do
		name=.build/$(basename "$file" .c)
		make -s -C tests "$name"
		[ -x "tests/$name" ]
	done
}

@test "make writes nothing but what its programs and objects are named" {
	make -s exercises
	for lesson in $lessons; do
		new=$(git ls-files -o -i --exclude-standard "$lesson" | grep -v '/\.build/' | sort)
		[ -n "$new" ]
		[ "$new" = "$(built "$lesson")" ]
	done
}

@test "make NAME.ll and NAME.s show LLVM's code and BPF assembly" {
	cd basic01-xdp-pass
	make -s xdp_pass_kern.ll xdp_pass_kern.s
	grep -q 'define .*@xdp_prog_simple' xdp_pass_kern.ll
	grep -q 'target triple = "bpf"' xdp_pass_kern.ll
	grep -q 'r0 = 2' xdp_pass_kern.s
	rm xdp_pass_kern.ll xdp_pass_kern.s
}

@test "the two-step way, clang and then llc, makes an object that loads" {
	cd basic01-xdp-pass
	# shellcheck disable=SC2046 # lists of words
	clang -O2 -g -target bpf $(configured BPF_INCLUDES) -c -emit-llvm xdp_pass_kern.c -o - |
		llc -march=bpf -filetype=obj -o "$BATS_TEST_TMPDIR/two.o"
	veth left right
	./xdp_pass_user --dev left --filename "$BATS_TEST_TMPDIR/two.o"
	./xdp_pass_user --dev left --unload-all
	ip link del left
}

@test "objects carry types and source lines" {
	make -s exercises
	llvm-objdump -h ./*/*_kern.o >"$BATS_TEST_TMPDIR/sections"
	for section in .BTF .BTF.ext; do
		[ "$(grep -cF " $section " "$BATS_TEST_TMPDIR/sections")" -eq "$(sources kern | wc -l)" ]
	done
	llvm-objdump -S basic01-xdp-pass/xdp_pass_kern.o | grep -q 'return XDP_PASS;'
	llvm-objdump -S --no-show-raw-insn basic01-xdp-pass/xdp_pass_kern.o | grep -q 'r0 = \(0x\)\?2$'
}

understood() { # FILE...: clangd finds no error; what it knows of each word is not asked
	for file; do
		HOME=$BATS_TEST_TMPDIR run clangd "--check=$file" --check-lines=1
		[ "$status" -eq 0 ] || show_run 'it should have found no error'
		grep -q 'All checks completed, 0 errors' <<<"$output"
	done
}

@test "an editor understands both sides: clangd finds no error" {
	rm -f compile_commands.json # it may be of a make with WERROR=1
	make -s
	understood ./*/*_user.c bench/cpu_time.c check/report.c tests/stats_test.c
	run ! grep -q -- '-target bpf' <<<"$output"
	understood ./*/*_kern.c
	grep -q -- '-target bpf' <<<"$output"
}

@test "an editor understands a file that has just come, and make then lists it" {
	copy
	mkdir basic99-mine
	cp basic01-xdp-pass/xdp_pass_user.c basic01-xdp-pass/mine_user.c
	cp basic01-xdp-pass/xdp_pass_kern.c basic01-xdp-pass/mine_kern.c
	cp basic01-xdp-pass/xdp_pass_user.c basic99-mine/mine.c
	cp basic03-map-counter/*.[ch] basic99-mine
	understood basic01-xdp-pass/mine_*.c basic99-mine/*.c
	make
	grep -q "\"$PWD\", \"file\": \"basic01-xdp-pass/mine_kern.c\"" compile_commands.json
	before=$(stat -c %y compile_commands.json)
	make
	[ "$(stat -c %y compile_commands.json)" = "$before" ]
}

@test "an error in one lesson does not keep the others from being built with -k" {
	copy
	rm basic01-xdp-pass/xdp_pass_kern.o basic04-pinning-maps/xdp_stats
	echo 'int broken(' >>basic01-xdp-pass/xdp_pass_kern.c
	run make -k -s
	[ "$status" -ne 0 ]
	grep -q 'xdp_pass_kern.c' <<<"$output"
	[ -x basic04-pinning-maps/xdp_stats ]
	[ ! -f basic01-xdp-pass/xdp_pass_kern.o ]
}

@test "an exercise in the middle of being written stops its own lesson, and no make of all lessons" {
	copy
	echo 'int broken(' >>basic05-anatomy/ringbuf_kern.c
	touch basic05-anatomy/hello_kern.c
	run make
	[ "$status" -eq 0 ]
	[ "$output" = '  BPF    basic05-anatomy/hello_kern.o' ]
	for asked in '-C basic05-anatomy' basic05-anatomy exercises; do
		# shellcheck disable=SC2086 # words
		run make $asked
		[ "$status" -ne 0 ]
		grep -q 'ringbuf_kern.c.*error' <<<"$output"
	done
}

@test "a learner's warning is shown, and does not stop the build" {
	copy
	cd basic01-xdp-pass
	sed -i 's/return XDP_PASS;/int unused; return XDP_PASS;/' xdp_pass_kern.c
	run make xdp_pass_kern.o
	[ "$status" -eq 0 ]
	grep -q 'unused' <<<"$output"
	[ -f xdp_pass_kern.o ]
	rm xdp_pass_kern.o
	run make WERROR=1 xdp_pass_kern.o
	[ "$status" -ne 0 ]
}

@test "clean removes what make built, distclean also what configure found" {
	make -s
	make -s -C docs/verifier # as its page has its readers do
	make -s -C check .build/report.o # as lab check does
	make -s clean
	[ "$(git ls-files -o -i --exclude-standard | xargs)" = 'compile_commands.json config.mk' ]
	make -s distclean
	[ -z "$(git ls-files -o -i --exclude-standard)" ]
}

@test "make help names what can be made" {
	run make help
	for word in 'make check' 'make clean' 'make distclean' 'V=1'; do
		grep -q -- "$word" <<<"$output"
	done
}

# ---- configure, where something is missing

@test "configure names the package where clang is missing" {
	links_without "$BATS_TEST_TMPDIR/bin" clang
	PATH=$BATS_TEST_TMPDIR/bin run ./configure
	[ "$status" -eq 1 ]
	grep -q '^clang  *no: not found' <<<"$output"
	grep -q 'apt-get install clang llvm\|dnf install clang llvm\|clang llvm' <<<"$output"
}

@test "configure says so where clang cannot compile for BPF" {
	printf '#!/bin/sh\ncase "$*" in *bpf*) echo "error: no target bpf" >&2; exit 1;; esac\nexec clang "$@"\n' \
		>"$BATS_TEST_TMPDIR/clang-less"
	chmod +x "$BATS_TEST_TMPDIR/clang-less"
	run ./configure CLANG="$BATS_TEST_TMPDIR/clang-less"
	[ "$status" -eq 1 ]
	grep -q '^clang -target bpf  *no' <<<"$output"
}

@test "configure says so where clang is too old" {
	printf '#!/bin/sh\necho 9\n' >"$BATS_TEST_TMPDIR/clang-old"
	chmod +x "$BATS_TEST_TMPDIR/clang-old"
	run ./configure CLANG="$BATS_TEST_TMPDIR/clang-old"
	[ "$status" -eq 1 ]
	grep -q 'version 9' <<<"$output"
}

@test "configure names the package where a library is missing or too old" {
	for lib in libbpf libxdp; do
		printf '#!/bin/sh\ncase "$*" in *modversion*%s*) exit 1;; esac\nexec /usr/bin/pkg-config "$@"\n' $lib \
			>"$BATS_TEST_TMPDIR/pkg"
		chmod +x "$BATS_TEST_TMPDIR/pkg"
		run ./configure PKG_CONFIG="$BATS_TEST_TMPDIR/pkg"
		[ "$status" -eq 1 ]
		grep -q "^$lib  *no: " <<<"$output"
		grep -q "$lib" <<<"$(tail -n 4 <<<"$output")"
	done
	printf '#!/bin/sh\ncase "$*" in *atleast*) exit 1;; esac\nexec /usr/bin/pkg-config "$@"\n' \
		>"$BATS_TEST_TMPDIR/pkg"
	run ./configure PKG_CONFIG="$BATS_TEST_TMPDIR/pkg"
	[ "$status" -eq 1 ]
	grep -q '1.0 is' <<<"$output"
}

@test "configure refuses what it does not know, and has help" {
	run ./configure --frobnicate
	[ "$status" -eq 2 ]
	run ./configure --help
	[ "$status" -eq 0 ]
	grep -q '^Usage: ./configure' <<<"$output"
	[ "$(wc -l <configure)" -lt 200 ]
	[ "$(wc -l <common/lesson.mk)" -lt 60 ]
}

@test "configure leaves config.mk alone where it fails" {
	./configure -q
	cp config.mk "$BATS_TEST_TMPDIR/before"
	run ./configure CLANG=/nonexistent
	[ "$status" -ne 0 ]
	cmp config.mk "$BATS_TEST_TMPDIR/before"
}
