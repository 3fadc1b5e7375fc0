#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
# takes: 25
# once: parse.bats has what a compiler can make of headers/lab/parse.h
# time limit: 400
#
# headers/lab/parse.h in the kernel against check/packet.c, which was written separately, on odd
# frames: 3 million, 100,000 with --quick. And the same with a bug in one of the two: each is found
# within 100,000. LAB_SEED repeats a run.

use strict;
use warnings;
use File::Temp ();
use Test::More;

my $tree   = $ENV{LAB_TREE} or die "LAB_TREE is not set: run it with tests/run\n";
my $seed   = $ENV{LAB_SEED} // int(rand 2**31);
my $tmp    = File::Temp->newdir;
my %config = map { /^(\w+) := (.*)/ ? ($1 => $2) : () } split /^/, slurp("$tree/config.mk");

# In one of the two: what stands there, and what a tired person could have written.
my @bugs = map { [map { $_ eq 'NOTHING' ? '' : $_ } split / +=> | +:: /] } grep { /\S/ } split /\n/, <<'END';
parse.h :: cur->pos + size > cur->end            => cur->pos + size >= cur->end
parse.h :: return size > cur->left ? NULL :      => return
parse.h :: if (size < cur->left)                 => if (0)
parse.h :: lab_limit(cur, total - size);         => lab_limit(cur, total);
parse.h :: lab_limit(cur, bpf_ntohs              => lab_limit(cur, 40 + bpf_ntohs
parse.h :: .left = 1 << 16                       => .left = 1500
parse.h :: #define LAB_VLAN_MAX 2                => #define LAB_VLAN_MAX 1
parse.h :: #define LAB_VLAN_MAX 2                => #define LAB_VLAN_MAX 3
parse.h :: #define LAB_VLAN_ID 0x0fff            => #define LAB_VLAN_ID 0xffff
parse.h :: *type_be != bpf_htons(ETH_P_8021AD)   => 1
parse.h :: bpf_ntohs(tag->tci_be)                => tag->tci_be
parse.h :: vlans->count++ ? vlans->outer :         => vlans->count++ ? vlans->inner :
parse.h :: ip->version != 4 ||                   => NOTHING
parse.h :: ip->version != 6                      => 0
parse.h :: ip->ihl < 5                           => ip->ihl < 4
parse.h :: size = ip->ihl * 4                    => size = sizeof(*ip)
parse.h :: bpf_ntohs(ip->tot_len)                => ip->tot_len
parse.h :: total < size ||                       => NOTHING
parse.h :: #define LAB_IPV4_OFFSET 0x1fff        => #define LAB_IPV4_OFFSET 0x3fff
parse.h :: #define LAB_IPV4_OFFSET 0x1fff        => #define LAB_IPV4_OFFSET 0x0fff
parse.h :: #define LAB_IPV6_OFFSET 0xfff8        => #define LAB_IPV6_OFFSET 0xffff
parse.h :: #define LAB_IPV6_OFFSET 0xfff8        => #define LAB_IPV6_OFFSET 0xfff0
parse.h :: more = more > 0 ? lab_skip_ext(cur, above, false) : more; => NOTHING
parse.h :: more; /* LAB_IPV6_EXT_MAX */          => more; more = more > 0 ? lab_skip_ext(cur, above, false) : more;
parse.h :: && !is_first                         => NOTHING
parse.h :: (proto == IPPROTO_HOPOPTS && !is_first) => (proto == IPPROTO_HOPOPTS)
parse.h :: [IPPROTO_MH] = { 8, 8 },             => NOTHING
parse.h :: [IPPROTO_AH] = { 8, 4 },             => NOTHING
parse.h :: [IPPROTO_DSTOPTS] = { 8, 8 },        => NOTHING
parse.h :: [IPPROTO_AH] = { 8, 4 }              => [IPPROTO_AH] = { 8, 8 }
parse.h :: [IPPROTO_ROUTING] = { 8, 8 }         => [IPPROTO_ROUTING] = { 16, 8 }
parse.h :: [IPPROTO_FRAGMENT] = { 8, 0 }        => [IPPROTO_FRAGMENT] = { 8, 8 }
parse.h :: & 0xfff                              => & 0x3ff
parse.h :: ip->payload_len ||                    => 1 ||
parse.h :: || ip->nexthdr != IPPROTO_HOPOPTS     => NOTHING
parse.h :: return !above->is_cut_off;            => return 1;
parse.h :: more < 0 ? NULL : ip                  => ip
parse.h :: tcp->doff < 5                         => tcp->doff < 4
parse.h :: tcp->doff * 4                         => sizeof(*tcp)
parse.h :: sizeof(struct udphdr)                 => 4
packet.c :: from + count <= d->have &&           => NOTHING
packet.c :: from + count <= d->have              => from + count < d->have
packet.c :: && from + count <= d->stop           => NOTHING
packet.c :: 256u * d->octets[from]               => d->octets[from]
packet.c :: / 16 * 4;                            => / 16 * 2;
packet.c :: if (size < 20)                       => if (size < 16)
packet.c :: case 58:                             => NOTHING
packet.c :: size = 8;                            => size = 4;
packet.c :: || d->octets[from] / 16 != 4         => NOTHING
packet.c :: || d->octets[from] / 16 != 6         => NOTHING
packet.c :: header < 20 ||                       => NOTHING
packet.c :: total < header ||                    => NOTHING
packet.c :: || !present(d, from, header)         => NOTHING
packet.c :: d->stop = from + total;              => NOTHING
packet.c :: % 8192 != 0                          => % 4096 != 0
packet.c :: { 44, 8, 0 }                         => { 44, 8, 8 }
packet.c :: { 51, 8, 4 }                         => { 51, 8, 8 }
packet.c :: { 43, 8, 8 }                         => { 43, 16, 8 }
packet.c :: { 135, 8, 8 }                        => { 139, 8, 8 }
packet.c :: (number != 0 || behind_ipv6)         => 1
packet.c :: links == 8                           => links == 9
packet.c :: if (!here || !links)                 => if (!here)
packet.c :: word(d, from + 2) / 8 != 0           => word(d, from + 2) != 0
packet.c :: payload > 0 ||                       => NOTHING
packet.c :: || d->found->protocol != 0)          => )
packet.c :: from + 40 + payload;                 => from + payload;
packet.c :: packet->tags < 2                     => packet->tags < 3
packet.c :: || word(&d, type_at) == 0x88a8       => NOTHING
packet.c :: % 4096;                              => % 8192;
END

