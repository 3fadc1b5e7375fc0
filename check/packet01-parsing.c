// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "packet.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* One frame, one verdict; the text says what was sent. */
__attribute__((format(printf, 4, 5))) static void
must(const struct program *program, const struct frame *frame, __u32 wanted, const char *fmt, ...)
{
	__u32 verdict = verdict_on(program, frame);
	char what[200];
	va_list args;

	if (verdict == wanted)
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	sent("%s, by BPF_PROG_TEST_RUN", what);
	expected("%s", verdict_name(wanted));
	not_yet("%s", verdict_name(verdict));
}

static __u32 verdict_at_length(const struct program *program, struct frame frame, unsigned int len)
{
	frame.len = len;
	return verdict_on(program, &frame);
}

static __u32 verdict_of_type(const struct program *program, struct frame frame, unsigned int type)
{
	put16(frame.bytes + 12, type);
	return verdict_on(program, &frame);
}

/* The program passes the shortest frame that it must drop. What would it drop? */
static void say_what_it_drops(const struct program *program, const struct frame *frame,
			      unsigned int type)
{
	const char *passes = verdict_name(verdict_on(program, frame));
	unsigned int swapped = type >> 8 | (type & 0xff) << 8, len = frame->len + 1;

	expected("%s", verdict_name(XDP_DROP));
	while (len < 1514 && verdict_at_length(program, *frame, len) != XDP_DROP)
		len++;
	if (len == frame->len + 1)
		not_yet("%s; one byte more: %s", passes, verdict_name(XDP_DROP));
	if (len < 1514)
		not_yet("%s; up to %u bytes as well", passes, len - 1);
	if (verdict_of_type(program, *frame, 0x88b4) == XDP_DROP)
		not_yet("%s; of type 88b4 instead, or others: %s", passes, verdict_name(XDP_DROP));
	if (verdict_of_type(program, *frame, swapped) == XDP_DROP)
		not_yet("%s; of type %04x instead: %s", passes, swapped, verdict_name(XDP_DROP));
}

/* ---- 1: the 14 bytes of an Ethernet header, and no more */

static void check_bounds(void)
{
	struct program *program;
	const unsigned int others[] = { ETHERTYPE_IPV4, ETHERTYPE_IPV6, 0x88b4, 0x88b6, 0x88, 0 };
	struct frame frame = frame_of(ETHERTYPE_NOBODYS, 1514);

	sent("bounds_kern.o, to the kernel");
	expected("that its verifier accepts it");
	program = load("bounds_kern.o", "bounds");

	frame.len = 14;
	sent("a frame of type 88b5, of just 14 bytes, by BPF_PROG_TEST_RUN");
	if (verdict_on(program, &frame) != XDP_DROP)
		say_what_it_drops(program, &frame, ETHERTYPE_NOBODYS);
	must(program, &frame, XDP_DROP, "a frame of type 88b5, of just 14 bytes");
	for (unsigned int n = 0; n < 20; n++) {
		frame.len = n ? rnd(15, 1514) : 60;
		must(program, &frame, XDP_DROP, "a frame of type 88b5, of %u bytes", frame.len);
	}
	for (unsigned int n = 0; n < 6; n++) {
		put16(frame.bytes + 12, others[n]);
		must(program, &frame, XDP_PASS, "a frame of type %04x, of %u bytes", others[n],
		     frame.len);
	}
}

/* ---- 2: IPv6 at every length */

#define NO_NEXT_HEADER 59
#define NEXT_HEADER_AT 20 /* byte of the frame */

/* No byte of it is 59 but that one, if it is to be. */
static struct frame ipv6_frame(unsigned int next_header)
{
	struct frame frame = frame_of(ETHERTYPE_IPV6, 1514);

	for (unsigned int i = 0; i < frame.len; i++)
		if (frame.bytes[i] == NO_NEXT_HEADER)
			frame.bytes[i]++;
	put16(frame.bytes + 14, 0x6000);
	put16(frame.bytes + 18, 0);
	frame.bytes[NEXT_HEADER_AT] = next_header;
	frame.len = 54;
	return frame;
}

/* Does another byte decide? */
static void look_elsewhere(const struct program *program)
{
	struct frame other = ipv6_frame(60);

	if (verdict_on(program, &other) == XDP_DROP)
		not_yet("XDP_PASS (2); with next header 60 instead: %s", verdict_name(XDP_DROP));
	for (unsigned int i = 0; i < 54; i++) {
		struct frame frame = ipv6_frame(60);

		if (i == NEXT_HEADER_AT || i == 12 || i == 13)
			continue;
		frame.bytes[i] = NO_NEXT_HEADER;
		if (verdict_on(program, &frame) == XDP_DROP)
			not_yet("XDP_PASS (2); it is byte %u of the frame that decides", i);
	}
}

