#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
# once: the same shell scripts there
#
# A random walk through the front door: edits of all kinds, reset, solution, undo and check, some of
# them killed, some two at once, in a small tree (front/make_tree). Whatever comes: no text of a
# learner's is lost, undo brings back just what was there, what has passed stays passed, and nothing
# is left. The seed is printed; LAB_SEED=SEED LAB_STEPS=N repeats a walk.

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use File::Find  ();
use File::Temp  ();
use POSIX       qw(setsid);
use Test::More;
use Time::HiRes qw(sleep time);

die "run it with tests/run\n" if !$ENV{LAB_TREE};
my $seed    = srand($ENV{LAB_SEED} // int rand 2**31);
my $tree    = File::Temp->newdir('/run/walk.XXXX');
my @lessons = qw(one01-alpha two02-beta);
my @names   = ('answer.c', 'answer.c', qw(text.txt Makefile mine mine/deep -x .y), "a\nb");
my $theirs  = rand() < .5;    # as root in the tree of another
my ($step, @log, %bad, %passed, %attic) = (0);    # $attic{NUMBER}: [lesson, what was in it]

sub pick { $_[int rand @_] }

sub slurp {
	my ($path) = @_;
	open my $file, '<', $path or return '';
	return join '', <$file>;
}

sub put {
	my ($how, $path, $text) = @_;
	open my $file, $how, $path or return; # it may be a directory
	print $file $text;
}

# Of a lesson, or of a copy: what a person may write, each path with its mode and contents.
sub seen {
	my ($dir) = @_;
	my %seen;
	my $look = sub {
		return if -d && !-l || m{^\Q$dir\E/(solution|README\.md$)|\.o$};
		my $mode = (lstat)[2] & 07777;
		$seen{ substr $_, 1 + length $dir } = -l ? readlink : sprintf '%o %s', $mode, md5_hex(slurp($_));
	};
	File::Find::find({ no_chdir => 1, wanted => $look }, $dir) if -d $dir;
	return \%seen;
}

sub wrong {
	my ($what, $why) = @_;
	push @{ $bad{$what} }, "step $step: $why", map { "    $_" } @log;
}

sub own { system 'chown', '-hR', '65534:65534', $tree if $theirs }

sub edit {
	my ($lesson, $name) = (pick(@lessons), pick(@names));
	my $path = "$lesson/$name";
	my %ways = (
		write   => sub { put('>', $path, pick('', "$step\r\n", "x$step" x 9999)) },
		answer  => sub { put('>', $path, 'int answer = ' . int(rand 4) . ";\n") },
		append  => sub { put('>>', $path, "more $step\n") },
		link    => sub { symlink pick('/nowhere', '..', '/run', 'text.txt'), $path },
		dir     => sub { mkdir $path and put('>', "$path/in", "in $step") },
		mode    => sub { chmod pick(0755, 0644), $path if -f $path && !-l $path },
		nothing => sub { system 'rm', '-rf', $name eq '.y' ? $lesson : $path },
	);
	my $way = pick('answer', 'answer', sort keys %ways);
	mkdir $_ for $lesson, $name =~ m{/} ? "$lesson/mine" : ();
	system 'rm', '-rf', $path if $way =~ /^(link|dir)$/ || -l $path;
	$ways{$way}->();
	own();
	push @log, "$step: $way $lesson/$name";
}

sub start {    # a command, in a process group of its own
	my ($words, $out) = @_;
	my $pid = fork // die "fork: $!\n";
	return $pid if $pid || setsid() < 0;
	exec "exec timeout -s KILL 60 ./lab $words >$out 2>&1 </dev/null" or die;
}

sub look_after {    # all that has to hold, whatever has happened
	my ($before, $killed) = @_;
	for my $lesson (@lessons) {
		my @places = map { seen($_) } $lesson, glob ".lab/attic/*-$lesson-*";
		while (my ($path, $what) = each %{ $before->{$lesson} }) {
			wrong('lost', "$lesson/$path") if !grep { ($_->{$path} // '') eq $what } @places;
		}
	}
	my @lines = split /\n/, slurp('.lab/progress');
	my %now = map { /^(\S+) passed [\d: -]+$/ ? ($1 => 1) : () } @lines;
	wrong('progress', "@lines") if @lines != keys %now || grep { !$now{$_} } keys %passed;
	%passed = %now;
	return system "rm -rf .lab/work.* $ENV{TMPDIR}/*" if $killed;
	wrong('left', $_) for grep { -e } glob ".lab/work.* $ENV{TMPDIR}/*";
	wrong('left', "root's: $_") for $theirs ? qx(find . -user root) : ();
}

sub command {
	my ($lesson) = my ($word) = pick(@lessons);
	my $words = pick("reset $word", "undo", "undo $word", 'undo ' . (1 + int rand 4), 'check --all',
		"check $word", "hint $word", "solution $word " . pick('bytes', 'mood') . ' --apply');
	my $signal = rand() < .25 && pick(qw(INT TERM KILL));
	my $two    = rand() < .15;
	my %before = map { $_ => seen($_) } @lessons;
	my %old    = map { m{/(\d+)-(.*)-\w+$} ? ($1 => $2) : () } glob ".lab/attic/*";
	my @pids   = map { start($words, "/run/walk.$_") } 0 .. $two;
	sleep rand .1 if $signal;
	kill $signal, map { -$_ } $signal ? @pids : ();
	my @status = map { waitpid $_, 0; $? & 127 ? 128 + ($? & 127) : $? >> 8 } @pids;
	for (map { ($_) x 1000 } $signal ? @pids : ()) { kill 0, -$_ and sleep .01 }
	wrong('left', 'a process') if grep { kill 0, -$_ } @pids;
	my $said = join ' | ', split /\n/, slurp('/run/walk.0');
	push @log, join ' ', "$step: $words", $two ? 'two' : (), $signal || (), "-> @status $said";
	m{/(\d+)-(.*)-} && !$old{$1} and $attic{$1} = !$two && [$2, $before{$2}] for glob '.lab/attic/*';
	look_after(\%before, $signal);
	return if $signal || $two;
	wrong('status', $log[-1]) if $status[0] > 2 || $said =~ /: line \d+: |as a whole/;
	return if $said !~ /is what it was|is just that/ || $words !~ /^undo ?(\d*)/;
	my @numbers = $1 || reverse sort { $a <=> $b } grep { $words eq 'undo' || $old{$_} eq $word } keys %old;
	my ($of, $was, $is) = @{ $attic{ $numbers[0] } || return };
	$is = seen($of);
	wrong('undo', "$numbers[0]: $_") for grep { ($was->{$_} // '') ne ($is->{$_} // '') } %$was, %$is;
}

system("$ENV{LAB_TREE}/tests/front/make_tree", $tree) == 0 or BAIL_OUT('no tree');
chdir $tree or die;
mkdir $ENV{TMPDIR} = "$tree/.tmp";
chmod 0777, $tree, $ENV{TMPDIR};
$ENV{LAB_LOCK} = "$tree/.lab/lock";
system './lab >/dev/null';
own();
my $end = time + 4;
while ($ENV{LAB_STEPS} ? $step < $ENV{LAB_STEPS} : $step < 20 || time < $end) {
	$step++;
	rand() < .5 ? edit() : command();
	splice @log, 0, -5; # the last five tell what went before
}
my %promises = (lost => 'nothing is lost', undo => 'undo brings back just what was there',
	progress => 'what has passed stays passed', left => 'nothing is left', status => 'each ends well');
is(join("\n", @{ $bad{$_} // [] }), '', "$promises{$_} (LAB_SEED=$seed LAB_STEPS=$step)")
	for sort keys %promises;
chdir '/';
done_testing;
