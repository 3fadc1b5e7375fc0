// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold_link OBJECT PROGRAM DEV: what some other software does. Attaches a program through a BPF
 * link, says "ready", and holds the link until its standard input ends.
 */
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/libbpf.h>

int main(int argc, char **argv)
{
	struct bpf_object *obj = argc == 4 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_program *prog;
	char c;

	if (!obj || bpf_object__load(obj))
		return 1;
	prog = bpf_object__find_program_by_name(obj, argv[2]);
	if (!prog || !bpf_program__attach_xdp(prog, if_nametoindex(argv[3])))
		return 1;
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
