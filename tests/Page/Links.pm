# SPDX-License-Identifier: GPL-2.0-only
#
# What can be checked about a page without running anything: that its links inside the repository
# lead somewhere, and that the code it quotes stands in the file it names.

package Page::Links;

use strict;
use warnings;
use utf8;
use Cwd qw(realpath);
use File::Basename qw(dirname);
use Page::Read;

# --- links ---

# broken(PAGE, TREE): a line for each link that leads nowhere.
sub broken {
	my ($page, $tree) = @_;
	my ($targets, $used, $defined) = links($page);
	my @broken;
	for (@$targets) {
		my ($line, $target) = @$_;
		my $why = target_problem($page, $tree, $target);
		push @broken, "$page->{name}:$line: $target: $why" if $why;
	}
	for (@$used) {
		my ($line, $label) = @$_;
		next if $defined->{ lc $label };
		push @broken, "$page->{name}:$line: [$label]: no line says where it leads";
	}
	return @broken;
}

# All links of a page as [LINE, TARGET]; the labels used, as [LINE, LABEL]; the labels defined.
sub links {
	my ($page) = @_;
	my (@targets, @used, %defined);
	my @prose = map { [@$_] } @{ $page->{prose} };
	$_->[1] =~ s/(`+)(?:(?!`).)+?\1/code/g for @prose;
	# In one piece, as a link may go over two lines; each line begins with its number.
	my $text = join "\n", map { "\x00$_->[0]\x01$_->[1]" } @prose;
	my $line = sub { (my $before = substr $text, 0, shift) =~ /.*\x00(\d+)\x01/s ? $1 : 1 };
	while ($text =~ s/\x00(\d+)\x01 {0,3}\[([^\]\x00]+)\]:[ \t]*<?([^\s>\x00]+)[^\x00]*//) {
		$defined{ lc $2 } = 1;
		push @targets, [$1, $3];
	}
	while ($text =~ /\]\(\s*(?:<([^>]*)>|([^\s()]*(?:\([^\s()]*\)[^\s()]*)*))/g) {
		push @targets, [$line->($-[0]), $1 // $2];
	}
	while ($text =~ /<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)\s*=\s*["']([^"'\s]*)/g) {
		push @targets, [$line->($-[0]), $1];
	}
	while ($text =~ /(?<![\w\])])\[([^\[\]\x00]+)\]\[([^\[\]\x00]*)\]/g) {
		push @used, [$line->($-[0]), length $2 ? $2 : $1];
	}
	return (\@targets, \@used, \%defined);
}

