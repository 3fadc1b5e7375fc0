#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
# time limit: 120
#
# The exercises keep their rules; and the program that checks them sees each rule broken.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Temp ();
use Test::More;

my $here = dirname(__FILE__);
my $tree = $ENV{LAB_TREE} // "$here/..";
system('make', '-s', '-C', "$tree/check") == 0 or BAIL_OUT('the grader cannot be built');
my $said = qx($here/exercises $tree 2>&1);
is($?, 0, 'the exercises keep their rules') or diag($said);
my @rules = $said =~ /^(?:not )?ok \d+ - (.*)/mg;
cmp_ok(scalar(@rules), '>=', 15, 'every rule was tried');

# ---- each rule, broken in a copy, in its first lesson's first exercise

my $copy = File::Temp->newdir;
system("cp -a $tree/lab $tree/docs $tree/common $tree/headers $tree/check $tree/basic01-xdp-pass $copy") == 0 or BAIL_OUT('no copy');
system("cd $copy && rm -rf check/as-it-came/* check/wrong/[!b]* check/wrong/basic0[!1]* &&
	cp $tree/check/as-it-came/basic01-xdp-pass check/as-it-came/ && sed -i '/^[^#]/{/^basic01/!d}' check/concepts.txt &&
	git init -q . && printf '%s\\n' '*.o' .build/ xdp_pass_user grade >.gitignore") == 0 or BAIL_OUT('no copy');
my $lesson = 'basic01-xdp-pass';
my %seen;

sub slurp { open my $in, '<', shift or return; local $/; readline $in }
sub spew  { my ($file, $text) = @_; open my $out, '>', $file or die "$file: $!"; print $out $text; close $out }

sub breaks {    # RULE, what it says, FILE, how
	my ($rule, $says, $file, $how) = @_;
	my $before = slurp("$copy/$file");
	local $_ = $before // '';
	$how->();
	if ($_ eq ($before // '')) {
		fail("$rule: nothing was changed in $file");
		return;
	}
	spew("$copy/$file", $_);
	my $out = qx($here/exercises $copy '$rule' 2>&1);
	my ($broken) = $out =~ /^not ok \d+ - \Q$rule\E[^\n]*\n((?:#.*\n)*)/m;
	like($broken // '', $says, "seen: $rule") or diag($out);
	$seen{$_} = 1 for grep { index($_, $rule) == 0 } @rules;
	defined $before ? spew("$copy/$file", $before) : unlink "$copy/$file";
}

my ($patch) = glob "$copy/$lesson/solution/1-*.patch";
my ($name) = $patch =~ m{/1-([^/]*)\.patch};
$patch =~ s{^\Q$copy\E/}{};
my ($wrong) = map { s{^\Q$copy\E/}{}r } grep { slurp($_) =~ /^# expect $name:/ } glob "$copy/check/wrong/$lesson/*";
my $page = "$lesson/README.md";

breaks('each section of a page', qr/1-$name/, $page, sub { s/^### Exercise 1: $name$/### Exercise 1: $name, again/m });
breaks('each section of a page', qr/Exercise 9: more/, $page, sub { s/^(### Exercise 1: )/### Exercise 9: more\n\nText.\n\n$1/m });
breaks('a title is one sentence', qr/61 characters/, $page, sub { s/^(### Exercise 1: $name\n\n).*/$1 . 'x' x 60 . '.'/me });
breaks('a title is one sentence', qr/no end/, $page, sub { s/^(### Exercise 1: $name\n\n).*/${1}Do it/m });
breaks('a section names the command', qr/1-$name/, $page, sub { s{\./lab check basic01(-xdp-pass)? $name}{}g });
breaks('two or three hints', qr/1-$name/, $page, sub { s{<summary>Hint 2</summary>}{<summary>Hint 4</summary>} });
breaks('two or three hints', qr/1 in another form/, $page, sub {
	s{(<summary>Hint 1</summary>.*?</details>)}{$1\n\n<details><summary>Hint 9</summary>\n</details>}s
});
breaks('the lesson has a mark', qr/1-$name/, 'basic01-xdp-pass/xdp_pass_kern.c', sub { s/Exercise 1/exercise/g });
for my $hint (['`bpf_no_such_call()`', qr/nothing is called bpf_no_such_call/], ['`./lab trace basic01`', qr/no command lab trace/],
	['`nosuchtool --list`', qr/no command nosuchtool/], ['`sudo ./nosuch --dev lo`', qr{no command ./nosuch}],
	["\n```\nreturn XDP_NOWHERE;\n```", qr/nothing is called XDP_NOWHERE/]) {
	my ($text, $says) = @$hint;
	breaks('what a hint names exists', $says, $page, sub { s{(<summary>Hint 1</summary>\n\n)}{${1}See $text.\n\n} });
}
breaks('a worked answer opens with why', qr/why does it work/, $patch, sub { s/\A.*?^(?=diff |--- )/It works.\n\n/ms });
breaks('a worked answer opens with why', qr/is not a file of/, $patch, sub { s{^(\+\+\+ b/)\S+}{$1common/pr.c}m });
breaks('worked answers apply', qr/1-$name/, $patch, sub { s/^-(?!-)/-no such line /m });
breaks('each exercise has three wrong', qr/1-$name has \d/, $wrong, sub {
	unlink grep { slurp($_) =~ /^# expect $name:/ && $_ ne "$copy/$wrong" } glob "$copy/check/wrong/$lesson/*";
	$_ .= "\n";
});
breaks('a wrong answer says', qr/first lines/, $wrong, sub { s/\A# expect/# expects/ });
breaks('a wrong answer says', qr/no exercise nothing/, $wrong, sub { s/\A# expect $name/# expect nothing/ });
breaks('wrong answers apply', qr/\Q$wrong\E/, $wrong, sub { s/^-(?!-)/-no such line /m });
breaks('nothing is required before', qr/requires flying/, 'check/concepts.txt', sub { s/requires /requires flying / });
breaks('nothing is required before', qr/has no line/, 'check/concepts.txt', sub { s{^basic01-xdp-pass/1-.*\n}{}m });
breaks('the grader knows', qr/$lesson/, "$lesson/solution/8-more.patch", sub { $_ = "text\n" });
breaks('check/as-it-came', qr/is not right/, "$lesson/Makefile", sub { $_ .= "\n" });
unlink glob "$copy/$lesson/solution/*";
like(qx($here/exercises $copy 2>&1), qr/^not ok 1 - there are exercises/m, 'seen: no exercise at all');
$seen{'there are exercises'} = 1;
is(join(', ', grep { !$seen{$_} } @rules), '', 'each rule was broken once');
done_testing;
