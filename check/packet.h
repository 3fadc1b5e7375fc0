/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a frame is, straight from the RFCs, and frames to ask that about.
 *
 * dissect() is there to be compared with: it shares no line and no header with what the lessons'
 * programs use, reads bytes one by one, and cares for nothing but being right.
 */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>

enum depth {
	NOTHING, /* not even whole Ethernet and VLAN headers */
	LINK,
	NETWORK, /* a sound IPv4 or IPv6 header, with all that belongs to it */
	TRANSPORT, /* and a whole TCP, UDP, ICMP or ICMPv6 header above it */
};

struct packet {
	enum depth depth;

	unsigned int type; /* the last EtherType */
	unsigned int tags; /* 0 to 2 */
	unsigned int vlan[2]; /* from the outermost */

	unsigned int version; /* 4 or 6 */
	unsigned int network_at; /* byte of the frame */
	unsigned int protocol; /* of the header above */
	bool tail; /* a fragment, and not the first one */

	unsigned int transport_at;
	unsigned int payload_at;
};

void dissect(const unsigned char *frame, unsigned int len, struct packet *packet);

#define ODD_MIN 14 /* the kernel runs an XDP program on no less, */
#define ODD_MAX 3400 /* and not on much more in one buffer */

/* The frames that follow are those of this seed. */
void odd_seed(unsigned int seed);

/*
 * A frame made as it should be, and then spoilt here and there: cut, a length that lies, a byte
 * changed, one header too many. Its length.
 */
unsigned int odd_frame(unsigned char frame[ODD_MAX]);

/*
 * Makes the frame as short and as plain as it can be while matters() is true of it. Returns its
 * new length.
 */
unsigned int shrink(unsigned char *frame, unsigned int len,
		    bool (*matters)(const unsigned char *frame, unsigned int len, void *data),
		    void *data);

#endif /* PACKET_H */
