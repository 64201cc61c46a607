/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/quic_initial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/cursor.h"

#define NUMBER_SIZE_MAX	 4
#define NUMBER_SIZE_MASK 3
#define PROTECTED_BITS	 0x0f /* of the first byte of a long header (RFC 9001, 5.4.1) */

/* RFC 9000, 19 */
enum frame {
	FRAME_PADDING = 0x00,
	FRAME_PING = 0x01,
	FRAME_ACK = 0x02,
	FRAME_ACK_ECN = 0x03,
	FRAME_CONNECTION_CLOSE = 0x1c,
};

static void connection_clear(struct quic_connection *connection)
{
	assembly_clear(&connection->crypto);
	quic_keys_free(connection->keys);
	*connection = (struct quic_connection){ 0 };
}

void quic_initial_clear(struct quic_initial *initial)
{
	for (unsigned i = 0; i < QUIC_CONNECTIONS_MAX; i++)
		connection_clear(&initial->connections[i]);
	*initial = (struct quic_initial){ 0 };
}

static int crypto_read(struct quic_connection *connection, struct cursor *frames)
{
	uint64_t offset, size;
	int r = cursor_varint(frames, &offset);

	if (r == 0)
		r = cursor_varint(frames, &size);
	if (r == 0)
		r = cursor_need(frames, size);
	if (r < 0)
		return r;
	return assembly_add(&connection->crypto, offset, cursor_pass(frames, (size_t)size),
			    (size_t)size);
}

static int varints_skip(struct cursor *frames, uint64_t count)
{
	uint64_t value;
	int r = 0;

	/* Each takes a byte, so this ends with the packet whatever count claims. */
	while (r == 0 && count-- > 0)
		r = cursor_varint(frames, &value);
	return r;
}

/* RFC 9000, 19.3: largest, delay, count, first range, count pairs, and three counts of ECN. */
static int ack_skip(struct cursor *frames, uint64_t type)
{
	uint64_t count;
	int r = varints_skip(frames, 2);

	if (r == 0)
		r = cursor_varint(frames, &count);
	if (r == 0)
		r = varints_skip(frames, 1);
	if (r == 0 && count > frames->left)
		return -EBADMSG;
	if (r == 0)
		r = varints_skip(frames, 2 * count);
	return r == 0 && type == FRAME_ACK_ECN ? varints_skip(frames, 3) : r;
}

/* 19.19: error code, type of the frame at fault, a phrase. */
static int close_skip(struct cursor *frames)
{
	uint64_t size;
	int r = varints_skip(frames, 2);

	if (r == 0)
		r = cursor_varint(frames, &size);
	return r == 0 ? cursor_skip(frames, size) : r;
}

int quic_frames_read(struct quic_connection *connection, const struct quic_version *row,
		     const uint8_t *bytes, size_t size)
{
	struct cursor frames = { bytes, size, size };
	int r = 0;

	while (r == 0 && frames.left > 0) {
		uint64_t type;

		/* Most of an Initial packet is padding. */
		if (*frames.at == FRAME_PADDING) {
			(void)cursor_pass(&frames, 1);
			continue;
		}
		r = cursor_varint(&frames, &type);
		if (r < 0 || type == FRAME_PING)
			continue;
		if (type == row->crypto)
			r = crypto_read(connection, &frames);
		else if (type == FRAME_ACK || type == FRAME_ACK_ECN)
			r = ack_skip(&frames, type);
		else if (type == FRAME_CONNECTION_CLOSE)
			r = close_skip(&frames);
		else
			r = -EBADMSG;
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0 && !connection->fault)
		connection->fault = "frames in an Initial packet that do not fit";
	return 0;
}

/* RFC 9000, A.3: the number nearest to the next one expected that ends in the bits sent. */
static uint64_t number_decode(uint64_t next, uint64_t sent, unsigned bits)
{
	uint64_t window = (uint64_t)1 << bits;
	uint64_t number = (next & ~(window - 1)) | sent;

	if (number + window / 2 <= next && number < ((uint64_t)1 << 62) - window)
		return number + window;
	if (number > next + window / 2 && number >= window)
		return number - window;
	return number;
}

/* Copies the packet's header, without its protection, to header. Returns its size, or a negative
 * errno. */
static int header_open(struct quic_keys *keys, const struct quic_packet *packet, uint64_t next,
		       uint8_t *header, uint64_t *ret_number)
{
	size_t at = packet->number_at, width;
	uint8_t mask[QUIC_MASK_SIZE];
	uint64_t sent = 0;
	int r;

	if (packet->size - at < NUMBER_SIZE_MAX + QUIC_SAMPLE_SIZE)
		return -EBADMSG;
	memcpy(header, packet->bytes, at + NUMBER_SIZE_MAX);
	r = quic_keys_mask(keys, packet->bytes + at + NUMBER_SIZE_MAX, mask);
	if (r < 0)
		return r;
	header[0] ^= mask[0] & PROTECTED_BITS;
	width = (header[0] & NUMBER_SIZE_MASK) + 1u;
	for (size_t i = 0; i < width; i++) {
		header[at + i] ^= mask[1 + i];
		sent = sent << 8 | header[at + i];
	}
	*ret_number = number_decode(next, sent, (unsigned)(8 * width));
	return (int)(at + width);
}

