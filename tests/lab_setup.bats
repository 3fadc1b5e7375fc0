#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# time limit: 300
#
# lab setup, and what else installs packages, with package managers that only note what they were
# asked for: see front/manager and front/make_tree.

# shellcheck disable=SC2154,SC2164 # bats sets $output, and stops where cd fails
load helpers
load front/helpers
managers='apt-get dnf pacman zypper apk'

setup() {
	make_tree
	printf 'all tests:\n\t@:\n' >Makefile
	export FAKE=$TREE/fake
	mkdir -p "$FAKE/bin"
	chmod 777 "$FAKE"
	local tool
	for tool in bash env sh awk sed grep cat cut cp mkdir mv rm ls id stat dirname basename readlink \
		make git sha1sum head tail touch true setpriv script find sort printf tee uname; do
		ln -s "$(type -P $tool)" "$FAKE/bin/"
	done
}

teardown() {
	cd /
	remove_tree
}

use() { # MANAGER: this one is the system's
	local command
	for command in $managers apt-cache dpkg-query rpm; do
		rm -f "$FAKE/bin/$command"
	done
	rm -f "$FAKE"/{log,installed,known,removed}
	touch "$FAKE/log" "$FAKE/installed"
	chmod 666 "$FAKE"/{log,installed}
	case $1 in
	none) return ;;
	apt-get) set -- apt-get apt-cache dpkg-query && everything >"$FAKE/known" ;;
	dnf | zypper) set -- "$1" rpm ;;
	esac
	for command; do
		cp "$BATS_TEST_DIRNAME/front/manager" "$FAKE/bin/$command"
	done
}

everything() { # what the table has for Debian
	names apt-get lessons vm tests
}

names() { # MANAGER SET...: the table, read in another way than lab does; of A/B the first
	perl -ae 'BEGIN { $manager = shift; %set = map { ("$_:" => 1) } splice @ARGV; @ARGV = "doctor/packages.txt" }
		next if /^#/ || !@F;
		if ($F[0] eq "for") { ($column) = grep { $F[$_] eq $manager } 1 .. $#F }
		elsif (@F == 1) { $inside = $set{$F[0]} }
		elsif ($inside && $F[$column] ne "-") { print $F[$column] =~ s,/.*,,r, "\n" }' "$@"
}

lab() {
	PATH=$FAKE/bin ./lab "$@" </dev/null
}

words_of() { # LINE: its words in order, without the command and options
	tr -s ' \t' '\n' <<<"$1" | grep -vx -- '-.*\|install\|add\|apt-get\|dnf\|pacman\|zypper\|apk' | sort
}

@test "the table is complete: a name or a dash for each of five managers, and no name twice" {
	run ! grep -vE '^(#.*|[a-z]+:|[a-z0-9-]+( +[A-Za-z0-9_.+/-]+){5}|)$' doctor/packages.txt
	for manager in $managers; do
		[ "$(names "$manager" lessons | wc -l)" -ge 18 ]
		[ "$(names "$manager" vm | wc -l)" -eq 2 ]
		[ "$(names "$manager" lessons vm tests | sort | uniq -d | sed '/^clang$/d')" = '' ]
	done
}

@test "with each manager: what is missing is listed and installed, once" {
	for manager in $managers; do
		use "$manager"
		says 0 "Missing on this system: $(names "$manager" lessons | paste -s -d ' ')" 'Ready.' -- \
			lab setup --yes
		[ "$(wc -l <"$FAKE/log")" -eq 1 ]
		[ "$(words_of "$(cat "$FAKE/log")")" = "$(names "$manager" lessons | sort)" ]
		case $(cat "$FAKE/log") in # it must not ask again
		'apt-get install '*' -y '* | 'dnf install -y '* | 'pacman -S --needed --noconfirm '* | \
			'zypper install --no-confirm '* | 'apk add '*) ;;
		*) cat "$FAKE/log" && return 1 ;;
		esac
		says 0 'Ready.' -- lab setup
		silent_about Missing
		[ "$(wc -l <"$FAKE/log")" -eq 1 ]
	done
}

@test "where an archive has another name for it, that is installed; where it has none, it is left out" {
	local tools
	tools=linux-tools-$(uname -r)
	use apt-get # as Ubuntu 24.04
	{ everything | grep -vx bpftool && echo "$tools"; } >"$FAKE/known"
	says 0 "$tools" 'Ready.' -- lab setup --yes
	silent_about bpftool
	grep -qx "$tools" "$FAKE/installed"
	says 0 'Ready.' -- lab setup
	silent_about Missing

	use apt-get # as its image for containers, which begins without a list
	everything | grep -vx bpftool >"$FAKE/mirror"
	echo "$tools" >>"$FAKE/mirror"
	: >"$FAKE/known"
	says 0 'Missing on this system: ' 'Ready.' -- lab setup --yes
	[ "$(sed 's/ .*//; s/-.*//' "$FAKE/log" | uniq -c | tr -s ' ')" = ' 2 apt' ]
	grep -qx "$tools" "$FAKE/installed"

	use apt-get # on a kernel of which it knows nothing
	everything | grep -vx bpftool >"$FAKE/known"
	says 0 'Missing on this system: ' 'Ready.' -- lab setup --yes
	silent_about bpftool linux-tools
	says 0 'Ready.' -- lab setup
	silent_about Missing
}