# Why a link leads nowhere, or undef.
sub target_problem {
	my ($page, $tree, $target) = @_;
	return 'it is empty' if $target eq '';
	return undef if $target =~ m{^(?:[a-z][a-z0-9+.-]*:|//)}i;
	my ($path, $anchor) = $target =~ /^([^#]*)(?:#(.*))?$/;
	for ($path, $anchor // ()) {
		s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	}
	my $file = $path eq '' ? $page->{path}
		: ($path =~ s{^/}{} ? $tree : dirname $page->{path}) . "/$path";
	my $real = realpath $file;
	return 'there is no such file' if !defined $real || !-e $real;
	return 'it leads out of the repository' if $real ne $tree && index($real, "$tree/") != 0;
	return 'git ignores this file: nobody else has it' if $path ne '' && ignored($tree, $real);
	return undef if !length($anchor // '');
	return line_problem($real, $anchor) if $real !~ /\.md$/;
	return undef if anchors($real)->{$anchor};
	return "there is no section #$anchor";
}

sub ignored {
	my ($tree, $file) = @_;
	return 0 if !-e "$tree/.git";
	return !system "git -C '$tree' check-ignore -q '$file' 2>/dev/null" if $file !~ /'/;
}

# file.c#L10 or #L10-L20
sub line_problem {
	my ($file, $anchor) = @_;
	my ($from, $to) = $anchor =~ /^L(\d+)(?:-L(\d+))?$/ or return 'only pages have sections';
	open my $fh, '<', $file or return 'it cannot be read';
	my $lines = () = <$fh>;
	return $lines < ($to // $from) ? "it has but $lines lines" : undef;
}

# The anchors of a page: its headings as GitHub names them, and what it names by itself.
sub anchors {
	my ($path) = @_;
	my $page = Page::Read::page($path, $path);
	my (%anchor, %count);
	my $last = '';
	for (@{ $page->{prose} }) {
		my $text = $_->[1];
		my $heading = $text =~ /^ {0,3}#{1,6}\s+(.*?)(?:\s+#+)?\s*$/ ? $1
			: $text =~ /^ {0,3}(?:=+|-+)\s*$/ && $last =~ /^ {0,3}[^\s|>#-]/ ? $last
			: undef;
		if (defined $heading) {
			my $name = anchor_name($heading);
			my $n = $count{$name}++;
			$anchor{ $n ? "$name-$n" : $name } = 1;
		}
		$anchor{$1} = 1 while $text =~ /<\w+\b[^>]*?\b(?:id|name)\s*=\s*["']([^"']+)/g;
		$last = $text;
	}
	return \%anchor;
}

sub anchor_name {
	my ($heading) = @_;
	$heading =~ s/<[^>]*>//g;
	$heading =~ s/!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/$1/g;
	$heading =~ s/^\s+|\s+$//g;
	$heading = lc $heading;
	$heading =~ s/[^\w\- ]//g;
	$heading =~ tr/ /-/;
	return $heading;
}

# --- code ---

# code(PAGE): for each block that is cut from a file { line, file, why }; no why: it is right.
sub code {
	my ($page) = @_;
	return map { {
		line => $_->{line},
		file => $_->{attr}{file},
		why  => code_problem($page, $_),
	} } grep { defined $_->{attr}{file} } @{ $page->{blocks} };
}

sub code_problem {
	my ($page, $block) = @_;
	my $path = dirname($page->{path}) . "/$block->{attr}{file}";
	open my $fh, '<:encoding(UTF-8)', $path or return "cannot read $block->{attr}{file}: $!";
	my @file = map { s/\s+$//r } <$fh>;
	my $from = 0;
	for my $piece (pieces($block)) {
		my ($at, $near) = find_piece($piece, \@file, $from);
		if (!defined $at) {
			my ($line, $text) = @{ $piece->[$near] };
			my $where = $near || $from ? ', after what stands before it' : '';
			return "line $line is not in $block->{attr}{file}$where:\n  $text";
		}
		$from = $at + @$piece;
	}
	return undef;
}

# A block in pieces, between the lines that say "left out".
sub pieces {
	my ($block) = @_;
	my @pieces = ([]);
	for (@{ $block->{body} }) {
		if ($_->[1] =~ m{^\s*(?:…|/\*\s*…\s*\*/|(?://|\#)\s*…)\s*$}) {
			push @pieces, [];
		} else {
			push @{ $pieces[-1] }, $_;
		}
	}
	for my $piece (@pieces) {
		shift @$piece while @$piece && $piece->[0][1] !~ /\S/;
		pop @$piece while @$piece && $piece->[-1][1] !~ /\S/;
	}
	return grep { @$_ } @pieces;
}

# Where a piece stands in the file, from line FROM on; else undef, and how many lines fit at best.
sub find_piece {
	my ($piece, $file, $from) = @_;
	my @want = flush_left(map { $_->[1] } @$piece);
	my $best = 0;
	for my $at ($from .. $#$file) {
		my $last = $at + $#want < $#$file ? $at + $#want : $#$file;
		my @have = flush_left(@{$file}[$at .. $last]);
		my $n = 0;
		$n++ while $n < @want && $n < @have && $want[$n] eq $have[$n];
		return $at if $n == @want;
		$best = $n if $n > $best;
	}
	return (undef, $best);
}

# The lines without the indentation that they have in common; tabs count as 8 columns.
sub flush_left {
	my @lines = @_;
	for (@lines) {
		1 while s/^([^\t]*)\t/$1 . ' ' x (8 - length($1) % 8)/e;
		s/\s+$//;
	}
	my ($least) = sort { $a <=> $b } map { /^( *)\S/ ? length $1 : () } @lines;
	return map { Page::Read::unindent($_, $least // 0) } @lines;
}

1;