/* Opens the packet and reads its frames. 0, -EBADMSG when it does not open, -ENOMEM. */
static int packet_open(struct quic_connection *connection, const struct quic_packet *packet)
{
	CLEANUP(free_cleanup) uint8_t *opened = malloc(packet->size);
	size_t header, size;
	uint64_t number;
	int r;

	if (!opened)
		return -ENOMEM;
	r = header_open(connection->keys, packet, connection->number_next, opened, &number);
	if (r < 0)
		return r;
	header = (size_t)r;
	size = packet->size - header;
	r = quic_keys_open(connection->keys, number, opened, header, packet->bytes + header, size,
			   opened + header);
	if (r < 0)
		return r;
	if (number >= connection->number_next)
		connection->number_next = number + 1;
	connection->version = packet->version;
	connection->opened++;
	return quic_frames_read(connection, packet->row, opened + header, size - QUIC_TAG_SIZE);
}

static bool keys_fit(const struct quic_connection *connection, const struct quic_packet *packet)
{
	return connection->row == packet->row && connection->id_size == packet->id_size &&
	       memcmp(connection->id, packet->id, packet->id_size) == 0;
}

/* As packet_open(), with the keys of a connection that is there; -ENOENT: those of the packet's own
 * connection id were among them. */
static int packet_open_known(struct quic_initial *initial, const struct quic_packet *packet)
{
	bool own = false;

	for (unsigned i = 0; i < QUIC_CONNECTIONS_MAX; i++) {
		struct quic_connection *connection = &initial->connections[i];
		int r;

		if (connection->opened == 0 || connection->row != packet->row)
			continue;
		r = packet_open(connection, packet);
		if (r == 0 || r == -ENOMEM)
			return r;
		own |= keys_fit(connection, packet);
	}
	return own ? -ENOENT : -EBADMSG;
}

/* A place for one more connection: one that was read makes room first. */
static struct quic_connection *connection_place(struct quic_initial *initial)
{
	struct quic_connection *place = NULL;

	for (unsigned i = 0; i < QUIC_CONNECTIONS_MAX; i++) {
		if (initial->connections[i].opened == 0)
			return &initial->connections[i];
		if (!place && initial->connections[i].read)
			place = &initial->connections[i];
	}
	if (!place)
		place = &initial->connections[initial->oldest++ % QUIC_CONNECTIONS_MAX];
	connection_clear(place);
	return place;
}

/* Derives keys from the packet's own connection id, and keeps them when they open it. */
static int packet_open_anew(struct quic_initial *initial, const struct quic_packet *packet)
{
	const struct quic_version *row = packet->row;
	struct quic_connection connection = { 0 };
	int r = -EBADMSG;

	for (; row && r < 0 && r != -ENOMEM; row = row->other) {
		connection = (struct quic_connection){ .row = packet->row };
		r = quic_keys_new(&row->derivation, packet->id, packet->id_size, &connection.keys);
		if (r == 0)
			r = packet_open(&connection, packet);
		if (r < 0)
			connection_clear(&connection);
	}
	if (r < 0)
		return r;
	connection.id_size = packet->id_size;
	memcpy(connection.id, packet->id, packet->id_size);
	*connection_place(initial) = connection;
	return 0;
}

static int packet_take(struct quic_initial *initial, const struct quic_packet *packet)
{
	int r;

	if (initial->packets == QUIC_PACKETS_MAX)
		return 0;
	initial->packets++;
	if (initial->version == 0)
		initial->version = packet->version;
	r = packet_open_known(initial, packet);
	if (r == -EBADMSG)
		r = packet_open_anew(initial, packet);
	/* One that opens with no keys is a server's, or none at all. */
	return r == -ENOMEM ? r : 0;
}

int quic_initial_take(struct quic_initial *initial, const uint8_t *bytes, size_t size)
{
	enum quic_packet_kind first = QUIC_NONE, kind;
	struct quic_packet packet;
	size_t at = 0;
	int r = 0;

	do {
		kind = quic_packet_read(bytes + at, size - at, &packet);
		if (at == 0)
			first = kind;
		if (kind == QUIC_UNKNOWN && initial->version == 0)
			initial->version = packet.version;
		if (kind == QUIC_INITIAL)
			r = packet_take(initial, &packet);
		at += packet.size;
	} while (r == 0 && at < size && (kind == QUIC_INITIAL || kind == QUIC_OTHER));
	return r < 0 ? r : (int)first;
}
