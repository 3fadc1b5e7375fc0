#!/usr/bin/env perl
# SPDX-License-Identifier: GPL-2.0-only
# takes: 20
# once: it is about tests/pages
#
# tests/pages itself: a right page passes, and each kind of wrong page does not.
# time limit: 240

use strict;
use warnings;
use utf8;
use Encode qw(encode decode);
use File::Temp qw(tempdir);
use FindBin qw($RealBin);
use Test::More;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output todo_output);

my $dir = tempdir(CLEANUP => 1);

sub write_file {
	my ($name, $text) = @_;
	open my $fh, '>:encoding(UTF-8)', "$dir/$name" or die "$name: $!\n";
	print $fh $text;
	close $fh or die "$name: $!\n";
}

sub read_file {
	my ($name) = @_;
	open my $fh, '<:encoding(UTF-8)', "$dir/$name" or die "$name: $!\n";
	local $/;
	return scalar <$fh>;
}

# Runs a page; a ' before each fence keeps it apart from those of this file.
sub run_page {
	my ($text, @options) = @_;
	$text =~ s/^'```/```/mg;
	write_file('page.md', $text) if $text ne '';
	my $out = qx('$RealBin/pages' @options '$dir/page.md' 2>&1);
	return ($? >> 8, decode('UTF-8', $out));
}

sub passes {
	my ($name, $text, @options) = @_;
	my ($status, $out) = run_page($text, @options);
	ok($status == 0 && $out !~ /^not ok/m, $name) or diag $out;
	return $out;
}

# SAYS: what the report must say.
sub fails {
	my ($name, $text, $says, @options) = @_;
	my ($status, $out) = run_page($text, @options);
	ok($status == 1 && $out =~ /^not ok/m && $out =~ $says, $name)
		or diag "status $status\n$out";
	return $out;
}