@test "--tests adds what the tests need, and only what is missing is installed" {
	for manager in apt-get zypper; do
		use "$manager"
		names "$manager" lessons | grep -vx make >"$FAKE/installed"
		says 0 'Missing on this system: make bats' -- lab setup --yes --tests
		[ "$(words_of "$(cat "$FAKE/log")")" = "$({ names "$manager" tests && echo make; } | grep -vx clang | sort)" ]
	done
}

@test "without a terminal: root goes ahead and says so, others are told how to do it by hand" {
	for manager in $managers; do
		use "$manager"
		says 0 'There is no terminal to ask on: going ahead, as root.' 'Ready.' -- lab setup
		use "$manager"
		rm -rf .lab
		says 1 'nothing was installed. To do it by hand:' "  sudo $manager" -- \
			as_nobody env PATH="$FAKE/bin" ./lab setup </dev/null
		[ ! -s "$FAKE/log" ]
	done
}

@test "on a terminal: it asks, and installs after yes, or a bare enter, alone" {
	for answer in n no; do
		use dnf
		says 1 'Install them with dnf? [Y/n]' 'nothing was installed' 'sudo dnf install' -- \
			env PATH="$FAKE/bin" script -qefc './lab setup' /dev/null <<<"$answer"
		[ ! -s "$FAKE/log" ]
	done
	for answer in '' y Yes; do
		use dnf
		says 0 'Install them with dnf? [Y/n]' 'Ready.' -- \
			env PATH="$FAKE/bin" script -qefc './lab setup' /dev/null <<<"$answer"
		[ "$(wc -l <"$FAKE/log")" -eq 1 ]
	done
}

@test "an installation that fails: one sentence, status 1, and nothing is built" {
	for manager in apt-get apk; do
		use "$manager"
		names "$manager" lessons | grep -vx make >"$FAKE/known"
		cp "$FAKE/known" "$FAKE/mirror"
		printf 'all:\n\techo built\n' >Makefile
		says 1 "$manager could not install them: see above" -- lab setup --yes
		silent_about built Ready
	done
}

@test "a fresh Debian has no list of packages: it is brought first" {
	use apt-get
	mv "$FAKE/known" "$FAKE/mirror"
	says 0 'Ready.' -- lab setup --yes
	[[ $(head -n 1 "$FAKE/log") == 'apt-get update'* ]]
	[ "$(grep -c 'apt-get install' "$FAKE/log")" -eq 1 ]
}

@test "an old list of packages is brought anew, once" {
	use apt-get
	mv "$FAKE/known" "$FAKE/mirror"
	grep -vx nmap "$FAKE/mirror" >"$FAKE/known"
	says 0 'Ready.' -- lab setup --yes
	[ "$(cut -d' ' -f1,2 "$FAKE/log" | paste -s -d ,)" = 'apt-get install,apt-get update,apt-get install' ]
}

@test "a package that was removed, and of which Debian knows the settings still, is missing" {
	use apt-get
	names apt-get lessons | grep -vx nmap >"$FAKE/installed"
	echo nmap >"$FAKE/removed"
	says 0 'Missing on this system: nmap' -- lab setup --yes
}

@test "as a person: sudo is asked for the installation, and for nothing before the answer" {
	use apt-get
	chown -R "$nobody:$nobody" .
	cat >"$FAKE/bin/sudo" <<-'END'
		#!/bin/sh
		[ "$1" = -- ] && shift
		echo "sudo $*" >>"$FAKE/log"
		exec "$@"
	END
	chmod 755 "$FAKE/bin/sudo"
	mv "$FAKE/known" "$FAKE/mirror"
	says 1 'nothing was installed' -- as_nobody env PATH="$FAKE/bin" ./lab setup </dev/null
	[ ! -s "$FAKE/log" ]
	says 0 'Ready.' -- as_nobody env PATH="$FAKE/bin" ./lab setup --yes </dev/null
	[ "$(grep -c ^sudo "$FAKE/log")" -eq 2 ] # the list, the packages
}

@test "as a person without sudo: one sentence, and the command" {
	use dnf
	chown -R "$nobody:$nobody" .
	says 1 'needs root, and there is no sudo' 'dnf install' -- \
		as_nobody env PATH="$FAKE/bin" ./lab setup --yes </dev/null
	[ ! -s "$FAKE/log" ]
}

@test "where no manager is known, that is said, and it builds all the same" {
	use none
	says 0 'see docs/setup.md for what to install' 'Ready.' -- lab setup
}

@test "docs/setup.md names what lab would install, system by system" {
	local line section
	while IFS=: read -r section line; do
		manager=$(grep -o 'apt-get\|dnf\|pacman\|zypper\|apk' <<<"$line" | head -n 1)
		diff <(words_of "${line#*sudo }") <(names "$manager" lessons | sort) || {
			echo "# the section $section" && return 1
		}
		seen+=" $manager"
	done < <(perl -0777 -ne 's/\\\n\s*/ /g; my $at;
		for (split /\n/) { $at = $1 if /^## (.*)/; print "$at:$_\n" if /^sudo .*(install|-S|add) .*clang/ }' \
		"$LAB_TREE/docs/setup.md")
	for manager in $managers; do
		[[ $seen == *" $manager"* ]]
	done
}
