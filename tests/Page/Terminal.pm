# SPDX-License-Identifier: GPL-2.0-only
#
# A terminal with an interactive bash in it, and somebody who types.
#
# Before each prompt bash prints a mark with its exit status and process ID, so that we know when a
# command has ended, and in which shell we are. The mark is in PROMPT_COMMAND, which a shell inside
# the shell inherits.

package Page::Terminal;

use strict;
use warnings;
use utf8;
use Encode qw(decode);
use Fcntl;
use POSIX ();
use Time::HiRes qw(time);

use constant {
	TIOCSPTLCK => 0x40045431,
	TIOCGPTN   => 0x80045430,
	MARK       => qr/\x01(\d+);(\d+)\x02/,
	QUIET      => 0.3, # seconds without output: a program that runs on has settled
	SETTLE     => 2,   # do not wait longer than this for it
};

my @terminals;

# new(DIRECTORY, ENVIRONMENT, PLAIN): starts bash there, as a plain user if PLAIN; wait_prompt() says
# when it is ready.
sub new {
	my ($class, $directory, $environment, $plain) = @_;
	sysopen my $master, '/dev/ptmx', O_RDWR | O_NOCTTY or die "cannot open /dev/ptmx: $!\n";
	my ($unlock, $number) = (pack('i', 0)) x 2;
	ioctl $master, TIOCSPTLCK, $unlock or die "cannot unlock the terminal: $!\n";
	ioctl $master, TIOCGPTN, $number or die "cannot find the terminal: $!\n";
	my $name = '/dev/pts/' . unpack 'i', $number;
	my $pid = fork // die "fork: $!\n";
	if (!$pid) {
		POSIX::setsid();
		close $master;
		eval { run_bash($name, $directory, $environment, $plain) };
		print STDERR $@;
		POSIX::_exit(127);
	}
	my $self = bless { fh => $master, pid => $pid, raw => '', text => '', at => time }, $class;
	push @terminals, $self;
	return $self;
}

sub run_bash {
	my ($name, $directory, $environment, $plain) = @_;
	# The first terminal that a new session opens is its controlling terminal.
	sysopen my $slave, $name, O_RDWR or die "cannot open $name: $!\n";
	POSIX::dup2(fileno $slave, $_) for 0 .. 2;
	chdir $directory or die "cannot go to $directory: $!\n";
	system 'stty', qw(-echo noflsh cols 100 rows 50);
	%ENV = (%$environment, PROMPT_COMMAND => 'printf "\001%s;%s\002" $? $$; PS1= PS2=');
	# What a shell started in the background has these ignored, and would pass that on.
	$SIG{$_} = 'DEFAULT' for qw(INT QUIT HUP);
	my @as = $plain ? qw(setpriv --reuid 65534 --regid 65534 --clear-groups) : ();
	chown 65534, -1, $name if $plain;
	exec @as, qw(bash --noprofile --norc --noediting -i) or die "cannot run bash: $!\n";
}

# Reads what all terminals print, for SECONDS at most; false when nothing came.
sub listen_all {
	my ($seconds) = @_;
	my $bits = '';
	vec($bits, fileno $_->{fh}, 1) = 1 for grep { !$_->{closed} } @terminals;
	return 0 if $bits !~ /[^\0]/ || select($bits, undef, undef, $seconds) <= 0;
	for my $t (@terminals) {
		next if $t->{closed} || !vec $bits, fileno $t->{fh}, 1;
		if (sysread $t->{fh}, $t->{raw}, 65536, length $t->{raw}) {
			$t->{at} = time;
			$t->take_marks;
		} else {
			$t->{closed} = 1;
			waitpid $t->{pid}, 0;
		}
	}
	return 1;
}

sub take_marks {
	my ($self) = @_;
	while ($self->{raw} =~ s/^(.*?)${\MARK}//s) {
		$self->{text} .= $1;
		$self->{prompt} = { status => $2, shell => $3 };
	}
}

# Types a command. What comes from here on is its output.
sub type {
	my ($self, $text) = @_;
	1 while listen_all(0);
	$self->{text} = '';
	delete $self->{prompt};
	$self->send("$text\n");
}

sub send {
	my ($self, $text) = @_;
	utf8::encode($text);
	while (length $text) {
		my $n = syswrite $self->{fh}, $text or last;
		substr $text, 0, $n, '';
	}
}

# Types ^C, which the terminal would show on a line of its own.
sub interrupt {
	my ($self) = @_;
	1 while listen_all(0);
	$self->{text} .= $self->{raw};
	$self->{raw} = '';
	$self->{text} .= "\n" if $self->{text} =~ /[^\n]\z/;
	$self->{text} .= "^C\x03"; # \x03: see lines()
	$self->send("\x03");
}

# The lines that the command printed so far.
sub lines {
	my ($self) = @_;
	my $text = decode('UTF-8', "$self->{text}$self->{raw}");
	$text =~ s/\x01[^\x02]*\z//;            # a mark that is not here in full
	$text =~ s/\e\[[0-9;?]*[ -\/]*[@-~]//g; # colours and the like
	$text =~ s/\e\][^\a]*\a//g;
	$text =~ s/\r+\n/\n/g;
	$text =~ s/\^C\x03\n?/^C\n/g; # many programs end the line of the ^C, others do not
	$text =~ s/^[^\n]*\r(?=[^\n])//mg; # overwritten
	$text =~ s/[\a\x00]//g;
	return split /\n/, $text;
}

# Those of them that are complete; an unfinished one counts when nothing follows it for a while.
sub whole_lines {
	my ($self) = @_;
	my @lines = $self->lines;
	pop @lines if "$self->{text}$self->{raw}" =~ /[^\n]\z/ && time - $self->{at} < QUIET;
	return @lines;
}

# Waits until DONE->() is true; 'done', 'late' after SECONDS, or 'closed'.
sub wait_for {
	my ($self, $seconds, $done) = @_;
	my $end = time + $seconds;
	while (!$done->()) {
		return 'closed' if $self->{closed};
		my $left = $end - time;
		return 'late' if $left <= 0;
		listen_all($left < 0.2 ? $left : 0.2);
	}
	return 'done';
}

sub wait_prompt {
	my ($self, $seconds) = @_;
	return $self->wait_for($seconds, sub { $self->{prompt} });
}

# A program that runs on: waits until it has said what it has to say for now.
sub settle {
	my ($self) = @_;
	my $since = time;
	$self->wait_for(SETTLE, sub {
		my $from = $self->{at} > $since ? $self->{at} : $since;
		return $self->{prompt} || time - $from >= QUIET;
	});
}

1;
