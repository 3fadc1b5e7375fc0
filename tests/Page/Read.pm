# SPDX-License-Identifier: GPL-2.0-only
#
# Reads a Markdown page: its lines, its fenced blocks, and what its console blocks ask to be typed.

package Page::Read;

use strict;
use warnings;
use utf8;
use Encode qw(decode);

# What the opening line of a block may say, by language. A language that is not here is a typing
# error: otherwise a misspelt "console" would be a block that nobody runs.
my %known = (
	console => [qw(terminal needs status limit prompt)],
	c       => [qw(file example)],
	map { $_ => ['file'] } '', qw(text sh make diff asm json yaml ini python),
);

# page(PATH, NAME): { path, name, lines, blocks, errors }; NAME is what messages call the page.
sub page {
	my ($path, $name) = @_;
	open my $fh, '<:raw', $path or die "cannot read $path: $!\n";
	local $/;
	my $text = decode('UTF-8', scalar <$fh>);
	$text =~ s/\r\n/\n/g;
	my $page = { path => $path, name => $name, lines => [split /\n/, $text], errors => [] };
	find_blocks($page);
	check_attributes($page, $_) for @{ $page->{blocks} };
	check_terminals($page);
	return $page;
}

sub complain {
	my ($page, $line, $what) = @_;
	push @{ $page->{errors} }, [$line, $what];
}