sub slurp {
	open my $in, '<', shift or die "$_[0]: $!";
	local $/;
	return scalar readline $in;
}

# Copies a file, with the one change where there is one.
sub place {
	my ($from, $to, $old, $new) = @_;
	my $text = slurp($from);
	if (defined $old) {
		my $at = index $text, $old;
		die "$from no longer says '$old'\n" if $at < 0;
		substr($text, $at, length $old) = $new;
	}
	open my $out, '>', $to or die "$to: $!";
	print $out $text;
}

my $cc = "$config{CC} -std=gnu11 -D_GNU_SOURCE -O2 -g -fsanitize=address,undefined " .
	'-fno-sanitize-recover=all ' . ($config{LIBS_CFLAGS} // '') . " -I$tree/check";

sub run_or_die {
	my ($command) = @_;
	my $said = qx($command 2>&1);
	die "$command\n$said" if $?;
}

sub build {
	my ($what, $soon) = @_;    # its option to be compiled soon, as it runs only until the bug is found
	if ($what eq 'parse.h') {
		run_or_die("$config{CLANG} -target bpf -O2 -g -I$tmp/headers $config{BPF_INCLUDES} " .
			($config{LIBS_CFLAGS} // '') . " -c $tree/tests/bpf/parse_all.c -o $tmp/parse_all.o");
	} else {
		run_or_die("$cc $soon -c $tmp/packet.c -o $tmp/packet.o && " .
			"$cc $tmp/packet.o $tmp/odd.o $tmp/parse_fuzz.o $config{LIBS} -o $tmp/parse_fuzz");
	}
}

my %source = ('parse.h' => 'headers/lab/parse.h', 'packet.c' => 'check/packet.c');
my %copy   = ('parse.h' => "$tmp/headers/lab/parse.h", 'packet.c' => "$tmp/packet.c");
mkdir "$tmp/$_" or die for 'headers', 'headers/lab';
run_or_die("$cc -c $tree/tests/parse_fuzz.c -o $tmp/parse_fuzz.o");
run_or_die("$cc -c $tree/check/odd.c -o $tmp/odd.o");
for my $what (sort keys %source) {
	place("$tree/$source{$what}", $copy{$what});
	build($what, '');
}

sub fuzz {    # FRAMES: exit status, and what it said
	my ($frames) = @_;
	my $said = qx($tmp/parse_fuzz $tmp/parse_all.o $frames $seed 2>&1);
	return ($? & 127 ? -1 : $? >> 8, $said);
}

my $frames = $ENV{LAB_QUICK} ? 100_000 : 3_000_000;
my ($status, $said) = fuzz($frames);
is($status, 0, "$frames odd frames (seed $seed): no difference");
diag($said) if $status;
my @counts = $said =~ / of (\d+)/g;
ok(@counts == 4 && !(grep { $_ < $frames / 100 } @counts), 'and each depth had its share of them') or diag($said);

my (@missed, $latest);
my $broken = $bugs[0][0];    # in which of the two a bug is
for my $bug (@bugs) {
	my ($what, $old, $new) = @$bug;
	if ($what ne $broken) {
		place("$tree/$source{$broken}", $copy{$broken});
		build($broken, '');
		$broken = $what;
	}
	place("$tree/$source{$what}", $copy{$what}, $old, $new);
	build($what, '-O1');
	($status, $said) = fuzz(100_000);
	my ($frame) = $said =~ /^# frame (\d+) /m;
	$latest = $frame if $frame && $frame > ($latest // 0);
	print "# $what: $old => $new: ", $frame // ($said =~ /(Sanitizer|runtime error)/ ? $1 : 'not found'), "\n";
	push @missed, "$what: $old => $new\n$said" if $status != 1;
}
is("@missed", '', scalar(@bugs) . ' bugs, planted one by one: each was found, the last at frame ' . ($latest // '?'));
done_testing;
