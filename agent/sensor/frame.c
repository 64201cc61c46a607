/* SPDX-License-Identifier: Apache-2.0
 *
 * Layer by layer: the link type says what comes first, then each header says what comes next, until
 * IP is found. One row in a table a link type, one a header.
 */
#include "sensor/frame.h"

#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"

/* Headers peeled off one frame before it is given up as nonsense: MPLS labels and VLAN tags nest,
 * but no network stacks this many. */
#define LAYERS_MAX 24

/* Link types, by the numbers that libpcap has for them on Linux (pcap/dlt.h). Raw IP stands in
 * files as 101, which becomes 12, and as the 12 or 14 of the system that wrote it. */
#define LINK_NULL	 0
#define LINK_ETHERNET	 1
#define LINK_PPP	 9
#define LINK_FDDI	 10
#define LINK_RAW	 12
#define LINK_RAW_OPENBSD 14
#define LINK_LOOP	 108
#define LINK_LINUX_SLL	 113
#define LINK_IPV4	 228
#define LINK_IPV6	 229
#define LINK_NFLOG	 239
#define LINK_LINUX_SLL2	 276

#define IPV4_HEADER_SIZE 20
#define IPV6_HEADER_SIZE 40

/* Attributes of nfnetlink_log, each with length and type before it. */
#define NFLOG_ATTRIBUTE_SIZE 4
#define NFLOG_FLAGS	     0xc000 /* nested, byte order: no part of the type */
#define NFLOG_PAYLOAD	     9

/* What is known of a frame's next header. Ethertypes, and numbers above them for what has none. */
enum layer {
	LAYER_IPV4 = 0x0800,
	LAYER_VLAN = 0x8100,
	LAYER_IPV6 = 0x86dd,
	LAYER_MPLS = 0x8847,
	LAYER_MPLS_MULTICAST = 0x8848,
	LAYER_PPPOE = 0x8864,
	LAYER_VLAN_SERVICE = 0x88a8, /* 802.1ad */
	LAYER_VLAN_OLD = 0x9100,     /* QinQ before 802.1ad */
	LAYER_IP = 0x10000,	     /* either version: its first nibble tells */
	LAYER_OTHER,		     /* not IP */
	LAYER_BROKEN,		     /* cut off or nonsense */
	LAYER_ETHERNET,
	LAYER_FDDI,
	LAYER_LLC,
	LAYER_SLL,
	LAYER_SLL2,
	LAYER_LOOPBACK,
	LAYER_PPP,
	LAYER_NFLOG,
	LAYER_NFLOG_ATTRIBUTE,
};

struct frame {
	const uint8_t *at;
	size_t left;  /* bytes at hand */
	size_t whole; /* bytes it had */
};