static void check_ipv6(void)
{
	struct program *program = load("ipv6_kern.o", "ipv6");
	const unsigned int others[] = { 58, 6, 17, 0, 60, 187 };
	struct frame frame = ipv6_frame(NO_NEXT_HEADER), cut;
	const char *what = "an IPv6 packet with next header";

	sent("%s 59, a frame of just 54 bytes, by BPF_PROG_TEST_RUN", what);
	if (verdict_on(program, &frame) != XDP_DROP) {
		say_what_it_drops(program, &frame, ETHERTYPE_IPV6);
		look_elsewhere(program);
	}
	must(program, &frame, XDP_DROP, "%s 59, a frame of just 54 bytes", what);
	for (cut = frame, cut.len = 53; cut.len >= 14; cut.len--)
		must(program, &cut, XDP_PASS, "%s 59, cut to %u of its 54 bytes", what, cut.len);
	for (unsigned int n = 0; n < 10; n++) {
		frame.len = rnd(55, 1514);
		must(program, &frame, XDP_DROP, "%s 59, a frame of %u bytes", what, frame.len);
	}
	put16(frame.bytes + 12, ETHERTYPE_IPV4);
	must(program, &frame, XDP_PASS, "the same bytes, but of type 0800");
	for (unsigned int n = 0; n < 6; n++) {
		frame = ipv6_frame(others[n]);
		must(program, &frame, XDP_PASS, "%s %u", what, others[n]);
	}
}

/* ---- 3: every second ping */

#define TYPE_AT 54 /* byte of the frame */

/* The verdicts on echo requests with these numbers, as one text. */
static char *sort_by_verdict(const struct program *program, const unsigned int *numbers,
			     unsigned int count)
{
	char *dropped = "", *passed = "";

	for (unsigned int n = 0; n < count; n++) {
		struct frame frame = frame_echo(AF_INET6, numbers[n], 118);
		__u32 verdict = verdict_on(program, &frame), again = verdict_on(program, &frame);

		if (again != verdict) {
			sent("an echo request of ICMPv6 with sequence number %u, twice",
			     numbers[n]);
			expected("the same verdict");
			not_yet("%s, then %s", verdict_name(verdict), verdict_name(again));
		}
		if (verdict == XDP_DROP)
			dropped = text("%s %u", dropped, numbers[n]);
		else if (verdict == XDP_PASS)
			passed = text("%s %u", passed, numbers[n]);
		else
			must(program, &frame, XDP_PASS, "an echo request of ICMPv6");
	}
	return text("dropped:%s; passed:%s", *dropped ? dropped : " none",
		    *passed ? passed : " none");
}

static void check_ping_numbers(const struct program *program)
{
	unsigned int numbers[] = {
		0, 1, 2, 255, 256, 65535, rnd(3, 32000) * 2, rnd(3, 32000) * 2 + 1
	};
	char *came = sort_by_verdict(program, numbers, 8);
	char *wanted = text("dropped: 0 2 256 %u; passed: 1 255 65535 %u", numbers[6], numbers[7]);

	sent("echo requests of ICMPv6 with eight sequence numbers, by BPF_PROG_TEST_RUN");
	expected("%s", wanted);
	if (strcmp(came, wanted))
		not_yet("%s", came);
}

static void check_ping_wire(void)
{
	unsigned int first = rnd(1, 60000), came;

	lay_wire();
	sent("ten echo requests, numbered from %u, after ./parse_user --dev %s "
	     "--filename pings_kern.o pings",
	     first, wire.dev);
	expected("five of them behind %s", wire.dev);
	run("./parse_user", "--dev", wire.dev, "--filename", "pings_kern.o", "pings");
	for (unsigned int n = 0; n < 10; n++) {
		struct frame frame = frame_echo(AF_INET6, first + n, 118);

		send_frame(&frame);
	}
	came = arrived(5);
	if (came != 5)
		not_yet("%u of 10 came through", came);
}

/* An echo request with eight bytes before it: an extension header, of no option but padding. */
static struct frame echo_behind(unsigned int next_header, unsigned int number)
{
	static const unsigned char extension[] = { IPPROTO_ICMPV6, 0, 1, 4, 0, 0, 0, 0 };
	struct frame frame = frame_echo(AF_INET6, number, 118);

