// SPDX-License-Identifier: GPL-2.0-only
/* Odd frames: built layer by layer like real ones, with a lie, a cut or a scratch in many. */
#include <string.h>

#include "packet.h"

static unsigned long long state;

void odd_seed(unsigned int seed)
{
	state = seed * 0x9e3779b97f4a7c15ULL + 1;
}

/* xorshift64*: fast, and good enough to choose with. */
static unsigned int below(unsigned int limit)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned int)((state * 0x2545f4914f6cdd1dULL) >> 33) % limit;
}

static bool one_in(unsigned int n)
{
	return below(n) == 0;
}

struct build {
	unsigned char *bytes;
	unsigned int len;
	unsigned int edges[24]; /* where headers begin: there it is that cuts hurt */
	unsigned int count;
};

static void put(unsigned char *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* So many random bytes at the end: a header to be. */
static unsigned char *add(struct build *b, unsigned int size)
{
	unsigned char *at = b->bytes + b->len;

	if (b->count < sizeof(b->edges) / sizeof(b->edges[0]))
		b->edges[b->count++] = b->len;
	for (unsigned int i = 0; i < size; i++)
		at[i] = below(256);
	b->len += size;
	return at;
}

static unsigned int pick(const unsigned char *from, unsigned int count)
{
	return from[below(count)];
}

static unsigned int some_protocol(void)
{
	static const unsigned char common[] = { 6, 6, 6, 17, 17, 17, 1, 58 };
	static const unsigned char rare[] = { 0, 2, 4, 41, 43, 44, 47, 50, 51, 59, 60, 132, 135 };

	return one_in(10) ? pick(rare, sizeof(rare)) : pick(common, sizeof(common));
}

static void add_transport(struct build *b, unsigned int protocol)
{
	unsigned char *at;

	if (protocol == 6) {
		at = add(b, 20);
		at[12] = (one_in(3) ? below(16) : 5) << 4 | below(16);
		if (at[12] >> 4 > 5)
			add(b, ((at[12] >> 4) - 5) * 4);
	} else if (protocol == 17 || protocol == 1 || protocol == 58) {
		at = add(b, 8);
		if (protocol == 58 && !one_in(3))
			at[0] = 128 + below(2);
		if (protocol == 17 && !one_in(3)) /* ports that programs may look for */
			put(at + 2, one_in(2) ? 9 : 4242);
	}
	add(b, below(24));
}

/* A length field: mostly right, else a little wrong, or quite. */
static unsigned int length_or_lie(unsigned int right)
{
	switch (below(12)) {
	case 0:
		return below(80);
	case 1:
		return right + 1 + below(40);
	case 2:
		return right > 4 ? right - 1 - below(4) : 0;
	case 3:
		return one_in(2) ? below(65536) : 0;
	default:
		return right;
	}
}

static unsigned int some_ipv4_fragment(void)
{
	switch (below(8)) {
	case 0:
		return 0x2000; /* more follow: the first */
	case 1:
		return 0x2000 | (1 + below(0x1fff));
	case 2:
		return 1 + below(0x1fff); /* the last */
	case 3:
		return 1u << below(16);
	default:
		return one_in(2) ? 0x4000 : 0;
	}
}

static void add_ipv4(struct build *b)
{
	unsigned int start = b->len, words = one_in(2) ? 5 : below(16), protocol = some_protocol();
	unsigned char *ip = add(b, 20);

	ip[0] = (one_in(16) ? below(16) : 4) << 4 | words;
	ip[9] = protocol;
	put(ip + 6, some_ipv4_fragment());
	if (words > 5)
		add(b, (words - 5) * 4);
	add_transport(b, protocol);
	put(ip + 2, length_or_lie(b->len - start));
}

/* One extension header, of this number, before one of that. */
static void add_extension(struct build *b, unsigned int number, unsigned int next)
{
	unsigned int units = one_in(8) ? below(4) : 0;
	unsigned char *at;

	if (one_in(200))
		units = below(256);
	at = add(b, number == 44 ? 8 : 8 + units * (number == 51 ? 4 : 8));
	at[0] = next;
	if (number == 44)
		put(at + 2, one_in(2) ? below(8) : one_in(2) ? 1u << below(16) : below(65536));
	else
		at[1] = units;
}

static void add_ipv6(struct build *b)
{
	static const unsigned char chain[] = { 43, 44, 51, 60, 135, 60, 43, 0 };
	unsigned int start, protocol = some_protocol(), count = 0, numbers[11];
	unsigned char *ip = add(b, 40);

	if (!one_in(3))
		count = one_in(4) ? 6 + below(5) : 1 + below(3);
	for (unsigned int i = 0; i < count; i++) /* a later fragment would hide what follows it */
		do
			numbers[i] = i || one_in(2) ? pick(chain, sizeof(chain)) : 0;
		while ((numbers[i] == 44 && !one_in(3)) || (i && !numbers[i] && !one_in(8)));
	numbers[count] = protocol;
	ip[0] = (one_in(16) ? below(16) : 6) << 4 | below(16);
	ip[6] = numbers[0];
	start = b->len;
	for (unsigned int i = 0; i < count && b->len < 1000; i++)
		add_extension(b, numbers[i], numbers[i + 1]);
	add_transport(b, protocol);
	put(ip + 4, length_or_lie(b->len - start));
}

static void add_ethernet(struct build *b)
{
	static const unsigned short tags[] = { 0x8100, 0x88a8, 0x8100, 0x88a8, 0x9100 };
	static const unsigned char counts[] = { 0, 0, 0, 0, 1, 1, 2, 2, 2, 3 };
	unsigned int type = one_in(2) ? 0x0800 : 0x86dd, count = pick(counts, sizeof(counts));
	unsigned char *at;

	add(b, 12);
	b->count = 0;
	for (unsigned int i = 0; i < count; i++) {
		at = add(b, 4);
		put(at, tags[below(one_in(8) ? 5 : 4)]);
		if (one_in(3)) /* a VLAN that programs may look for */
			put(at + 2, below(16) << 12 | 100);
	}
	if (one_in(16))
		type = one_in(2) ? below(65536) : 0x0806;
	at = add(b, 2);
	put(at, type);
	if (type == 0x0800)
		add_ipv4(b);
	else if (type == 0x86dd)
		add_ipv6(b);
	else
		add(b, below(60));
}

/* Cut at an edge or near it, or anywhere; or filled up, as short frames are. */
static void cut(struct build *b)
{
	unsigned int to = below(b->len + 1);

	if (!one_in(4) && b->count)
		to = b->edges[below(b->count)] + below(one_in(2) ? 6 : 44) - below(3);
	if (to < b->len && to >= ODD_MIN)
		b->len = to;
}

static void scratch(struct build *b)
{
	unsigned int times = 1 + below(2);

	while (times--) {
		unsigned char *at = b->bytes + 12 + below(b->len < 90 ? b->len - 12 : 78);

		*at = one_in(2) ? *at ^ 1u << below(8) : below(256);
	}
}

unsigned int odd_frame(unsigned char frame[ODD_MAX])
{
	struct build b = { .bytes = frame };

	add_ethernet(&b);
	if (one_in(3))
		cut(&b);
	if (one_in(4))
		scratch(&b);
	if (b.len < 60 && one_in(2))
		add(&b, 60 - b.len);
	return b.len;
}

unsigned int shrink(unsigned char *frame, unsigned int len,
		    bool (*matters)(const unsigned char *frame, unsigned int len, void *data),
		    void *data)
{
	for (unsigned int step = len / 2; step; step /= 2)
		while (len >= ODD_MIN + step && matters(frame, len - step, data))
			len -= step;
	for (unsigned int i = 0; i < len; i++) {
		unsigned char was = frame[i];

		frame[i] = 0;
		if (was && !matters(frame, len, data))
			frame[i] = was;
	}
	return len;
}