static unsigned read_u16(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static const uint8_t *frame_take(struct frame *frame, size_t size)
{
	const uint8_t *taken = frame->at;

	frame->at += size;
	frame->left -= size;
	frame->whole -= size;
	return taken;
}

static enum layer ethertype_read(const uint8_t *bytes)
{
	return (enum layer)read_u16(bytes);
}

static enum layer ethernet_next(const uint8_t *header, struct frame *rest)
{
	(void)rest;
	/* Up to 1500 it is the length of an LLC frame (IEEE 802.3, 3.2.6). */
	return read_u16(header + 12) <= 1500 ? LAYER_LLC : ethertype_read(header + 12);
}

static enum layer fddi_next(const uint8_t *header, struct frame *rest)
{
	(void)rest;
	/* Frame control: only LLC frames (0x5x) carry anything for us. */
	return (header[0] & 0xf0) == 0x50 ? LAYER_LLC : LAYER_OTHER;
}

/* Only SNAP carries IP: RFC 1042. */
static enum layer llc_next(const uint8_t *header, struct frame *rest)
{
	static const uint8_t snap[] = { 0xaa, 0xaa, 0x03, 0, 0, 0 };

	(void)rest;
	return memcmp(header, snap, sizeof(snap)) == 0 ? ethertype_read(header + 6) : LAYER_OTHER;
}

static enum layer vlan_next(const uint8_t *header, struct frame *rest)
{
	(void)rest;
	return ethertype_read(header + 2);
}

static enum layer mpls_next(const uint8_t *header, struct frame *rest)
{
	(void)rest;
	/* RFC 3032, 2.1: only the bottom of the stack is marked; what follows has to be guessed. */
	return header[2] & 1 ? LAYER_IP : LAYER_MPLS;
}

static enum layer pppoe_next(const uint8_t *header, struct frame *rest)
{
	(void)rest;
	return header[0] == 0x11 && header[1] == 0 ? LAYER_PPP : LAYER_OTHER;
}

/* RFC 1661, 2; RFC 1662, 3.1: address and control (ff 03) may stand before the protocol, whose
 * first byte may be left out when it is zero: then the one that is there is odd. */
static enum layer ppp_next(const uint8_t *header, struct frame *rest)
{
	unsigned protocol = read_u16(header);

	if (protocol == 0xff03)
		return LAYER_PPP;
	if (header[0] & 1) {
		protocol = header[0];
		rest->at--;
		rest->left++;
		rest->whole++;
	}
	return protocol == 0x0021 ? LAYER_IPV4 : protocol == 0x0057 ? LAYER_IPV6 : LAYER_OTHER;
}

/* Below 1536 stand Linux's own numbers, none of them IP's. */
static enum layer sll_next(const uint8_t *header, struct frame *rest)
{
	(void)rest;
	return ethertype_read(header + 14);
}

static enum layer sll2_next(const uint8_t *header, struct frame *rest)
{
	(void)rest;
	return ethertype_read(header);
}

/* AF_INET is 2 everywhere, AF_INET6 is not; in the byte order of the machine that captured
 * (LINK_NULL) or of the network (DLT_LOOP). */
static enum layer loopback_next(const uint8_t *header, struct frame *rest)
{
	unsigned family = header[0] | header[3];

	(void)rest;
	if ((header[0] && header[3]) || header[1] || header[2])
		return LAYER_OTHER;
	switch (family) {
	case 2:
		return LAYER_IPV4;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return LAYER_IPV6;
	default:
		return LAYER_OTHER;
	}
}

static enum layer nflog_next(const uint8_t *header, struct frame *rest)
{
	(void)rest;
	return header[1] == 0 ? LAYER_NFLOG_ATTRIBUTE : LAYER_OTHER;
}

/* Attributes until the one with the packet; libpcap has put lengths into our byte order. */
static enum layer nflog_attribute_next(const uint8_t *header, struct frame *rest)
{
	uint16_t length, type;
	size_t padded;

	memcpy(&length, header, sizeof(length));
	memcpy(&type, header + 2, sizeof(type));
	if (length < NFLOG_ATTRIBUTE_SIZE)
		return LAYER_BROKEN;
	if ((type & ~NFLOG_FLAGS) == NFLOG_PAYLOAD) {
		rest->whole = (size_t)length - NFLOG_ATTRIBUTE_SIZE;
		rest->left = rest->left < rest->whole ? rest->left : rest->whole;
		return LAYER_IP;
	}
	padded = ((size_t)length + 3) / 4 * 4 - NFLOG_ATTRIBUTE_SIZE;
	if (padded > rest->left)
		return LAYER_BROKEN;
	(void)frame_take(rest, padded);
	return LAYER_NFLOG_ATTRIBUTE;
}

static const struct {
	enum layer layer;
	size_t size; /* of its header */
	enum layer (*next)(const uint8_t *header, struct frame *rest);
} layers[] = {
	{ LAYER_ETHERNET, 14, ethernet_next },
	{ LAYER_FDDI, 13, fddi_next },
	{ LAYER_LLC, 8, llc_next },
	{ LAYER_VLAN, 4, vlan_next },
	{ LAYER_VLAN_SERVICE, 4, vlan_next },
	{ LAYER_VLAN_OLD, 4, vlan_next },
	{ LAYER_MPLS, 4, mpls_next },
	{ LAYER_MPLS_MULTICAST, 4, mpls_next },
	{ LAYER_PPPOE, 6, pppoe_next },
	{ LAYER_PPP, 2, ppp_next },
	{ LAYER_SLL, 16, sll_next },
	{ LAYER_SLL2, 20, sll2_next },
	{ LAYER_LOOPBACK, 4, loopback_next },
	{ LAYER_NFLOG, 4, nflog_next },
	{ LAYER_NFLOG_ATTRIBUTE, NFLOG_ATTRIBUTE_SIZE, nflog_attribute_next },
};

static const struct link_type {
	int link;
	enum layer first;
} link_types[] = {
	{ LINK_ETHERNET, LAYER_ETHERNET }, { LINK_LINUX_SLL, LAYER_SLL },
	{ LINK_LINUX_SLL2, LAYER_SLL2 },   { LINK_RAW, LAYER_IP },
	{ LINK_RAW_OPENBSD, LAYER_IP },	   { LINK_IPV4, LAYER_IP },
	{ LINK_IPV6, LAYER_IP },	   { LINK_NULL, LAYER_LOOPBACK },
	{ LINK_LOOP, LAYER_LOOPBACK },	   { LINK_PPP, LAYER_PPP },
	{ LINK_FDDI, LAYER_FDDI },	   { LINK_NFLOG, LAYER_NFLOG },
};

static bool layer_is_ip(enum layer layer)
{
	return layer == LAYER_IP || layer == LAYER_IPV4 || layer == LAYER_IPV6;
}

static enum frame_outcome frame_strip(struct frame *frame, enum layer *layer)
{
	for (unsigned depth = 0; depth < LAYERS_MAX; depth++) {
		size_t row = 0;

		if (layer_is_ip(*layer))
			return FRAME_IP;
		if (*layer == LAYER_BROKEN)
			return FRAME_BROKEN;
		while (row < ELEMENTS(layers) && layers[row].layer != *layer)
			row++;
		if (row == ELEMENTS(layers))
			return FRAME_OTHER;
		if (frame->left < layers[row].size)
			return FRAME_BROKEN;
		*layer = layers[row].next(frame_take(frame, layers[row].size), frame);
	}
	return FRAME_BROKEN;
}

struct ip_header {
	unsigned version, protocol;
	size_t claimed; /* length of the packet; 0: not said (offloading, jumbograms) */
};

/* False when the header is cut off or nonsense. */
static bool ip_header_read(const struct frame *frame, struct ip_header *ret)
{
	unsigned payload;

	ret->version = frame->left > 0 ? frame->at[0] >> 4 : 0;
	if (ret->version == 4 && frame->left >= IPV4_HEADER_SIZE) {
		ret->protocol = frame->at[9];
		ret->claimed = read_u16(frame->at + 2);
		return ret->claimed == 0 || ret->claimed >= IPV4_HEADER_SIZE;
	}
	if (ret->version == 6 && frame->left >= IPV6_HEADER_SIZE) {
		payload = read_u16(frame->at + 4);
		ret->protocol = frame->at[6];
		ret->claimed = payload ? payload + IPV6_HEADER_SIZE : 0;
		return true;
	}
	return false;
}

static bool protocol_is_tunnel(unsigned protocol)
{
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_GRE;
}

/* The packet that starts where the frame was stripped to: padding behind it is no part of it. */
static enum frame_outcome packet_read(const struct frame *frame, enum layer layer,
				      struct frame_packet *ret)
{
	struct ip_header header;
	bool readable = ip_header_read(frame, &header);
	bool ipv4 = header.version == 4, ipv6 = header.version == 6;

	/* Behind MPLS it was only a guess that IP comes next. */
	if (layer == LAYER_IP && frame->left > 0 && !ipv4 && !ipv6)
		return FRAME_OTHER;
	if (!readable || (layer == LAYER_IPV4 && !ipv4) || (layer == LAYER_IPV6 && !ipv6))
		return FRAME_BROKEN;
	ret->data = frame->at;
	ret->whole = header.claimed ? header.claimed : frame->whole;
	ret->size = frame->left < ret->whole ? frame->left : ret->whole;
	ret->cut = ret->size < ret->whole;
	ret->tunnel = protocol_is_tunnel(header.protocol);
	return FRAME_IP;
}

static const struct link_type *link_type_find(int link)
{
	for (size_t i = 0; i < ELEMENTS(link_types); i++)
		if (link_types[i].link == link)
			return &link_types[i];
	return NULL;
}

bool frame_link_known(int link)
{
	return link_type_find(link);
}

enum frame_outcome frame_peel(int link, const uint8_t *bytes, size_t size, size_t whole,
			      struct frame_packet *ret)
{
	const struct link_type *type = link_type_find(link);
	struct frame frame = { .at = bytes, .left = size, .whole = whole > size ? whole : size };
	enum frame_outcome outcome;
	enum layer layer;

	if (!type)
		return FRAME_SKIPPED;
	layer = type->first;
	outcome = frame_strip(&frame, &layer);
	return outcome == FRAME_IP ? packet_read(&frame, layer, ret) : outcome;
}
