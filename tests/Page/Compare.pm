# SPDX-License-Identifier: GPL-2.0-only
#
# Compares what a page shows with what came. What differs from run to run (ids, times, ...) is found
# by the list of patterns; everything else must be equal.

package Page::Compare;

use strict;
use warnings;
use utf8;

# A found value is replaced by one private character that says its kind and its place in the line.
use constant {
	FIRST => 0xF0000,
	ROOM  => 1000, # values of one kind in a line
	ANY   => '…',
};

# new(FILE): reads the patterns. Each is a kind and a regular expression, whose groups are the
# values. `=kind` also says that within a page, one value stands for one value; `#kind` that the
# values are numbers, and the same number, however it is written.
sub new {
	my ($class, $file) = @_;
	my $self = { number => {}, steady => {}, numeric => {}, patterns => [], seen => {}, back => {} };
	open my $fh, '<:encoding(UTF-8)', $file or die "cannot read $file: $!\n";
	while (my $line = <$fh>) {
		chomp $line;
		next if $line =~ /^\s*(#[^a-z]|#?$)/;
		$line =~ /^([=#]?)([a-z]+)\s+(\S.*)$/ or die "$file:$.: not 'kind regex'\n";
		my ($sign, $kind) = ($1, $2);
		my $regex = eval { qr/$3/ } or die "$file:$.: $@";
		$self->{number}{$kind} //= keys %{ $self->{number} };
		$self->{steady}{$kind} = 1 if $sign eq '=';
		$self->{numeric}{$kind} = 1 if $sign eq '#';
		push @{ $self->{patterns} }, [$kind, $regex];
	}
	return bless $self, $class;
}

# The first of the characters that stand for values of a kind.
sub first {
	my ($self, $kind) = @_;
	return FIRST + $self->{number}{$kind} * ROOM;
}

# mask(LINE): the line with a private character for each value, and { CHARACTER => [KIND, VALUE] }.
sub mask {
	my ($self, $line) = @_;
	1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (8 - length($1) % 8)/e;
	$line =~ s/\s+$//;
	my (%value, %count);
	for (@{ $self->{patterns} }) {
		my ($kind, $regex) = @$_;
		my $from = 0;
		while (pos($line) = $from, $line =~ /$regex/g) {
			my @spans = map { [$-[$_], $+[$_]] }
				grep { defined $-[$_] && $-[$_] < $+[$_] } 1 .. $#-;
			my $end = $+[0] == $-[0] ? $+[0] + 1 : $+[0];
			for my $span (reverse @spans) { # from the right: the others stay in place
				my $char = chr $self->first($kind) + $count{$kind}++;
				my $length = $span->[1] - $span->[0];
				$value{$char} = [$kind, substr $line, $span->[0], $length, $char];
				$end += 1 - $length;
			}
			$from = $end;
			last if $from > length $line;
		}
	}
	return ($line, \%value);
}

# A line of the page, made ready: { any } or { regex, values, squeeze }.
sub expected {
	my ($self, $text) = @_;
	return { any => 1, text => $text } if $text =~ /^\s*…\s*$/;
	my ($line, $value) = $self->mask($text);
	my $squeeze = %$value || index($line, ANY) >= 0;
	$line =~ s/ {2,}/ /g if $squeeze;
	my ($regex, @values) = ('');
	for my $char (split //, $line) {
		if ($value->{$char}) {
			my $first = $self->first($value->{$char}[0]);
			$regex .= sprintf '([\x{%x}-\x{%x}])', $first, $first + ROOM - 1;
			push @values, $value->{$char};
		} else {
			$regex .= $char eq ANY ? '.*' : quotemeta $char;
		}
	}
	return { text => $text, regex => qr/^$regex$/, values => \@values, squeeze => $squeeze };
}

sub came {
	my ($self, $text) = @_;
	my ($line, $values) = $self->mask($text);
	(my $squeezed = $line) =~ s/ {2,}/ /g;
	return { text => $text, line => $line, squeezed => $squeezed, values => $values };
}

# The values that this pair of lines puts side by side, as [KIND, PAGE'S, CAME]; undef: they differ.
sub pairs {
	my ($self, $want, $got) = @_;
	my $line = $want->{squeeze} ? $got->{squeezed} : $got->{line};
	my @chars = $line =~ $want->{regex} or return;
	my $n = 0;
	return [map { [@$_, $got->{values}{ $chars[$n++] }[1]] } @{ $want->{values} }];
}

sub number {
	my ($sign, $digits) = $_[0] =~ /^(-?)(.*)$/;
	my $value = $digits =~ /^0x/ ? hex $digits : $digits;
	return $sign ? -$value : $value;
}

# Why this value cannot stand for that one, or ''.
sub conflict {
	my ($self, $kind, $want, $got) = @_;
	return number($want) == number($got) ? '' : "$kind $want of the page is $got here"
		if $self->{numeric}{$kind};
	return '' if !$self->{steady}{$kind};
	my ($seen, $back) = ($self->{seen}{$kind}{$want}, $self->{back}{$kind}{$got});
	return "$kind $want of the page was $seen before, and is $got here"
		if defined $seen && $seen ne $got;
	return "$got was $kind $back on the page before, and is $want here"
		if defined $back && $back ne $want;
	return '';
}

sub equal {
	my ($self, $want, $got) = @_;
	my $pairs = $self->pairs($want, $got) or return 0;
	return !grep { $self->conflict(@$_) } @$pairs;
}

# Remembers which value of the page stands for which value of the run; returns the first conflict.
sub learn {
	my ($self, $want, $got) = @_;
	for (@{ $self->pairs($want, $got) // [] }) {
		my ($kind, $page, $came) = @$_;
		next if !$self->{steady}{$kind};
		my $why = $self->conflict(@$_);
		return $why if $why;
		$self->{seen}{$kind}{$page} = $came;
		$self->{back}{$kind}{$came} = $page;
	}
	return '';
}

# Why two lines differ, where only a value keeps them apart.
sub why {
	my ($self, $want, $got) = @_;
	my ($why) = grep { $_ } map { $self->conflict(@$_) } @{ $self->pairs($want, $got) // [] };
	return $why;
}

# What to type for a command of the page: the ids that it names are those of this run.
sub typed {
	my ($self, $text) = @_;
	return $self->translate($text, sub {
		my ($kind, $page) = @_;
		return $self->{seen}{$kind}{$page};
	});
}

# A line that came, as the page should show it: with the page's ids, or new ones.
sub shown {
	my ($self, $text) = @_;
	return $self->translate($text, sub {
		my ($kind, $came) = @_;
		my $page = $self->{back}{$kind}{$came};
		return $page if defined $page || $came !~ /^\d+$/;
		$page = $came;
		$page++ while exists $self->{seen}{$kind}{$page};
		$self->{seen}{$kind}{$page} = $came;
		return $self->{back}{$kind}{$came} = $page;
	});
}

# Replaces the steady values of a text, line by line, by what SUB says of them.
sub translate {
	my ($self, $text, $sub) = @_;
	return join "\n", map {
		my ($line, $value) = $self->mask($_);
		if (grep { $self->{steady}{ $_->[0] } } values %$value) {
			my $new = sub {
				my ($kind, $old) = @{ $value->{ $_[0] } };
				return $self->{steady}{$kind} ? $sub->($kind, $old) // $old : $old;
			};
			$line =~ s/([\x{F0000}-\x{FFFFD}])/$new->($1)/ge;
			$line;
		} else {
			$_;
		}
	} split /\n/, $text;
}

# align(WANT, GOT): the cheapest way to make one of the other, as [OP, WANT or undef, GOT or undef]
# with OP one of = (equal), ~ (changed), - (missing), + (extra), '.' (covered by a line …, or that
# line itself, then GOT is undef); and how many lines differ.
sub align {
	my ($self, $want, $got) = @_;
	my ($n, $m) = (scalar @$want, scalar @$got);
	my (@cost, @op);
	$cost[$n][$_] = $m - $_, $op[$n][$_] = '+' for 0 .. $m;
	for my $i (reverse 0 .. $n - 1) {
		my $w = $want->[$i];
		for my $j (reverse 0 .. $m) {
			my @ways = [$w->{any} ? '.' : '-', !$w->{any} + $cost[$i + 1][$j]];
			if ($j < $m && $w->{any}) {
				unshift @ways, ['>', $cost[$i][$j + 1]];
			} elsif ($j < $m) {
				my $same = $self->equal($w, $got->[$j]);
				unshift @ways, [$same ? '=' : '~', $cost[$i + 1][$j + 1] + !$same];
				push @ways, ['+', 1 + $cost[$i][$j + 1]];
			}
			my ($best) = sort { $a->[1] <=> $b->[1] } @ways; # the first of the cheapest
			($op[$i][$j], $cost[$i][$j]) = @$best;
		}
	}
	return (path_of($want, $got, \@op), $cost[0][0]);
}

sub path_of {
	my ($want, $got, $op) = @_;
	my ($i, $j, @path) = (0, 0);
	while ($i < @$want || $j < @$got) {
		my $o = $op->[$i][$j];
		if ($o eq '+' || $o eq '>') {
			push @path, [$o eq '+' ? '+' : '.', undef, $got->[$j++]];
		} elsif ($o eq '-' || $o eq '.') {
			push @path, [$o, $want->[$i++], undef];
		} else {
			push @path, [$o, $want->[$i++], $got->[$j++]];
		}
	}
	return \@path;
}

# begins(WANT, GOT): 'yes' when GOT begins with all of WANT, 'no' when it never can, else 'maybe'.
sub begins {
	my ($self, $want, $got) = @_;
	my %at = (0 => 1); # how many lines of WANT may have been used up
	for my $line (undef, @$got) {
		my %next;
		for my $i (keys %at) {
			if (!defined $line) {
				$next{$i} = 1;
			} elsif ($i < @$want && $want->[$i]{any}) {
				$next{$i} = 1;
			} elsif ($i < @$want && $self->equal($want->[$i], $line)) {
				$next{$i + 1} = 1;
			}
		}
		for my $i (sort { $a <=> $b } keys %next) { # a line … may stand for none
			my $k = $i;
			$next{++$k} = 1 while $k < @$want && $want->[$k]{any};
		}
		return 'yes' if $next{ scalar @$want };
		return 'no' if !%next;
		%at = %next;
	}
	return 'maybe';
}

1;