	memmove(frame.bytes + TYPE_AT + 8, frame.bytes + TYPE_AT, 118 - TYPE_AT - 8);
	memcpy(frame.bytes + TYPE_AT, extension, sizeof(extension));
	frame.bytes[NEXT_HEADER_AT] = next_header;
	return frame;
}

/* What is no message of ICMPv6, but has the bytes of an echo request in the same place. */
static void check_ping_lookalikes(const struct program *program)
{
	struct frame frame = frame_udp(AF_INET6, 0x8000 | rnd(0, 255), rnd(1, 65535), 118);

	put16(frame.bytes + TYPE_AT + 6, 2);
	must(program, &frame, XDP_PASS,
	     "UDP over IPv6 whose first byte is 128, with a 2 where "
	     "an echo request has its sequence number");
	frame = echo_behind(IPPROTO_FRAGMENT, 2);
	put16(frame.bytes + TYPE_AT + 2, rnd(1, 100) << 3);
	must(program, &frame, XDP_PASS,
	     "a later fragment of ICMPv6 whose payload looks like an echo "
	     "request with sequence number 2");
	frame = frame_echo(AF_INET6, 2, 118);
	put16(frame.bytes + 12, ETHERTYPE_NOBODYS);
	must(program, &frame, XDP_PASS,
	     "the bytes of an echo request with sequence number 2, in a frame of EtherType 88b5");
}

static void check_ping_extensions(const struct program *program)
{
	static const unsigned char headers[] = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS };

	for (unsigned int n = 0; n < 2; n++) {
		for (unsigned int number = 1; number <= 2; number++) {
			struct frame frame = echo_behind(headers[n], number);

			must(program, &frame, number % 2 ? XDP_PASS : XDP_DROP,
			     "an echo request with sequence number %u behind an extension header, "
			     "number %u",
			     number, headers[n]);
		}
	}
}

static void check_pings(void)
{
	static const unsigned char types[] = { 133, 134, 135, 136, 137, 129, 1, 2, 3, 4, 127 };
	struct program *program = load("pings_kern.o", "pings");
	struct frame frame = frame_echo(AF_INET6, 2, 118);

	check_ping_numbers(program);
	for (unsigned int n = 0; n < sizeof(types); n++) {
		frame.bytes[TYPE_AT] = types[n];
		must(program, &frame, XDP_PASS,
		     "a message of ICMPv6 of type %u, with a 2 where "
		     "an echo request has its sequence number",
		     types[n]);
	}
	check_ping_lookalikes(program);
	check_ping_extensions(program);
	frame = frame_echo(AF_INET, 2, 118);
	must(program, &frame, XDP_PASS, "an echo request of IPv4 with sequence number 2");
	frame = frame_echo(AF_INET6, 2, 118);
	for (frame.len = 61; frame.len >= 14; frame.len--)
		must(program, &frame, XDP_PASS,
		     "an echo request of ICMPv6 with sequence number 2, "
		     "cut to %u bytes",
		     frame.len);
	check_ping_wire();
}

/* ---- 4: VLAN tags */

struct tag {
	unsigned int type, tci;
};

static struct frame vlan_frame(const struct tag *tags, unsigned int count, unsigned int inner)
{
	struct frame frame = frame_of(0, 200);

	for (unsigned int n = 0; n < count; n++) {
		put16(frame.bytes + 12 + 4 * n, tags[n].type);
		put16(frame.bytes + 14 + 4 * n, tags[n].tci);
	}
	put16(frame.bytes + 12 + 4 * count, inner);
	return frame;
}

static unsigned int some_vlan(void) /* but not 100 */
{
	return rnd(101, 4094);
}

static void check_one_tag(const struct program *program, unsigned int type)
{
	const unsigned int others[] = { 0, 99, 101, 0x164, 0x464, 4095 };
	unsigned int priority = rnd(1, 15);
	struct tag tag = { type, 100 };
	struct frame frame = vlan_frame(&tag, 1, ETHERTYPE_IPV6);

	must(program, &frame, XDP_DROP, "IPv6 behind one tag of type %04x, VLAN 100", type);
	frame.bytes[14] |= priority << 4;
	must(program, &frame, XDP_DROP,
	     "IPv6 behind one tag of type %04x, VLAN 100 with a "
	     "priority: %02x%02x",
	     type, frame.bytes[14], frame.bytes[15]);
	for (unsigned int n = 0; n < 6; n++) {
		tag.tci = others[n];
		frame = vlan_frame(&tag, 1, ETHERTYPE_IPV6);
		must(program, &frame, XDP_PASS, "IPv6 behind one tag of type %04x, VLAN %u", type,
		     tag.tci);
	}
	tag.tci = 100;
	frame = vlan_frame(&tag, 1, ETHERTYPE_IPV4);
	must(program, &frame, XDP_PASS, "IPv4 behind one tag of type %04x, VLAN 100", type);
}

