// SPDX-License-Identifier: GPL-2.0-only
/*
 * parse_fuzz OBJECT FRAMES SEED: runs tests/bpf/parse_all.c in the kernel on odd frames, and
 * compares what it finds in each with what check/packet.c finds. The exit status is 0 if there is
 * no difference, 1 after the first one, which is printed as short as it gets; 2: could not be done.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../check/packet.h"
#include "bpf/parse_result.h"

struct fuzz {
	struct bpf_object *obj;
	int prog_fd;
	const volatile struct parse_result *result;
	unsigned long depth[4]; /* how many frames got how far */
};

static int could_not(const char *what)
{
	fprintf(stderr, "parse_fuzz: %s: %s\n", what, strerror(errno));
	return 2;
}

/* The reference's answer in the words of the other. */
static void translate(const struct packet *packet, struct parse_result *result)
{
	memset(result, 0, sizeof(*result));
	result->ethernet = packet->depth >= LINK;
	if (packet->depth >= LINK) {
		result->type = packet->type;
		result->tags = packet->tags;
		result->vlan[0] = packet->vlan[0];
		result->vlan[1] = packet->vlan[packet->tags == 2];
		result->network_at = packet->network_at;
	}
	result->ip = packet->depth >= NETWORK;
	if (packet->depth >= NETWORK) {
		result->version = packet->version;
		result->protocol = packet->protocol;
		result->cut_off = packet->tail;
		result->above_at = packet->transport_at;
	}
	result->above = packet->depth >= TRANSPORT;
	if (packet->depth >= TRANSPORT)
		result->payload_at = packet->payload_at;
}

/* Runs both. The reference gets a copy of just this size: a sanitizer sees each byte too far. */
static bool differ(const unsigned char *frame, unsigned int len, void *data)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = len, .repeat = 1);
	struct fuzz *fuzz = data;
	unsigned char *copy = malloc(len);
	struct parse_result wanted;
	struct packet packet;

	if (!copy || bpf_prog_test_run_opts(fuzz->prog_fd, &run)) {
		fprintf(stderr, "parse_fuzz: cannot run the program: %s\n", strerror(errno));
		abort();
	}
	memcpy(copy, frame, len);
	dissect(copy, len, &packet);
	free(copy);
	fuzz->depth[packet.depth]++;
	translate(&packet, &wanted);
	return memcmp(&wanted, (const void *)fuzz->result, sizeof(wanted));
}

static void print_result(const char *who, const struct parse_result *r)
{
	printf("# %-9s ethernet %u (type %04x, tags %u: %u %u) ip %u (version %u at %u, protocol "
	       "%u, later fragment %u) above %u (at %u, payload at %u)\n",
	       who, r->ethernet, r->type, r->tags, r->vlan[0], r->vlan[1], r->ip, r->version,
	       r->network_at, r->protocol, r->cut_off, r->above, r->above_at, r->payload_at);
}

static void print_difference(struct fuzz *fuzz, unsigned char *frame, unsigned int len)
{
	struct parse_result wanted;
	struct packet packet;

	len = shrink(frame, len, differ, fuzz);
	differ(frame, len, fuzz);
	dissect(frame, len, &packet);
	translate(&packet, &wanted);
	printf("# the shortest: %u bytes:", len);
	for (unsigned int i = 0; i < len; i++)
		printf("%s%02x", i % 16 ? " " : "\n#   ", frame[i]);
	printf("\n");
	print_result("reference", &wanted);
	print_result("parse.h", (const struct parse_result *)fuzz->result);
}

static int load(const char *path, struct fuzz *fuzz)
{
	int map_fd;

	fuzz->obj = bpf_object__open_file(path, NULL);
	if (!fuzz->obj || bpf_object__load(fuzz->obj))
		return could_not(path);
	fuzz->prog_fd = bpf_program__fd(bpf_object__find_program_by_name(fuzz->obj, "parse_all"));
	map_fd = bpf_object__find_map_fd_by_name(fuzz->obj, ".bss");
	fuzz->result = mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, map_fd, 0);
	return fuzz->result == MAP_FAILED ? could_not("the map of globals") : 0;
}

/* How many frames differ: it stops at the first. */
static int compare(struct fuzz *fuzz, unsigned long count, const char *seed)
{
	static unsigned char frame[ODD_MAX];

	odd_seed(strtoul(seed, NULL, 10));
	for (unsigned long n = 1; n <= count; n++) {
		unsigned int len = odd_frame(frame);

		if (!differ(frame, len, fuzz))
			continue;
		printf("# frame %lu of seed %s differs\n", n, seed);
		print_difference(fuzz, frame, len);
		return 1;
	}
	printf("# no difference; understood were: of %lu frames nothing, of %lu Ethernet, of %lu "
	       "also IP, of %lu also the header above\n",
	       fuzz->depth[NOTHING], fuzz->depth[LINK], fuzz->depth[NETWORK],
	       fuzz->depth[TRANSPORT]);
	return 0;
}

int main(int argc, char **argv)
{
	struct fuzz fuzz = {};
	int status;

	if (argc != 4) {
		fprintf(stderr, "usage: parse_fuzz OBJECT FRAMES SEED\n");
		return 2;
	}
	status = load(argv[1], &fuzz) ?: compare(&fuzz, strtoul(argv[2], NULL, 10), argv[3]);
	bpf_object__close(fuzz.obj);
	return status;
}
