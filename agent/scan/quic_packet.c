/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/quic_packet.h"

#include "base/cleanup.h"
#include "scan/cursor.h"

#define LONG_HEADER 0x80
#define FIXED_BIT   0x40
#define TYPE_SHIFT  4
#define TYPE_MASK   3

#define CRYPTO_FRAME	    0x06 /* RFC 9000, 19.6 */
#define CRYPTO_FRAME_GOOGLE 0x08

#define LABELS_V1 "quic key", "quic iv", "quic hp"
#define LABELS_V2 "quicv2 key", "quicv2 iv", "quicv2 hp"

#define SALT_DRAFT_22                                                                              \
	{                                                                                          \
		0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21,      \
			0x51, 0x9e, 0xbd, 0x7a, 0x02, 0x64, 0x4a                                   \
	}
#define SALT_DRAFT_23                                                                              \
	{                                                                                          \
		0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b,      \
			0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02                                   \
	}
#define SALT_DRAFT_29                                                                              \
	{                                                                                          \
		0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c,      \
			0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99                                   \
	}
#define SALT_V1                                                                                    \
	{                                                                                          \
		0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4,      \
			0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a                                   \
	}
#define SALT_V2                                                                                    \
	{                                                                                          \
		0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e,      \
			0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9                                   \
	}
#define SALT_T050                                                                                  \
	{                                                                                          \
		0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43,      \
			0xa2, 0x36, 0x7c, 0x60, 0x48, 0x83, 0x10                                   \
	}
#define SALT_T051                                                                                  \
	{                                                                                          \
		0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12,      \
			0x4f, 0xc8, 0xcc, 0xda, 0x6e, 0x03, 0x3d                                   \
	}

static const struct quic_version versions[] = {
	/* RFC 9000, RFC 9001 */
	{ 1, 1, 0, 3, CRYPTO_FRAME, { SALT_V1, LABELS_V1 }, NULL },
	/* RFC 9369 */
	{ 0x6b3343cf, 0x6b3343cf, 1, 0, CRYPTO_FRAME, { SALT_V2, LABELS_V2 }, NULL },
	/* The drafts that were deployed. */
	{ 0xff000016, 0xff000016, 0, 3, CRYPTO_FRAME, { SALT_DRAFT_22, LABELS_V1 }, NULL },
	{ 0xff000017, 0xff00001c, 0, 3, CRYPTO_FRAME, { SALT_DRAFT_23, LABELS_V1 }, NULL },
	{ 0xff00001d, 0xff000020, 0, 3, CRYPTO_FRAME, { SALT_DRAFT_29, LABELS_V1 }, NULL },
	{ 0xff000021, 0xff000022, 0, 3, CRYPTO_FRAME, { SALT_V1, LABELS_V1 }, NULL },
	/* Facebook's names for drafts 22 and 27, and for the latter with changes. */
	{ 0xfaceb001, 0xfaceb001, 0, 3, CRYPTO_FRAME, { SALT_DRAFT_22, LABELS_V1 }, NULL },
	{ 0xfaceb002, 0xfaceb002, 0, 3, CRYPTO_FRAME, { SALT_DRAFT_23, LABELS_V1 }, NULL },
	{ 0xfaceb00e, 0xfaceb00e, 0, 3, CRYPTO_FRAME, { SALT_DRAFT_23, LABELS_V1 }, NULL },
	/* Google's "T050" and "T051": TLS in a QUIC of its own. */
	{ 0x54303530, 0x54303530, 0, 3, CRYPTO_FRAME_GOOGLE, { SALT_T050, LABELS_V1 }, NULL },
	{ 0x54303531, 0x54303531, 0, 3, CRYPTO_FRAME_GOOGLE, { SALT_T051, LABELS_V1 }, NULL },
};

/* A client that uses a reserved version has the keys of one that it knows. */
static const struct quic_version reserved[2] = {
	{ 0, 0, 0, 3, CRYPTO_FRAME, { SALT_V1, LABELS_V1 }, &reserved[1] },
	{ 0, 0, 0, 3, CRYPTO_FRAME, { SALT_DRAFT_29, LABELS_V1 }, NULL },
};

static const struct quic_version *version_find(uint32_t version)
{
	if (quic_version_reserved(version))
		return reserved;
	for (unsigned i = 0; i < ELEMENTS(versions); i++)
		if (version >= versions[i].first && version <= versions[i].last)
			return &versions[i];
	return NULL;
}

/* What follows the connection ids, when the version is known. */
static enum quic_packet_kind rest_read(struct quic_packet *packet, struct cursor rest)
{
	uint8_t type = packet->bytes[0] >> TYPE_SHIFT & TYPE_MASK;
	uint64_t token, length;

	if (!(packet->bytes[0] & FIXED_BIT))
		return QUIC_NONE;
	if (type == packet->row->retry)
		return QUIC_OTHER;
	if (type == packet->row->initial &&
	    (cursor_varint(&rest, &token) < 0 || cursor_skip(&rest, token) < 0))
		return QUIC_BROKEN;
	if (cursor_varint(&rest, &length) < 0 || length > rest.left)
		return QUIC_BROKEN;
	packet->number_at = (size_t)(rest.at - packet->bytes);
	packet->size = packet->number_at + (size_t)length;
	return type == packet->row->initial ? QUIC_INITIAL : QUIC_OTHER;
}

enum quic_packet_kind quic_packet_read(const uint8_t *bytes, size_t size, struct quic_packet *ret)
{
	struct cursor rest = { bytes, size, size }, id, source;
	struct quic_packet packet = { .bytes = bytes, .size = size };
	uint32_t flags;

	*ret = packet;
	if (cursor_number(&rest, 1, &flags) < 0 || !(flags & LONG_HEADER) ||
	    cursor_number(&rest, 4, &packet.version) < 0)
		return QUIC_NONE;
	if (cursor_vector(&rest, 1, &id) < 0 || id.left > QUIC_ID_MAX || id.have < id.left ||
	    cursor_vector(&rest, 1, &source) < 0 || source.have < source.left)
		return QUIC_NONE;
	packet.id = id.at;
	packet.id_size = (uint8_t)id.left;
	packet.row = version_find(packet.version);
	*ret = packet;
	if (packet.version == 0)
		return QUIC_NEGOTIATION;
	if (packet.row) {
		enum quic_packet_kind kind = rest_read(ret, rest);

		if (kind == QUIC_INITIAL || packet.row != reserved)
			return kind;
		*ret = packet;
		ret->row = NULL;
	}
	return size >= QUIC_DATAGRAM_MIN && flags & FIXED_BIT ? QUIC_UNKNOWN : QUIC_NONE;
}