static void check_two_tags(const struct program *program, unsigned int outer, unsigned int inner)
{
	unsigned int vlan = some_vlan();
	struct tag tags[] = { { outer, 100 }, { inner, vlan } };
	struct frame frame = vlan_frame(tags, 2, ETHERTYPE_IPV6);
	const char *what = text("IPv6 behind two tags of types %04x and %04x", outer, inner);

	must(program, &frame, XDP_PASS, "%s, the outer one VLAN 100, the inner one VLAN %u", what,
	     vlan);
	tags[0].tci = vlan;
	tags[1].tci = rnd(0, 15) << 12 | 100;
	frame = vlan_frame(tags, 2, ETHERTYPE_IPV6);
	must(program, &frame, XDP_DROP, "%s, the outer one VLAN %u, the inner one VLAN 100", what,
	     vlan);
	for (frame.len = 21; frame.len >= 14; frame.len--)
		must(program, &frame, XDP_PASS, "%s, cut to %u of the 22 bytes that these need",
		     what, frame.len);
}

static void check_vlan(void)
{
	static const unsigned int types[] = { 0x8100, 0x88a8 };
	struct program *program = load("vlan_kern.o", "vlan");
	struct tag tags[] = { { 0x8100, 100 }, { 0x8100, 100 }, { 0x8100, 100 } };
	struct frame frame = vlan_frame(NULL, 0, ETHERTYPE_IPV6);

	must(program, &frame, XDP_PASS, "IPv6 without a tag");
	for (unsigned int one = 0; one < 2; one++)
		check_one_tag(program, types[one]);
	for (unsigned int both = 0; both < 4; both++)
		check_two_tags(program, types[both / 2], types[both % 2]);
	frame = vlan_frame(tags, 3, ETHERTYPE_IPV6);
	must(program, &frame, XDP_PASS, "IPv6 behind three tags, each VLAN 100");
}

/* ---- 5: IPv4 as it is */

#define PORT 9

/* UDP over IPv4 behind a header of so many words; nothing else in it looks like the port. */
static struct frame udp_frame(unsigned int words, unsigned int port)
{
	struct frame frame = frame_of(ETHERTYPE_IPV4, 160);
	unsigned char *ip = frame.bytes + 14;

	for (unsigned int i = 0; i < 146; i++)
		ip[i] |= 0x40;
	ip[0] = 4 << 4 | words;
	put16(ip + 2, 146);
	put16(ip + 6, 0);
	ip[9] = 17;
	put16(ip + words * 4 + 2, port);
	return frame;
}

static void check_header_length(const struct program *program)
{
	static const unsigned int too_short[] = { 0, 2, 3, 4 };
	unsigned int other = rnd(10, 65535);
	struct frame frame;

	for (unsigned int words = 5; words <= 15; words++) {
		const char *options = words > 5 ? ", with a 9 among its options" : "";

		frame = udp_frame(words, PORT);
		must(program, &frame, XDP_DROP, "a datagram to port 9 behind a header of %u words",
		     words);
		frame = udp_frame(words, other);
		if (words > 5)
			put16(frame.bytes + 14 + 20 + 2, PORT);
		must(program, &frame, XDP_PASS,
		     "a datagram to port %u behind a header of %u words%s", other, words, options);
	}
	for (unsigned int n = 0; n < 4; n++) {
		frame = udp_frame(too_short[n], PORT);
		must(program, &frame, XDP_PASS,
		     "a header of %u words, and a 9 where the port would be", too_short[n]);
	}
}

static void check_fragments(const struct program *program)
{
	struct frame frame = udp_frame(5, PORT);
	unsigned char *offset = frame.bytes + 14 + 6;
	unsigned int some = rnd(1, 255);

	put16(offset, 0x4000);
	must(program, &frame, XDP_DROP, "a datagram to port 9 that may not be fragmented");
	put16(offset, 0x2000);
	must(program, &frame, XDP_DROP, "a first fragment, of a datagram to port 9");
	put16(offset, 0x2000 | some);
	must(program, &frame, XDP_PASS,
	     "a later fragment, offset %u, whose payload has a 9 where "
	     "a port would be",
	     some);
	put16(offset, some);
	must(program, &frame, XDP_PASS,
	     "the last fragment, offset %u, whose payload has a 9 where "
	     "a port would be",
	     some);
}

