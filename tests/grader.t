#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
# takes: 65
# time limit: 1800
#
# The exercises, proved by machine, for every lesson with worked answers:
#   - as a lesson comes, each of its exercises is not yet right;
#   - with the worked answers up to one, that one and all before it pass, and those after it do not
#     (but for what a line "Undoes: NAME" in the answer's opening paragraphs names), under three
#     seeds with gcc, and under the last of them with clang;
#   - each wrong answer (check/wrong/LESSON/*.patch) fails with the message that it expects; one with
#     a line "# by chance", as two have to meet for it, at the third try at the latest.
# With --quick: one seed, and one compiler. LAB_SEED repeats a run. LAB_LESSON is the beginning of
# the only lesson to look at.
#
# Two copies of the tree in memory are worked on side by side. They go through check.sh, as what
# people type does; only what differs from the state before is written and built.

use strict;
use warnings;
use Fcntl qw(:flock);
use File::Basename qw(basename);
use File::Path qw(make_path remove_tree);
use JSON::PP ();
use Time::HiRes qw(time);

my $tree = $ENV{LAB_TREE} or die "LAB_TREE is not set: run it with tests/run\n";
my $only = $ENV{LAB_LESSON} // '';
my $jobs = 2;
srand($ENV{LAB_SEED} // time);
my @seeds = map { sprintf '%04x', int rand 65536 } 1 .. ($ENV{LAB_QUICK} ? 1 : 3);
my $cmdline = do { local (@ARGV, $/) = '/proc/1/cmdline'; <> };
die "run it in a world of its own: tests/run $0\n" if $cmdline !~ /private\.sh\0--mounted/;

sub slurp { my ($file) = @_; open my $in, '<:raw', $file or return; local $/; return readline($in) // '' }

sub spew {
	my ($file, $text) = @_;
	open my $out, '>:raw', $file or die "$file: $!";
	print $out $text;
	close $out or die "$file: $!";
}

sub must { system(@_) == 0 or die "failed: @_\n" }

# ---- what a lesson has

sub lesson {
	my ($dir) = @_;
	my @steps;
	for my $patch (glob "$tree/$dir/solution/*.patch") {
		my ($n, $name) = $patch =~ m{/(\d+)-([\w-]+)\.patch$} or next;
		my ($why) = slurp($patch) =~ /\A(.*?)^--- /ms;
		push @steps, { number => $n, name => $name, patch => $patch, undoes => [($why // '') =~ /^Undoes: (.*)$/m ? split /[, ]+/, $1 : ()] };
	}
	@steps = sort { $a->{number} <=> $b->{number} } @steps;
	my %files = map { $_ => join ' ', slurp($_) =~ /^\+\+\+ (\S+)/mg } glob "$tree/check/wrong/$dir/*.patch";
	my @wrong = map { slurp($_) =~ /\A# expect ([\w-]+): *(.*)\n/ ? { name => "$1", text => "$2", patch => $_, tries => slurp($_) =~ /^# by chance$/m ? 3 : 1 } : () }
		sort { $files{$a} cmp $files{$b} || $a cmp $b } keys %files;    # one file after the other: less is built
	return { dir => $dir, steps => \@steps, wrong => \@wrong };
}

my @lessons = grep { @{ $_->{steps} } && index($_->{dir}, $only) == 0 }
	map { lesson(basename(s{/Makefile$}{}r)) } glob "$tree/*[0-9][0-9]-*/Makefile";

# ---- copies of the tree

my $room = '/run/prove';
mkdir $room or die "$room: $!";
must('mount', '-t', 'tmpfs', '-o', 'mode=755,size=1g', 'prove', $room);
mkdir "$room/results" or die;

sub copy_tree {    # NAME, argument for configure
	my ($name, @configure) = @_;
	my @parts = grep { -e } map { "$tree/$_" } qw(lab Makefile configure config.mk common headers check lib);
	mkdir "$room/$name" or die;
	must('cp', '-a', '--no-preserve=ownership', @parts, (map { "$tree/$_->{dir}" } @lessons), "$room/$name");
	restore("$room/$name", $_) for @lessons;
	mkdir "$room/$name/.lab";
	return if !@configure;    # BPF objects and the grader stay as they are
	must('sh', '-c', 'cd "$1" && shift && rm -rf common/.build common/liblab.o && ./configure -q "$@"',
		'sh', "$room/$name", @configure);
}

# The files of a lesson that a learner writes, as they are in git, or as they lie here without it.
my %came;

sub came {
	my ($lesson) = @_;
	return $came{ $lesson->{dir} } //= do {
		my %files = map { basename($_) => slurp($_) } grep { -f && -T && !/\.(?:o|ll|s)$|README\.md$/ } glob "$tree/$lesson->{dir}/*";
		\%files;
	};
}

# With the answers up to a step, and perhaps one more patch; and what was wrong with the patches.
sub state_of {
	my ($lesson, $steps, $more) = @_;
	my $dir = "$room/state.$$";
	make_path("$dir/$lesson->{dir}");
	my $came = came($lesson);
	spew("$dir/$lesson->{dir}/$_", $came->{$_}) for keys %$came;
	my $problem = '';
	for my $patch ((map { $_->{patch} } @{ $lesson->{steps} }[0 .. $steps - 1]), $more ? $more : ()) {
		my $said = qx(patch -f -F0 --no-backup-if-mismatch -p1 -d '$dir' -i '$patch' 2>&1);
		$problem .= basename($patch) . ": $said" if $?;
	}
	my %state = map { basename($_) => slurp($_) } grep { -f } glob "$dir/$lesson->{dir}/*";
	remove_tree($dir);
	return (\%state, $problem);
}

sub write_state {
	my ($copy, $lesson, $state) = @_;
	my $dir = "$copy/$lesson->{dir}";
	for my $name (keys %$state) {
		my $there = slurp("$dir/$name");
		spew("$dir/$name", $state->{$name}) if !defined $there || $there ne $state->{$name};
	}
	my $known = $lesson->{known} //= {};
	for my $name (keys %$known) {
		unlink "$dir/$name" if !exists $state->{$name};
	}
	$known->{$_} = 1 for keys %$state;
}

sub restore { write_state($_[0], $_[1], came($_[1])) }

# ---- grading

sub check {    # copy, lesson, exercise or '', argument...
	my ($copy, $lesson, $exercise, @more) = @_;
	my $pid = open(my $out, '-|') // die "fork: $!";
	if (!$pid) {
		open STDERR, '>&', \*STDOUT;
		open STDIN, '<', '/dev/null';
		exec "$copy/check/check.sh", $lesson->{dir}, ($exercise ne '' ? $exercise : ()), '--summary', @more;
		exit 127;
	}
	local $/;
	my $said = readline($out) // '';
	close $out;
	my %result = $said =~ /^summary\t\S+((?:\t\S+=\S+)*)$/m ? map { split /=/ } grep { length } split /\t/, $1 : ();
	return ($said, $? >> 8, \%result);
}

# As above; where the machine could not tell (it is busy), it is asked again.
sub check_again {
	my (@args) = @_;
	my @came;
	for (1 .. 3) {
		@came = check(@args);
		return @came if !grep { $_ eq 'lab' } values %{ $came[2] };
	}
	return @came;
}

my @results;    # of this group: [ok, name, what was said]

sub result { push @results, [@_] }

sub try_starter {
	my ($copy, $lesson) = @_;
	my ($state, $problem) = state_of($lesson, 0);
	write_state($copy, $lesson, $state);
	my ($said, undef, undef) = check_again($copy, $lesson, '', '--all', '--json', '--seed', $seeds[0]);
	my %json = map { $_->{exercise} => $_ } grep { $_->{exercise} } map { eval { JSON::PP::decode_json($_) } || () } split /\n/, $said;
	for my $step (@{ $lesson->{steps} }) {
		my $one = $json{ $step->{name} } // {};
		my $ok = ($one->{result} // '') eq 'not yet' && length($one->{came} // '') && length($one->{expected} || $one->{said} || '');
		result($ok, "$lesson->{dir} as it comes: $step->{name} is not yet right, and it says why", $said);
	}
}

sub try_steps {    # all exercises, in each state
	my ($copy, $lesson) = @_;
	my $count = @{ $lesson->{steps} };
	my %undone;
	for my $n (1 .. $count) {
		my $step = $lesson->{steps}[$n - 1];
		my ($state, $problem) = state_of($lesson, $n);
		$undone{$_} = 1 for @{ $step->{undoes} };
		write_state($copy, $lesson, $state);
		my ($said, undef, $came) = check_again($copy, $lesson, '', '--all', '--seed', $seeds[0]);
		my @wrong = grep { my $one = $lesson->{steps}[$_ - 1]{name}; !$undone{$one} && ($came->{$one} // '') ne ($_ <= $n ? 'passed' : 'failed') } 1 .. $count;
		result(!@wrong && $problem eq '', "$lesson->{dir} with the answers up to $step->{name}: these pass, and no others (seed $seeds[0])",
			$problem . join('', map { my $one = $lesson->{steps}[$_ - 1]{name}; "$one: " . ($came->{$one} // 'nothing') . "\n" } @wrong) . $said);
		try_seeds($copy, $lesson, $step, 'gcc', @seeds[1 .. $#seeds]);
	}
}

sub try_seeds {    # the exercise of this state
	my ($copy, $lesson, $step, $compiler, @with) = @_;
	for my $seed (@with) {
		my ($said, $status) = check_again($copy, $lesson, $step->{name}, '--seed', $seed);
		result($status == 0, "$lesson->{dir} $step->{name}: the worked answer passes ($compiler, seed $seed)", $said);
	}
}

sub try_clang {
	my ($copy, $lesson) = @_;
	for my $n (1 .. @{ $lesson->{steps} }) {
		my ($state) = state_of($lesson, $n);
		write_state($copy, $lesson, $state);
		try_seeds($copy, $lesson, $lesson->{steps}[$n - 1], 'clang', $seeds[-1]);
	}
}

sub try_wrong {
	my ($copy, $lesson, @wrong) = @_;
	my %number = map { $lesson->{steps}[$_]{name} => $_ + 1 } 0 .. $#{ $lesson->{steps} };
	for my $wrong (@wrong) {
		my $name = "$lesson->{dir} $wrong->{name}: " . basename($wrong->{patch}, '.patch') . " is caught: $wrong->{text}";
		my $n = $number{ $wrong->{name} } or do { result(0, $name, 'there is no such exercise'); next };
		my ($state, $problem) = state_of($lesson, $n, $wrong->{patch});
		write_state($copy, $lesson, $state);
		my ($said, $came);
		for (1 .. $wrong->{tries}) {
			($said, undef, $came) = check_again($copy, $lesson, $wrong->{name}, '--seed', $seeds[0]);
			last if ($came->{ $wrong->{name} } // '') ne 'passed';
		}
		my ($words, @texts) = map { s/\s+/ /gr } $said, split / \| /, $wrong->{text};    # long lines are wrapped
		my $caught = ($came->{ $wrong->{name} } // '') eq 'failed' && grep { index($words, $_) >= 0 } @texts;
		result($problem eq '' && $caught, $name, $problem . $said);
	}
}

# ---- all of it, side by side

my @groups;
for my $lesson (@lessons) {
	my @by_step = map { my $step = $_; [grep { $_->{name} eq $step->{name} } @{ $lesson->{wrong} }] } @{ $lesson->{steps} };
	my %there = map { $_->{name} => 1 } @{ $lesson->{steps} };
	push @groups, ['gcc', sub { try_starter($_[0], $lesson); try_steps($_[0], $lesson) }];
	for my $wrong (@by_step, [grep { !$there{ $_->{name} } } @{ $lesson->{wrong} }]) {
		push @groups, ['gcc', sub { try_wrong($_[0], $lesson, @$wrong) }] if @$wrong;
	}
	next if $ENV{LAB_QUICK};
	push @groups, ['clang', sub { try_clang($_[0], $lesson) }];
}

if (!@groups) {
	print "not ok 1 - there is something to prove\n1..1\n";
	exit 1;
}
must('make', '-s', '-C', "$tree/check");

my %has;    # worker and compiler => its copy

sub work {    # takes groups until none is left
	my ($worker) = @_;
	while (1) {
		open my $next, '+<', "$room/next" or die;
		flock $next, LOCK_EX;
		my $n = readline($next) + 0;
		seek $next, 0, 0;
		print $next $n + 1, "\n";
		close $next;
		last if $n >= @groups;
		my ($compiler, $try) = @{ $groups[$n] };
		my $name = "$compiler.$worker";
		$has{$name}++ or copy_tree($name, $compiler eq 'clang' ? 'CC=clang' : ());
		@results = ();
		$try->("$room/$name");
		spew("$room/results/.$n", JSON::PP::encode_json(\@results));
		rename "$room/results/.$n", "$room/results/$n";
	}
}

$| = 1;
spew("$room/next", "0\n");
my @workers = map { my $n = $_; my $pid = fork // die; if (!$pid) { work($n); exit 0 } $pid } 1 .. $jobs;
my ($number, $failed) = (0, 0);
for my $n (0 .. $#groups) {
	my $alive = 1;
	while (!-e "$room/results/$n") {
		last if !$alive;
		$alive = grep { kill 0, $_ } @workers;
		select undef, undef, undef, 0.1;
		@workers = grep { waitpid($_, 1) == 0 } @workers;
	}
	my $got = -e "$room/results/$n" ? JSON::PP::decode_json(slurp("$room/results/$n")) : [[0, 'a worker has died', '']];
	for (@$got) {
		my ($ok, $name, $said) = @$_;
		printf "%sok %d - %s\n", $ok ? '' : 'not ', ++$number, $name =~ s/#/\\#/gr;
		print map { "# $_\n" } split /\n/, $said if !$ok;
		$failed++ if !$ok;
	}
}
waitpid $_, 0 for @workers;
print "1..$number\n";
exit($failed ? 1 : 0);