sub console {
	my ($text, $info) = @_;
	my $above = ($info // '') =~ /^terminal=/ ? "In the second terminal:\n\n" : '';
	return "$above```console" . ($info ? " $info" : '') . "\n$text```\n";
}

# --- a right page ---

passes('a right page passes', console("\$ printf 'one\\ntwo\\n'\none\ntwo\n# id -u\n0\n"));
passes('stderr comes in its place', console("\$ echo a; echo b >&2; echo c\na\nb\nc\n"));
passes('indented output, in a block in a list',
	"- x\n\n  ```console\n  \$ echo '    x'\n      x\n  ```\n");
passes('blank lines at the end do not count',
	console("\$ printf 'a\\n\\n'\na\n\$ echo b\nb\n\n\n"));
passes('directory, variables, functions and aliases carry over, from block to block',
	console("\$ cd /tmp; v=1; f() { echo F; }; eval \$(echo alias t=\\'echo T\\')\n"
		. "\$ t \$v\nT 1\n")
	. "text\n" . console("\$ f; pwd\nF\n/tmp\n"));
passes('a command over several lines',
	console("\$ cat <<E\n> a \$HOME\n> E\na /home/you\n\$ echo x \\\n  y\nx y\n"));
passes('blocks of other languages are not run',
	"```text\n\$ false\n```\n```sh\nfalse\n```\n```\n\$ false\n```\n");
passes('what stands in a comment is not run', "<!--\n" . console("\$ false\n") . "-->\n");
passes('other output may look like a root command', console("\$ echo '# x'\n# x\n", 'prompt=$'));
passes('colours and carriage returns are not compared',
	console("\$ printf '\\033[31mred\\033[0m\\n50%%\\r100%%\\n'\nred\n100%\n"));
passes('sudo runs its command', console("\$ sudo -E id -u\n0\n\$ sudo A=b printenv A\nb\n"));
passes('the commands have a terminal', console("\$ test -t 0 && test -t 1 && tput cols\n100\n"));

# --- releases of a tool that say one thing differently ---

passes('a number in hexadecimal is the same number',
	console("\$ printf '       5:\\tif r2 s> 0x12 goto +0x27 <L>\\n       6:\\tr2 += -0x4\\n'\n"
		. "       5:\tif r2 s> 18 goto +39 <L>\n       6:\tr2 += -4\n"));
fails('another number is not', console("\$ echo '       0: r0 = 0x1'\n       0: r0 = 2\n"),
	qr/number 2 of the page is 0x1 here/);
fails('nor the same one with another sign', console("\$ echo '     0: r0 = -0x2'\n     0: r0 = 2\n"),
	qr/number 2 of the page is -0x2 here/);
passes("a type's maps, as bpftool lists them in any order",
	console("\$ echo '31: name <anon>  size 835B  prog_ids 24  map_ids 9,11'\n"
		. "30: name <anon>  size 835B  prog_ids 24  map_ids 8,7\n"));
passes('ping with a blank before the address, and without',
	console("\$ echo 'PING ::1 (::1) 56 data bytes'\nPING ::1(::1) 56 data bytes\n"));
fails('ping of another address',
	console("\$ echo 'PING ::1 (::2) 56 data bytes'\nPING ::1(::1) 56 data bytes\n"), qr/\+ PING/);

# --- what turns it red ---

my $three = "\$ printf 'one\\ntwo\\nthree\\n'\n";
my $said = fails('a changed word', console("${three}one\n2\nthree\n"), qr/- 2\n#\s+\+ two\n/);
like($said, qr/^not ok \d+ - page\.md:2: printf/m, 'the report names page, line and command');
fails('a missing line', console("${three}one\nthree\n"), qr/one\n#\s+\+ two\n#\s+three/);
fails('an extra line', console("${three}one\ntwo\nmore\nthree\n"), qr/two\n#\s+- more\n#\s+three/);
fails('a missing line at the end', console("${three}one\ntwo\n"), qr/\+ three/);
fails('an extra line at the end', console("${three}one\ntwo\nthree\nfour\n"), qr/- four/);
fails('no output at all', console("\$ true\nsomething\n"), qr/- something/);
fails('output that the page does not show', console("\$ echo a\n"), qr/\+ a/);
fails('another indentation', console("\$ echo '  a'\n a\n"), qr/-  a/);
fails('a wrong exit status', console("\$ false\n\$ true\n"), qr/exit status 1, not 0/);
fails('success where a failure is shown', console("\$ true\n", 'status=1'),
	qr/exit status 0, not 1/);
fails('a command that hangs', console("\$ sleep 1000\n", 'limit=1'), qr/still running after 1 s/);
fails('a shell that ends', console("\$ exit\n\$ true\n"), qr/has ended/);
fails('a page that begins with output', console("hello\n"), qr/no command runs/);
fails('an unknown attribute', console("\$ true\n", 'neds=x'),
	qr/page\.md:1: unknown attribute 'neds'/);
fails('an unknown language', "```consle\n\$ true\n```\n", qr/unknown language 'consle'/);
fails('a block that is never closed', "```console\n\$ true\n", qr/never closed/);
fails('an empty block', console(''), qr/empty/);
passes('a wrong exit status, shown', console("\$ (exit 3)\n\$ echo \$?\n3\n"));
passes('a wrong exit status, said', console("\$ true\n\$ (exit 3)\n", 'status=3'));

# --- a line … and ^C ---

passes('… stands for many lines', console("\$ seq 9\n1\n…\n8\n9\n"));
passes('… stands for no line', console("\$ seq 2\n1\n…\n2\n…\n"));
passes('… within a line stands for any text', console("\$ echo a b c\na … c\n"));
fails('… does not hide what must come after it', console("\$ seq 9\n1\n…\n8\n"), qr/9/);
fails('… within a line hides only its place', console("\$ echo a b c\na … d\n"), qr/\+ a b c/);
my $loop = "\$ bash -c 'trap \"echo bye; exit 7\" INT; seq 2; while sleep .1; do :; done'\n";
passes('^C is typed when the lines have come', console("${loop}1\n2\n^C\nbye\n\$ echo on\non\n"));
passes('^C with what a program prints behind it', console("${loop}1\n2\n^Cbye\n"));
passes('^C kills what does not handle it', console("\$ sleep 1000\n^C\n\$ echo \$?\n130\n"));
fails('other lines before ^C', console("${loop}1\n3\n^C\nbye\n"), qr/- 3\n#\s+\+ 2/);
fails('other lines after ^C', console("${loop}1\n2\n^C\nciao\n"), qr/- ciao\n#\s+\+ bye/);
fails('lines before ^C that never come', console("\$ echo 1; sleep 1000\n1\n2\n^C\n", 'limit=1'),
	qr/did not come within 1 s/);
fails('a command that ^C does not stop',
	console("\$ bash -c 'trap : INT; echo 1; while :; do sleep 9; done'\n1\n^C\n", 'limit=1'),
		qr/still running/);

# --- terminals and shells ---

passes('two terminals, one network', console("\$ a=1; ip link add x0 type veth peer name x1\n")
	. console("\$ echo [\$a]; ls /sys/class/net\n[]\nlo  x0  x1\n", 'terminal=2')
		. console("\$ echo \$a\n1\n"));
fails('the text does not say that another terminal is meant',
	"In a terminal.\n\n" . console("\$ true\n") . "Now this:\n\n```console terminal=2\n\$ true\n```\n",
		qr/page\.md:8: the text above does not say in which terminal/);
passes('a command runs on in its terminal',
	console("\$ echo x >/tmp/log; tail -f /tmp/log\nx\n", 'terminal=2')
		. console("\$ echo y >>/tmp/log\n")
	. console("y\n", 'terminal=2') . console("\$ echo z >>/tmp/log\n")
	. console("z\n^C\n\$ echo end\nend\n", 'terminal=2'));
fails('what it must not print', console("\$ echo x >/tmp/log; tail -f /tmp/log\nx\n", 'terminal=2')
	. console("\$ echo y >>/tmp/log\n") . console("…\nz\n^C\n", 'terminal=2 limit=1'), qr/- z/);
fails('a command that still runs where the page goes on',
	console("\$ sleep 1000\n", 'terminal=2 limit=1')
	. console("\$ true\n"), qr/still running/);
passes('commands are typed into a shell inside, until exit',
	console("\$ a=1; ip netns add in\n\$ ip netns exec in /bin/bash\n"
	. "\$ ip -o link | wc -l; echo [\$a]\n1\n[]\n"
	. "\$ false\n\$ echo \$?\n1\n\$ exit\n\$ echo [\$a]\n[1]\n"));
fails('a wrong line in the shell inside', console("\$ bash\n\$ echo a\nb\n\$ exit\n"),
	qr/- b\n#\s+\+ a/);

# --- what may differ ---

sub prints {
	my ($came, $page, $info) = @_;
	$came =~ s/'/'\\''/g;
	return console("\$ echo '$came'\n$page\n", $info);
}

passes('ids, tags and times may differ',
	prints('prog/xdp id 1234 name x tag 0123456789abcdef jited time=0.9 ms',
	'prog/xdp id 24 name x tag fedcba9876543210 jited time=12 ms'));
passes('the width of columns follows them', prints('ID   1234 x', 'ID   1234 x')
	. prints('id 1234  x   y', 'id 2 x y'));
fails('a word beside an id', prints('prog id 1234 name x', 'prog id 24 name y'), qr/- prog/);
fails('a tag is not an id', prints('prog id 0123456789abcdef', 'prog id 24'), qr/- prog/);
fails('a time is not an id', prints('id 12:34:56', 'id 24'), qr/- id/);
fails('an id is not a word', prints('id 1234', 'id none'), qr/- id/);
fails('zero is not a count', prints('XDP_DROP 0 packets', 'XDP_DROP 3 packets'), qr/- XDP/);
passes('a count is a count', prints('XDP_DROP     1,234 packets', 'XDP_DROP 3 packets'));
fails('packets that ping sent are none of these',
	prints('3 packets transmitted, 0 received, 100% packet loss',
	'3 packets transmitted, 3 received, 0% packet loss'), qr/- 3/);
fails('an address of the lab is its own', prints('fc00:dead:cafe:1::2', 'fc00:dead:cafe:1::1'),
	qr/- fc00/);
passes('a MAC address may differ', prints('link/ether 36:12:67:94:74:66 brd',
	'link/ether 8e:b2:76:8b:45:24 brd'));
passes('one id of the page stands for one id', prints('id 7', 'id 24') . prints('id 8', 'id 25')
	. prints('id 7', 'id 24'));
fails('one id of the page cannot stand for two', prints('id 7', 'id 24') . prints('id 8', 'id 24'),
	qr/id 24 of the page was 7 before, and is 8 here/);
fails('two ids of the page cannot stand for one', prints('id 7', 'id 24') . prints('id 7', 'id 25'),
	qr/7 was id 24 on the page before/);
passes('a command that names an id is typed with the one of this run',
	prints('id 7', 'id 24')
		. console("\$ echo -U 24 --unload=24 | tr U u\n-u 7 --unload=24\n"));

# --- needs= ---

my $out = passes('a block whose tool is not here is skipped',
	console("\$ false\n", 'needs=no-such-tool') . console("\$ true\n"));
like($out,
	qr/^ok \d+ - page\.md:1: block # SKIP needs tool no-such-tool: /m, 'and the skip says why');
fails('a block whose tool is here runs', console("\$ false\n", 'needs=bash,sed'), qr/exit status/);
$out = fails('dispatcher and single: one of them holds',
	console("\$ echo A\n", 'needs=dispatcher') . console("\$ echo B\n", 'needs=single'),
		qr/\+ [AB]\n/);
is(() = $out =~ /\+ [AB]\n/g, 1, 'and only one');

# --- the world of a page ---

write_file('file', "before\n");
passes('a page writes into a copy of the tree',
	console("\$ pwd; cat file; echo after >file; touch new\n"
	. "/home/you/xdp-lab\nbefore\n\$ cat file $dir/file\nafter\nafter\n"
	. "\$ touch /tmp/pages-were-here\n"));
is(read_file('file'), "before\n", 'and the tree is as it was');
ok(!-e "$dir/new" && !-e '/tmp/pages-were-here', 'and so is /tmp');
passes('each page begins with nothing',
	console("\$ ls /sys/class/net /run/netns /run/xdp-lab \$HOME /tmp\n…\n"
	. "/run/netns:\n\n/run/xdp-lab:\n\n/sys/class/net:\nlo\n…\n"));

SKIP: {
	skip 'needs tool sudo: a plain user becomes root with it', 1 if !-u '/usr/bin/sudo';
	passes('--as-user: root only behind sudo, also in a shell inside',
		console("\$ id -u; type ethtool 2>&1 | grep -c 'not found'\n65534\n1\n"
		. "\$ touch x && sudo id -u\n0\n\$ sudo -s\n\$ id -u\n0\n\$ exit\n\$ id -u\n65534\n"), '--as-user');
}

# --- helpers for authors ---

my $draft = "# A\n\n" . console("\$ seq 5\n1\n…\n5\n\$ echo new\n\$ seq 3\n1\n7\n3\n")
	. console("\$ $loop" =~ s/^\$ \$ /\$ /r . "^C\n") . console("\$ (exit 4)\n")
	. console("\$ echo before >/tmp/log; tail -f /tmp/log\n", 'terminal=2')
		. console("\$ echo 'id 7'\nid 24\n\$ echo more >>/tmp/log; echo 'id' 7, 'id' 24\n")
	. console("^C\n", 'terminal=2') . "The end.\n";
passes('--update', $draft, '--update');
my $updated = read_file('page.md');
like($updated, qr/^\$ seq 5\n1\n…\n5\n\$ echo new\nnew\n\$ seq 3\n1\n2\n3\n```/m,
	'--update writes what came, and keeps … where it matches');
like($updated, qr/^1\n2\n\^C\nbye\n```/m, '--update puts lines before and after ^C');
like($updated, qr/^```console status=4\n\$ \(exit 4\)\n/m, '--update notes the exit status');
like($updated, qr/tail -f \/tmp\/log\nbefore\n```/m, '--update: what runs on, in its first block');
like($updated, qr/^more\n\^C\n```\nThe end\.\n\z/m, '--update: and in its last block');
like($updated, qr/^id 24\n.*\nid 24, id 25\n/m, '--update keeps to the ids of the page');
passes('a page that was updated passes', '');
$out = passes('--only', console("\$ a=1\n\$ echo wrong\n\$ echo \$a\n1\n\$ false\n"), '--only', 4);
is(() = $out =~ /^(?:not )?ok /mg, 1, '--only reports one command, after those before it');

# --- code and links ---

write_file('prog.c',
	"#include <a.h>\n\nint f(void)\n{\n\tif (a) {\n\t\tb();\n\t\tc();\n\t}\n\treturn 0;\n}\n");
my @static = '--static';
passes('code cut from its file', "```c file=prog.c\nint f(void)\n{\n\tif (a) {\n```\n", @static);
passes('code without its indentation', "```c file=prog.c\nif (a) {\n\tb();\n\tc();\n}\n```\n",
	@static);
passes('code with lines left out',
	"```c file=prog.c\nint f(void)\n{\n\t/* … */\n\treturn 0;\n}\n```\n", @static);
passes('code that is an example', "```c example\nint g;\n```\n", @static);
fails('code that has drifted', "```c file=prog.c\nint f(void)\n{\n\tif (b) {\n```\n",
	qr/line 4 is not in prog\.c.*\n.*if \(b\)/, @static);
fails('code with a line too few', "```c file=prog.c\n\tb();\n\t}\n```\n", qr/is not in prog\.c/,
	@static);
fails('code in another order', "```c file=prog.c\n\tc();\n…\n\tb();\n```\n", qr/is not in prog\.c/,
	@static);
fails('code with another indentation inside', "```c file=prog.c\nif (a) {\nb();\n```\n",
	qr/is not in/, @static);
fails('code from no file', "```c file=none.c\nint f;\n```\n", qr/cannot read none\.c/, @static);
fails('code that does not say where it is from', "```c\nint f;\n```\n", qr/says file=NAME/,
	@static);

write_file('other.md',
	"# Some *title*, `code` & more!\n\n## Twice\n## Twice\n<a id=\"here\"></a>\n"
	. "```\n# Not one\n```\n");
my $good = "[a](other.md) [b](other.md#some-title-code--more) [c](other.md#twice-1) [d](#own)\n"
	. "![e](prog.c) [f](https://example.org/x#y) [g](prog.c#L3-L10) [h](/other.md#here)\n"
	. "[two\nlines](other.md) [r][ref] `[x](no)`\n"
	. "<img src=\"prog.c\">\n\n# Own\n\n[ref]: other.md#twice\n";
passes('links that lead somewhere', $good, @static);
for ('[a](none.md)', '![a](none.svg)', '<img alt="" src="none.png">', '[a](other.md#none)',
	'[a](#none)',
	'[a](other.md#not-one)', '[a](other.md#twice-2)', '[a](prog.c#L11)', '[a](/none)',
		'[a](../../../etc/passwd)',
	"[a][r]\n\n[r]: none.md", '[a][undefined]', '[a]()', "[two\nlines](none.md)") {
	fails("a link that leads nowhere: $_" =~ s/\n/ /gr, "# Own\n\n$_\n", qr/page\.md:\d+: /,
		@static);
}

is(system("'$RealBin/pages' '$dir/none.md' >/dev/null 2>&1") == 0, '',
	'a page that does not exist is an error');
is(system("'$RealBin/pages' >/dev/null 2>&1") >> 8, 2, 'no page at all is a usage error');
like(qx('$RealBin/pages' --help), qr/How to write a page/, '--help says how to write a page');

done_testing();
