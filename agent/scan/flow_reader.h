/* SPDX-License-Identifier: Apache-2.0
 *
 * The first bytes of a flow, put in order and read: TLS, HTTP or QUIC. Given what the kernel side
 * copied of one direction of a flow, client to server; gives flow_facts. Pure: no I/O, no clock.
 * Whoever opened the flow controls every byte, their order, and their sizes.
 *
 *	flow_reader_new(FLOW_STREAM, &reader);
 *	r = flow_reader_take(reader, offset, bytes, size, last);
 *	while (r == FLOW_READER_DONE) {
 *		send(flow_reader_facts(reader));
 *		r = flow_reader_next(reader);
 *	}
 *
 * Whoever wants the first facts only leaves the loop out, and frees the reader.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_facts;
struct flow_reader;

enum flow_transport {
	FLOW_STREAM,
	FLOW_DATAGRAMS,
	FLOW_STREAM_EACH, /* as FLOW_STREAM; see flow_reader_next() */
};

#define FLOW_READER_DONE 1

/* Bytes of a stream that are kept. A ClientHello with two post-quantum key shares has some 4 KiB,
 * and servers take 8 to 16 KiB of HTTP headers. What comes after them is not looked at: what was
 * read up to there is told as FLOW_INCOMPLETE. */
#define FLOW_READER_BYTES_MAX 16384

/* Datagrams that are looked at. A ClientHello over QUIC needs two or three; the rest is for
 * retransmissions, a Retry, and a version that the server did not want. */
#define FLOW_READER_DATAGRAMS_MAX 32
/* Datagrams that are no QUIC before the flow counts as none: a single one before the first Initial
 * packet (hole punching, or somebody who wants to be missed) must not hide it. */
#define FLOW_READER_STRANGERS_MAX 4

/* Loads what OpenSSL opens files for at its first use. To be called before a sandbox closes. 0 or
 * -EIO. */
int flow_reader_prepare(void);

int flow_reader_new(enum flow_transport transport, struct flow_reader **ret);
void flow_reader_free(struct flow_reader *reader);

/* Takes bytes of the flow; offset: in the stream (datagrams: ignored). last: no more will come.
 * 0: more is wanted; FLOW_READER_DONE: facts are final. -ENOMEM. Of bytes that come twice (TCP
 * retransmits, segments overlap) the first stand. After last it is FLOW_READER_DONE always; after
 * FLOW_READER_DONE more bytes change nothing, unless flow_reader_next() was called, in which case
 * -ENODATA: nothing more was named, and nothing can follow; of datagrams nothing is begun, but
 * another connection may be. */
int flow_reader_take(struct flow_reader *reader, uint32_t offset, const uint8_t *bytes, size_t size,
		     bool last);

/* Goes on after FLOW_READER_DONE, for a flow can name more than one server: the next HTTP request
 * in the stream, TLS or HTTP within a CONNECT tunnel, another Host of the same request, another
 * name in the same ClientHello. Only what names another server, or is of another protocol, comes
 * up; of FLOW_STREAM_EACH every request that names a server does. FLOW_READER_DONE: the facts are
 * now those. 0: not in the bytes so far; take() may bring it, and nothing is lost if it is not
 * called. -ENODATA: nothing can follow. -ENOMEM. */
int flow_reader_next(struct flow_reader *reader);

/* Borrowed until the next call. When a flow is FLOW_INCOMPLETE or FLOW_MALFORMED, they hold what
 * was read up to there, the name above all. */
const struct flow_facts *flow_reader_facts(const struct flow_reader *reader);
