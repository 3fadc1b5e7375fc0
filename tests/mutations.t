#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
# takes: 37
# time limit: 300
#
# A damaged object file never crashes a loader, and never leaves anything attached: 2,000 mutations
# of a good one, 200 with --quick. LAB_SEED repeats a run.

use strict;
use warnings;
use File::Temp ();
use Test::More;

my $tree   = $ENV{LAB_TREE} or die "LAB_TREE is not set: run it with tests/run\n";
my $seed   = $ENV{LAB_SEED} // int(rand 2**31);
my $count  = $ENV{LAB_QUICK} ? 200 : 2000;
my $loader = "$tree/basic04-pinning-maps/xdp_loader";
my $good   = do { local (@ARGV, $/) = ("$tree/basic04-pinning-maps/xdp_prog_kern.o"); <> };
my $tmp    = File::Temp->newdir;
srand $seed;

# One of the ways in which a file gets damaged.
sub mutate {
	my $bytes = $good;
	my $way   = int rand 5;
	my $table = unpack 'Q<', substr $good, 40, 8;    # the section headers
	if ($way == 0) {
		substr($bytes, int rand length $bytes) = '';
	} elsif ($way == 1) {
		substr($bytes, int(rand length $bytes), 0) = "\0" x (1 + int rand 64);
	} else {
		my ($from, $to) = $way == 2 ? (0, 64) : $way == 3 ? ($table, length $bytes) : (0, length $bytes);
		substr($bytes, $from + int(rand($to - $from)), 1) = chr int rand 256 for 0 .. int rand 8;
	}
	return $bytes;
}

my (%statuses, @wrong);
for my $n (1 .. $count) {
	open my $out, '>:raw', "$tmp/mutant.o" or die;
	print $out mutate();
	close $out;
	my $said = qx(timeout 30 $loader --dev lo --skb-mode --filename $tmp/mutant.o xdp_pass_func 2>&1);
	my $status = $?;
	$statuses{$status}++;
	my $attached = qx(ip link show dev lo) =~ /prog\/xdp id/ ? 1 : 0;
	push @wrong, "mutation $n: wait status $status: $said" if $status != 0 && $status != 256;
	push @wrong, "mutation $n: status $status, attached $attached: $said" if ($status == 0) != $attached;
	push @wrong, "mutation $n: refused without a word" if $status && $said !~ /^Error: .*\n  why: /m;
	system("$loader --dev lo --unload-all >/dev/null 2>&1") if $attached;
}

ok(!@wrong, "$count mutations (seed $seed): loaded or refused, never a crash, nothing left")
	or diag(@wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)]);
cmp_ok($statuses{256} // 0, '>', $count / 10, 'many of them were refused');
cmp_ok($statuses{0} // 0, '>', 0, 'some of them still load: the damage was in what nobody reads');
is(qx(ls -A /sys/fs/bpf/lo 2>/dev/null), '', 'no pin is left');
done_testing;
