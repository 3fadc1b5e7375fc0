// SPDX-License-Identifier: GPL-2.0-only
/* Frames to send: whole, with random addresses and payload, and right checksums. */
#include <net/ethernet.h>
#include <string.h>
#include <sys/socket.h>

#include "grade.h"

unsigned int our_mark(void)
{
	static unsigned int mark;

	if (!mark)
		mark = rnd(1, ~0U);
	return mark;
}

static void put16(unsigned char *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

struct frame frame_of(__u16 ethertype, unsigned int len)
{
	struct frame frame = { .len = len };
	unsigned int last = our_mark();

	if (len < 64 || len > FRAME_MAX)
		give_up(0, "a check asked for a frame of %u bytes", len);
	rnd_bytes(frame.bytes, len);
	frame.bytes[0] = frame.bytes[6] = 2; /* addresses of one station each, locally made */
	put16(frame.bytes + 12, ethertype);
	memcpy(frame.bytes + len - 4, &last, 4);
	return frame;
}

/* RFC 1071: the one's complement of the one's complement sum. */
static unsigned int checksum(const unsigned char *bytes, unsigned int len, unsigned long sum)
{
	for (unsigned int n = 0; n + 1 < len; n += 2)
		sum += bytes[n] << 8 | bytes[n + 1];
	if (len & 1)
		sum += bytes[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

#define ICMP 1
#define TCP 6
#define UDP 17
#define ICMPV6 58

/* A frame with an IP header; what comes next begins at this offset. */
static unsigned int begin_ip(struct frame *frame, int family, unsigned int protocol,
			     unsigned int len)
{
	unsigned char *ip = frame->bytes + 14;

	*frame = frame_of(family == AF_INET ? ETH_P_IP : ETH_P_IPV6, len);
	if (family == AF_INET) {
		put16(ip, 0x4500);
		put16(ip + 2, len - 14);
		put16(ip + 6, 0x4000); /* not to be fragmented */
		ip[8] = 64;
		ip[9] = protocol;
		ip[12] = ip[16] = 10;
		put16(ip + 10, 0);
		put16(ip + 10, checksum(ip, 20, 0));
		return 34;
	}
	put16(ip, 0x6000);
	put16(ip + 2, 0);
	put16(ip + 4, len - 54);
	ip[6] = protocol;
	ip[7] = 64;
	ip[8] = ip[24] = 0xfd;
	return 54;
}

/* The checksum of what begins here, and lies in there; with it go the addresses before it. */
static void end_ip(struct frame *frame, int family, unsigned int protocol, unsigned int begin,
		   unsigned int sum_at)
{
	unsigned char *next = frame->bytes + begin;
	unsigned int addresses = family == AF_INET ? 8 : 32, len = frame->len - begin;
	unsigned long sum = 0;

	if (begin + sum_at + 2 > frame->len - 4)
		give_up(0, "a check asked for a frame too short for its headers");
	if (protocol != ICMP) { /* that of IPv4 has no pseudo header */
		sum = protocol + len;
		for (const unsigned char *at = next - addresses; at < next; at += 2)
			sum += at[0] << 8 | at[1];
	}
	put16(next + sum_at, 0);
	sum = checksum(next, len, sum);
	put16(next + sum_at, sum || protocol != UDP ? sum : 0xffff);
}

struct frame frame_udp(int family, __u16 from_port, __u16 to_port, unsigned int len)
{
	struct frame frame;
	unsigned int begin = begin_ip(&frame, family, UDP, len);

	put16(frame.bytes + begin, from_port);
	put16(frame.bytes + begin + 2, to_port);
	put16(frame.bytes + begin + 4, len - begin);
	end_ip(&frame, family, UDP, begin, 6);
	return frame;
}

struct frame frame_tcp(int family, __u16 from_port, __u16 to_port, unsigned int len)
{
	struct frame frame;
	unsigned int begin = begin_ip(&frame, family, TCP, len);

	put16(frame.bytes + begin, from_port);
	put16(frame.bytes + begin + 2, to_port);
	put16(frame.bytes + begin + 12, 0x5002); /* a header of twenty bytes; SYN */
	end_ip(&frame, family, TCP, begin, 16);
	return frame;
}

struct frame frame_echo(int family, __u16 sequence, unsigned int len)
{
	struct frame frame;
	unsigned int protocol = family == AF_INET ? ICMP : ICMPV6;
	unsigned int begin = begin_ip(&frame, family, protocol, len);

	put16(frame.bytes + begin, family == AF_INET ? 0x0800 : 0x8000);
	put16(frame.bytes + begin + 6, sequence);
	end_ip(&frame, family, protocol, begin, 2);
	return frame;
}