static void check_lengths(const struct program *program)
{
	struct frame frame = udp_frame(5, PORT);
	const char *what = "a datagram to port 9";

	put16(frame.bytes + 14 + 2, 20);
	must(program, &frame, XDP_PASS,
	     "a packet with a total length of 20, a header and no more, "
	     "and what looks like %s behind it",
	     what);
	put16(frame.bytes + 14 + 2, 27);
	must(program, &frame, XDP_PASS, "%s with a total length of 27", what);
	put16(frame.bytes + 14 + 2, 28);
	must(program, &frame, XDP_DROP, "%s with a total length of 28", what);
	frame.len = 42;
	must(program, &frame, XDP_DROP, "%s, a frame of just 42 bytes", what);
	for (frame.len = 41; frame.len >= 14; frame.len--)
		must(program, &frame, XDP_PASS, "%s, cut to %u of 42 bytes", what, frame.len);
}

static unsigned int number_at(const unsigned char *at)
{
	return at[0] << 8 | at[1];
}

static __u32 right_verdict(const unsigned char *bytes, unsigned int len)
{
	struct packet packet;

	dissect(bytes, len, &packet);
	return packet.depth == TRANSPORT && packet.version == 4 && packet.protocol == 17 &&
			       number_at(bytes + packet.transport_at + 2) == PORT ?
		       XDP_DROP :
		       XDP_PASS;
}

/*
 * Is the verdict on this frame wrong? The page leaves open what becomes of packets in VLANs, and of
 * those that are longer than their frame.
 */
static bool is_wrong(const unsigned char *bytes, unsigned int len, void *program)
{
	static struct frame frame;
	struct packet packet;

	dissect(bytes, len, &packet);
	if (packet.tags || (len >= 18 && 14 + number_at(bytes + 16) > len))
		return false;
	memcpy(frame.bytes, bytes, len);
	frame.len = len;
	return verdict_on(program, &frame) != right_verdict(bytes, len);
}

/* What the fields of IPv4 say: nobody should have to count hex digits for it. */
static const char *fields_of(const struct frame *frame)
{
	const unsigned char *ip = frame->bytes + 14;

	if (frame->len < 34 || number_at(frame->bytes + 12) != ETHERTYPE_IPV4)
		return "no whole header of IPv4";
	return text("version %u, ihl %u, total length %u, frag_off %04x, protocol %u", ip[0] >> 4,
		    ip[0] & 15, number_at(ip + 2), number_at(ip + 6), ip[9]);
}

#define ODD_FRAMES 100000

static void check_odd_frames(struct program *program)
{
	static struct frame frame;
	char *hex = "";

	odd_seed(rnd(1, ~0U));
	sent("%u odd frames: cut, scratched, with lengths that lie", ODD_FRAMES);
	expected("what RFC 791 and RFC 768 say of each");
	for (unsigned int n = 1; n <= ODD_FRAMES; n++) {
		frame.len = odd_frame(frame.bytes);
		if (!is_wrong(frame.bytes, frame.len, program))
			continue;
		frame.len = shrink(frame.bytes, frame.len, is_wrong, program);
		for (unsigned int i = 0; i < frame.len && i < 128; i++)
			hex = text("%s%s%02x", hex, i % 16 ? " " : "\n", frame.bytes[i]);
		not_yet("number %u: %s instead of %s\n"
			"%u bytes of it are enough:%s%s\n"
			"that is: %s",
			n, verdict_name(verdict_on(program, &frame)),
			verdict_name(right_verdict(frame.bytes, frame.len)), frame.len, hex,
			frame.len > 128 ? " ..." : "", fields_of(&frame));
	}
}

static void check_options(void)
{
	struct program *program = load("options_kern.o", "options");
	struct frame frame = udp_frame(5, PORT);

	check_header_length(program);
	check_fragments(program);
	check_lengths(program);
	frame.bytes[14 + 9] = 6;
	must(program, &frame, XDP_PASS, "TCP to port 9");
	check_odd_frames(program);
}

LESSON("packet01-parsing", { "bounds", check_bounds }, { "ipv6", check_ipv6 },
       { "pings", check_pings }, { "vlan", check_vlan }, { "options", check_options });
