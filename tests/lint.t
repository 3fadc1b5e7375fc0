#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
# takes: 12
# once: it reads the sources
# time limit: 120
#
# The tree keeps its own rules; and the program that checks them sees each rule broken.

use strict;
use warnings;
use utf8;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp ();
use Test::More;

my $tree = dirname(__FILE__) . '/..';
my $said = qx($tree/tests/lint 2>&1);
is($?, 0, 'the tree keeps its rules') or diag($said);
my %rules = map { /^(?:not )?ok \d+ - (.*)/ ? ($1 => 1) : () } split /\n/, $said;
cmp_ok(scalar(keys %rules), '>=', 15, 'every rule was tried');

# ---- each rule, broken in a copy

my $copy = File::Temp->newdir;
system("cd $tree && git -c safe.directory='*' ls-files -coz --exclude-standard | grep -zv '^tests/.*\\.bats\$' |"
		. " tar --null -T - -cf - | tar xf - -C $copy") == 0
	or system("cd $tree && tar cf - --exclude=.git . | tar xf - -C $copy");
system("git init -q $copy") == 0 or BAIL_OUT('no git');

sub slurp { open my $in, '<:utf8', shift or die $!; local $/; readline $in }

sub spew {
	my ($file, $text) = @_;
	make_path(dirname("$copy/$file"));
	open my $out, '>:utf8', "$copy/$file" or die "$file: $!";
	print $out $text;
	close $out;
}

sub breaks {    # RULE, FILE, what is added to it
	my ($rule, $file, $more) = @_;
	my $before = -f "$copy/$file" ? slurp("$copy/$file") : undef;
	spew($file, ($before // '') . $more);
	my $out = qx($copy/tests/lint $copy '$rule' 2>&1);
	my ($broken) = $out =~ /^not ok \d+ - \Q$rule\E.*\n((?:#.*\n)*)/m;
	like($broken // '', qr/\Q$file\E/, "seen: $rule ($file)") or diag($out =~ /^not ok.*/mg);
	defined $before ? spew($file, $before) : unlink "$copy/$file";
}

my $spdx = "// SPDX-License-Identifier: GPL-2.0-only\n";
breaks('every file names its licence', 'common/new.c', "int lab_x;\n");
breaks('no blanks at the end', 'README.md', "a line  \n");
breaks('every file ends with a newline', 'README.md', 'no newline');
breaks('no line has more than', 'common/pr.h', '/* ' . 'x' x 100 . " */\n");
breaks('no line has more than', 'README.md', 'word ' x 21 . "\n");
breaks('pages call what lies in sbin', 'basic01-xdp-pass/README.md', "\$ ethtool -i lo\n");
breaks('the tree speaks of itself alone', 'README.md', "see /work" . "/main\n");
breaks('a function fits a screen', 'common/pr.c', "int pr_x(void)\n{\n" . "\tputs(\"\");\n" x 50 . "}\n");
breaks('no exit() outside main', 'common/pr.c', "void pr_x(void)\n{\n\texit(1);\n}\n");
breaks('no strncpy, atoi', 'common/pr.c', "int pr_x(char *s)\n{\n\treturn atoi(s);\n}\n");
breaks('no commented-out code', 'common/pr.c', "#if 0\n#endif\n");
breaks('no commented-out code', 'basic01-xdp-pass/xdp_pass_kern.c', "#pragma unroll\n");
breaks('no commented-out code', 'common/pr.c', "/* TO" . "DO: more */\n");
breaks('BPF programs include', 'basic01-xdp-pass/xdp_pass_kern.c', "#include <stdio.h>\n");
breaks('linux/bpf.h comes before', 'basic01-xdp-pass/new_kern.c',
	"$spdx#include <bpf/bpf_helpers.h>\n#include <linux/bpf.h>\n");
my $way = 'what a file includes lies before it';
breaks($way, 'headers/lab/new.h', "$spdx#include \"../../common/pr.h\"\n");
breaks($way, 'common/new.c', "$spdx#include \"../packet01-parsing/x.h\"\n");
breaks($way, 'common/new.c', "$spdx#include \"check.h\"\n");
breaks($way, 'basic02-prog-by-name/new_user.c', "$spdx#include \"tap.h\"\n");
breaks($way, 'check/new.c', "$spdx#include \"../basic03-map-counter/common_kern_user.h\"\n");
breaks($way, 'check/new.c', "$spdx#include \"../tests/tap.h\"\n");
breaks('lessons include no other lesson', 'basic02-prog-by-name/xdp_loader_user.c',
	"#include \"../basic01-xdp-pass/x.h\"\n");
breaks('common/ and headers/ know no lesson', 'common/pr.c', "int basic01-x;\n");
breaks('names of libraries mean the library', 'common/pr.c', "int bpf_own(void)\n{\n\treturn 0;\n}\n");
breaks('a lesson spells out the calls', 'basic03-map-counter/xdp_load_and_stats_user.c',
	"int x(void)\n{\n\treturn xdp_program__attach(0, 0, 0, 0);\n}\n");
breaks('a lesson spells out the calls', 'basic02-prog-by-name/new.h',
	"$spdx" . "static int (*const pin)(int, const char *) = bpf_obj_pin;\n");
breaks('tests/graduation.txt knows each', 'basic02-prog-by-name/xdp_loader_user.c',
	"int x(void)\n{\n\treturn bpf_link__fd(0);\n}\n");
breaks('no script evaluates files', 'testenv/new.sh', "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-only\neval \"\$(cat state)\"\n");

# Two that look at all files at once, which takes seconds: in a copy that has nothing else.
$copy = File::Temp->newdir;
make_path("$copy/tests");
system("cp $tree/tests/lint $copy/tests/ && cp $tree/.clang-format $copy/ && git init -q $copy") == 0
	or BAIL_OUT('no git');
breaks('shellcheck has nothing to say', 'testenv/new.sh', "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-only\nx=\$1\nrm \$x\n");
SKIP: {
	skip 'needs tool clang-format-14: others lay out lines in another way', 1
		if qx(clang-format-14 --version 2>/dev/null; clang-format --version) !~ /version 14/;
	breaks('clang-format 14', 'common/pr.c', "int  pr_x ;\n");
}

done_testing;
