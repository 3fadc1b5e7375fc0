// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames taken apart by the book: IEEE 802.1Q for tags, RFC 791 (IPv4), 8200 and 6275 (IPv6 and
 * its extension headers), 4302 (AH), 2675 (jumbograms), 792 and 4443 (ICMP), 768 (UDP), 9293 (TCP).
 */
#include <string.h>

#include "packet.h"

struct dissection {
	const unsigned char *octets;
	unsigned int have; /* how many octets there are */
	unsigned int stop; /* no header goes beyond this one: the end of the IP packet */
	struct packet *found;
};

/* Are the octets from here to there present, and part of the packet? */
static bool present(const struct dissection *d, unsigned int from, unsigned int count)
{
	return from + count <= d->have && from + count <= d->stop;
}

/* A big-endian number of two octets. */
static unsigned int word(const struct dissection *d, unsigned int from)
{
	return 256u * d->octets[from] + d->octets[from + 1];
}

static void dissect_transport(struct dissection *d, unsigned int from)
{
	unsigned int size = 8; /* UDP: four words. ICMP, ICMPv6: a message is never shorter. */

	d->found->transport_at = from;
	switch (d->found->protocol) {
	case 6:
		if (!present(d, from, 20))
			return;
		size = d->octets[from + 12] / 16 * 4; /* data offset: 32-bit words */
		if (size < 20)
			return;
		break;
	case 1:
	case 17:
	case 58:
		break;
	default:
		return;
	}
	if (!present(d, from, size))
		return;
	d->found->payload_at = from + size;
	d->found->depth = TRANSPORT;
}

static void dissect_ipv4(struct dissection *d, unsigned int from)
{
	unsigned int header, total;

	if (!present(d, from, 20) || d->octets[from] / 16 != 4)
		return;
	header = d->octets[from] % 16 * 4;
	total = word(d, from + 2);
	if (header < 20 || total < header || !present(d, from, header))
		return;
	d->stop = from + total;
	d->found->version = 4;
	d->found->protocol = d->octets[from + 9];
	d->found->tail = word(d, from + 6) % 8192 != 0;
	d->found->depth = NETWORK;
	if (d->found->tail)
		d->found->transport_at = from + header;
	else
		dissect_transport(d, from + header);
}

/* An extension header's length: so many octets, and so many for each unit of its length field. */
static const struct extension {
	unsigned int number, octets, each;
} extensions[] = {
	{ 0, 8, 8 }, /* hop-by-hop options */
	{ 43, 8, 8 }, /* routing */
	{ 44, 8, 0 }, /* fragment */
	{ 51, 8, 4 }, /* authentication */
	{ 60, 8, 8 }, /* destination options */
	{ 135, 8, 8 }, /* mobility */
};

static const struct extension *extension(unsigned int number, bool behind_ipv6)
{
	for (unsigned int i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
		if (extensions[i].number == number && (number != 0 || behind_ipv6))
			return &extensions[i];
	return NULL;
}

/* The chain from here on, of which so many links are left that a program may be asked to follow. */
static void dissect_chain(struct dissection *d, unsigned int from, unsigned int links)
{
	const struct extension *here = extension(d->found->protocol, links == 8);
	unsigned int size;

	if (!here || !links) {
		d->found->depth = NETWORK;
		dissect_transport(d, from);
		return;
	}
	if (!present(d, from, 8))
		return;
	size = here->octets + here->each * d->octets[from + 1];
	if (!present(d, from, size))
		return;
	d->found->protocol = d->octets[from];
	if (here->number == 44 && word(d, from + 2) / 8 != 0) {
		d->found->tail = true;
		d->found->transport_at = from + size;
		d->found->depth = NETWORK;
		return;
	}
	dissect_chain(d, from + size, links - 1);
}

static void dissect_ipv6(struct dissection *d, unsigned int from)
{
	unsigned int payload;

	if (!present(d, from, 40) || d->octets[from] / 16 != 6)
		return;
	payload = word(d, from + 4);
	d->found->version = 6;
	d->found->protocol = d->octets[from + 6];
	if (payload > 0 || d->found->protocol != 0) /* else a jumbogram */
		d->stop = from + 40 + payload;
	dissect_chain(d, from + 40, 8);
}

void dissect(const unsigned char *frame, unsigned int len, struct packet *packet)
{
	struct dissection d = { frame, len, len, packet };
	unsigned int type_at = 12;

	memset(packet, 0, sizeof(*packet));
	if (len < 14)
		return;
	while (packet->tags < 2 && (word(&d, type_at) == 0x8100 || word(&d, type_at) == 0x88a8)) {
		if (!present(&d, type_at + 2, 4))
			return;
		packet->vlan[packet->tags++] = word(&d, type_at + 2) % 4096;
		type_at += 4;
	}
	packet->depth = LINK;
	packet->type = word(&d, type_at);
	packet->network_at = type_at + 2;
	if (packet->type == 0x0800)
		dissect_ipv4(&d, type_at + 2);
	else if (packet->type == 0x86dd)
		dissect_ipv6(&d, type_at + 2);
}