# A block: { line, lang, attr, body => [[LINE, TEXT], ...] }. Line numbers count from 1. Everything
# outside of blocks and comments goes to prose => [[LINE, TEXT], ...].
sub find_blocks {
	my ($page) = @_;
	my ($open, $fence, $comment) = (undef, '', 0);
	@$page{qw(blocks prose)} = ([], []);
	my $n = 0;
	for my $line (@{ $page->{lines} }) {
		$n++;
		if ($open) {
			if ($line =~ /^\s*(`{3,}|~{3,})\s*$/ && index($1, $fence) == 0) {
				$open = undef;
				next;
			}
			push @{ $open->{body} }, [$n, unindent($line, $open->{indent})];
			next;
		}
		my $left = $line;
		$left =~ s/^.*?-->// ? ($comment = 0) : next if $comment;
		$left =~ s/<!--.*?-->//g;
		$comment = $left =~ s/<!--.*//;
		if (!$comment && $left =~ /^( *)(`{3,}|~{3,})\s*([^\s`]*)\s*([^`]*)$/) {
			$fence = $2;
			$open = { line => $n, indent => length $1, lang => $3, body => [] };
			my @words = split ' ', $4;
			$open->{attr} = { map { /^([^=]+)=(.*)$/ ? ($1, $2) : ($_, 1) } @words };
			push @{ $page->{blocks} }, $open;
			next;
		}
		push @{ $page->{prose} }, [$n, $left];
	}
	complain($page, $open->{line}, 'this block is never closed') if $open;
}

# A line without its first blanks, N at most. (In Perl 5.36, s/^ {0,0}// takes a blank off a line
# of UTF-8.)
sub unindent {
	my ($line, $n) = @_;
	my ($blanks) = $line =~ /^( *)/;
	return substr $line, length $blanks < $n ? length $blanks : $n;
}

sub check_attributes {
	my ($page, $block) = @_;
	my ($lang, $attr, $line) = @$block{qw(lang attr line)};
	if (!$known{$lang}) {
		complain($page, $line, "unknown language '$lang' (known: "
			. join(', ', grep { $_ ne '' } sort keys %known) . ')');
		return;
	}
	for my $name (sort keys %$attr) {
		next if grep { $_ eq $name } @{ $known{$lang} };
		my $names = join ', ', @{ $known{$lang} };
		complain($page, $line, "unknown attribute '$name' of this block (known: $names)");
	}
	for my $name (qw(terminal status limit)) {
		next if !defined $attr->{$name} || $attr->{$name} =~ /^\d+$/;
		complain($page, $line, "$name= takes a number, not '$attr->{$name}'");
	}
	if (defined $attr->{prompt} && $attr->{prompt} !~ /^[\$#]$/) {
		complain($page, $line, 'prompt= takes $ or #');
	}
	if ($lang eq 'c' && !$attr->{file} == !$attr->{example}) {
		complain($page, $line, 'a c block says file=NAME, what it is cut from, or example');
	}
}

# Whoever reads the page sees a block, and not what its first line says: which terminal is meant must
# stand in the text above, wherever another one than the first comes into play.
sub check_terminals {
	my ($page) = @_;
	my ($terminal, $after) = (1, 0);
	for my $block (grep { $_->{lang} eq 'console' } @{ $page->{blocks} }) {
		my $now = $block->{attr}{terminal} // 1;
		my @between = grep { $_->[0] > $after && $_->[0] < $block->{line} } @{ $page->{prose} };
		if ($now ne $terminal && $now ne '1' && !grep { $_->[1] =~ /terminal/i } @between) {
			complain($page, $block->{line}, "the text above does not say in which terminal");
		}
		($terminal, $after) = ($now, $block->{line});
	}
}

# commands(PAGE, BLOCKS): the commands that these blocks ask for, in the order in which they start.
#
# A command: { line, terminal, text, parts }. A part is a stretch of its expected output: { block,
# at (line where it begins), lines => [[LINE, TEXT], ...], how }, and `how` says what happens after
# it: 'end' (the command ends), 'interrupt' (^C is typed) or 'later' (it runs on, and a later block
# of this terminal shows the rest).
sub commands {
	my ($page, $blocks) = @_;
	my (@all, %last); # %last: terminal => its latest command
	for my $block (@$blocks) {
		my $terminal = $block->{attr}{terminal} // 1;
		my $prompt = quotemeta($block->{attr}{prompt} // '') || '[\$#]';
		my ($first, $continued, $now) = (1, 0, $last{$terminal});
		for (@{ $block->{body} }) {
			my ($n, $text) = @$_;
			if ($text =~ /^$prompt (.+)$/) {
				$now = { line => $n, terminal => $terminal, text => $1 };
				push @all, $last{$terminal} = $now;
				new_part($now, $block, $n + 1);
				$continued = 1;
			} elsif ($continued && ($text =~ s/^> ?// || $now->{text} =~ /\\$/)) {
				$now->{text} .= "\n$text";
				$now->{parts}[-1]{at} = $n + 1;
			} else {
				$continued = 0;
				if (!$now) {
					complain($page, $n, 'output, but no command runs here');
					last;
				}
				if ($first) {
					$now->{parts}[-1]{how} = 'later';
					new_part($now, $block, $n);
				}
				add_output($now, $block, $n, $text);
			}
			$first = 0;
		}
		complain($page, $block->{line}, 'this block is empty') if $first;
	}
	note_statuses(\@all);
	return \@all;
}

sub new_part {
	my ($command, $block, $at) = @_;
	push @{ $command->{parts} }, { block => $block, at => $at, lines => [], how => 'end' };
}

sub add_output {
	my ($command, $block, $n, $text) = @_;
	if ($text !~ /^\^C(.*)$/) {
		push @{ $command->{parts}[-1]{lines} }, [$n, $text];
		return;
	}
	my $rest = $1;
	$command->{parts}[-1]{how} = 'interrupt';
	new_part($command, $block, $n + 1);
	push @{ $command->{parts}[-1]{lines} }, [$n, $rest] if $rest =~ /\S/;
}

# Sets what exit status each command must have; undef is any.
sub note_statuses {
	my ($commands) = @_;
	my (%ends_block, %next);
	$ends_block{ $_->{parts}[-1]{block}{line} } = $_ for @$commands;
	for my $c (reverse @$commands) {
		my $after = $next{ $c->{terminal} };
		$next{ $c->{terminal} } = $c;
		my $block = $c->{parts}[-1]{block};
		$c->{status} = 0;
		$c->{status} = undef if $c->{text} =~ /^exit\b/
			|| grep { $_->{how} eq 'interrupt' } @{ $c->{parts} };
		$c->{status} = undef if $after && $after->{text} =~ /^echo .*\$\?/;
		if (defined $block->{attr}{status} && $ends_block{ $block->{line} } == $c) {
			$c->{status} = $block->{attr}{status};
		}
	}
}

1;
