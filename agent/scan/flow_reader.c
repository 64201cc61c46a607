/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/flow_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/quic_crypto.h"
#include "scan/assembly.h"
#include "scan/flow_names.h"
#include "scan/http2.h"
#include "scan/http_request.h"
#include "scan/quic_initial.h"
#include "scan/socks.h"
#include "scan/tls_hello.h"
#include "scan/tls_record.h"
#include "scan/upgrade.h"
#include "sensor/flow_facts.h"

_Static_assert(FLOW_READER_BYTES_MAX == ASSEMBLY_MAX, "a stream is put together by an assembly");

/* What a stream is read as, from start on. */
struct stream_protocol {
	enum flow_protocol protocol;
	int (*look)(const uint8_t *bytes, size_t size);
	/* Reads what is there. final: no more will come. 1 when facts are final, 0 when more is
	 * wanted, -EAGAIN when the stream goes on as something else from start on, -ENOMEM. */
	int (*read)(struct flow_reader *reader, uint8_t *bytes, size_t size, bool final);
};

struct flow_reader {
	enum flow_transport transport;
	struct flow_facts facts;
	struct flow_names names;
	bool done, last;

	struct assembly stream;
	const struct stream_protocol *protocol; /* NULL: not known yet */
	size_t start;				/* of what is being read */
	size_t searched;			/* from start on, for http_head_size() */
	struct tls_records records;
	struct http_request request;
	struct http2 http2;
	size_t head;	/* of the request; 0: not there whole */
	size_t hello;	/* likewise, of the ClientHello in TLS */
	bool again;	/* one was passed in this TLS: only another may follow */
	bool following; /* not the first any more: only what names another server is told, of TLS
			 * in QUIC, too */
	bool skipping;	/* within the body of a request */
	struct {
		enum flow_protocol protocol;
		char name[FLOW_NAME_MAX + 1];
	} told; /* before */

	struct quic_initial quic;
	unsigned datagrams, strangers;
};

CLEANUP_DEFINE(struct flow_reader *, flow_reader_free)

int flow_reader_prepare(void)
{
	uint8_t hash[SHA256_SIZE];

	return digest_sha256("", 0, hash) < 0 ? -EIO : quic_crypto_prepare();
}

int flow_reader_new(enum flow_transport transport, struct flow_reader **ret)
{
	struct flow_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	reader->transport = transport;
	*ret = reader;
	return 0;
}

void flow_reader_free(struct flow_reader *reader)
{
	if (!reader)
		return;
	assembly_clear(&reader->stream);
	quic_initial_clear(&reader->quic);
	http2_clear(&reader->http2);
	free(reader);
}

const struct flow_facts *flow_reader_facts(const struct flow_reader *reader)
{
	return &reader->facts;
}

static void facts_incomplete(struct flow_facts *facts, const char *reason)
{
	if (facts->outcome != FLOW_READ)
		return;
	facts->outcome = FLOW_INCOMPLETE;
	(void)snprintf(facts->reason, sizeof(facts->reason), "%s", reason);
}

static int tls_read(struct flow_reader *reader, uint8_t *bytes, size_t size, bool final)
{
	const char *reason = "";
	int r = tls_records_gather(&reader->records, bytes, size, &reason);
	const uint8_t *hello = bytes + reader->records.begin;
	size_t have = reader->records.end - reader->records.begin;
	size_t whole = tls_hello_size(hello, have);
	bool complete = whole > 0 && have >= whole;

	if (reader->again && have > 0 && !tls_hello_client(hello[0]))
		return -ENODATA;
	if (have > 0 && tls_hello_server(hello[0])) {
		reader->facts.protocol = FLOW_NONE;
		return 1;
	}
	if (r == 0 && !complete && !final)
		return 0;
	reader->hello = complete ? whole : 0;
	tls_hello_read(hello, have, TLS_STREAM, &reader->facts, &reader->names);
	if (r < 0 && !complete)
		flow_facts_fault(&reader->facts, reason);
	return 1;
}

static int v2_read(struct flow_reader *reader, uint8_t *bytes, size_t size, bool final)
{
	tls_hello_v2_read(bytes, size, &reader->facts);
	if (reader->facts.outcome != FLOW_INCOMPLETE || final)
		return 1;
	reader->facts.outcome = FLOW_READ;
	reader->facts.reason[0] = '\0';
	return 0;
}

static int http_look(const uint8_t *bytes, size_t size)
{
	return http_request_look((const char *)bytes, size);
}

static int http_read(struct flow_reader *reader, uint8_t *bytes, size_t size, bool final)
{
	const char *text = (const char *)bytes;

	reader->head = http_head_size(text, size, &reader->searched);
	if (reader->head == 0 && !final)
		return 0;
	http_request_read(text, reader->head > 0 ? reader->head : size, &reader->request,
			  &reader->facts, &reader->names);
	if (reader->head == 0)
		facts_incomplete(&reader->facts, "the head of the request was cut");
	return 1;
}

/* Each of its requests ends in FLOW_READER_DONE; stream_pass() keeps what HPACK has learnt. */
static int http2_read(struct flow_reader *reader, uint8_t *bytes, size_t size, bool final)
{
	int r = http2_take(&reader->http2, bytes, size, &reader->facts, &reader->names);

	if (r != 0 || !final)
		return r;
	if (reader->following)
		return -ENODATA;
	facts_incomplete(&reader->facts, "no request in what is there of HTTP/2");
	return 1;
}

static int upgrade_read(struct flow_reader *reader, uint8_t *bytes, size_t size, bool final)
{
	size_t at;

	if (upgrade_find(bytes, size, &reader->searched, &at) > 0) {
		reader->start += at;
		return -EAGAIN;
	}
	return final;
}

static int socks_read(struct flow_reader *reader, uint8_t *bytes, size_t size, bool final)
{
	size_t passed;
	int r = socks_skip(bytes, size, &passed);

	if (r <= 0)
		return r < 0 || final;
	reader->start += passed;
	return -EAGAIN;
}

/* In this order: whoever comes first has the stream. */
static const struct stream_protocol protocols[] = {
	{ FLOW_TLS, tls_records_look, tls_read }, { FLOW_HTTP, http2_look, http2_read },
	{ FLOW_HTTP, http_look, http_read },	  { FLOW_TLS, tls_hello_v2_look, v2_read },
	{ FLOW_NONE, socks_look, socks_read },	  { FLOW_NONE, upgrade_look, upgrade_read },
};

/* 1 when it is known (reader->protocol is NULL for none that we read), 0 when more is wanted. */
static int protocol_find(struct flow_reader *reader, const uint8_t *bytes, size_t size)
{
	for (unsigned i = 0; i < ELEMENTS(protocols); i++) {
		int r = protocols[i].look(bytes, size);

		if (r == -ENODATA)
			return 0;
		if (r > 0) {
			reader->protocol = &protocols[i];
			reader->facts.protocol = protocols[i].protocol;
			return 1;
		}
	}
	return 1;
}

/* Makes the reader forget what it read, to begin anew at start. */
static void stream_begin(struct flow_reader *reader)
{
	reader->protocol = NULL;
	reader->searched = 0;
	reader->records = (struct tls_records){ 0 };
	reader->head = 0;
	reader->hello = 0;
	reader->again = false;
	reader->facts = (struct flow_facts){ 0 };
	reader->names = (struct flow_names){ 0 };
}

/* Moves start over the body of the request. 1, 0 when it has not come whole, -ENODATA when nobody
 * can say where it ends. */
static int body_skip(struct flow_reader *reader)
{
	const struct http_request *request = &reader->request;
	size_t there = reader->stream.ready - reader->start, size = 0;
	int r = 1;

	if (request->body == HTTP_BODY_UNKNOWN)
		return -ENODATA;
	if (request->body == HTTP_BODY_LENGTH && request->length > there)
		return 0;
	if (request->body == HTTP_BODY_LENGTH)
		size = (size_t)request->length;
	else
		r = http_chunks_skip((const char *)reader->stream.bytes + reader->start, there,
				     &size);
	reader->start += size;
	return r == -EBADMSG ? -ENODATA : r;
}

/* One step on what is ready. As struct stream_protocol's read(), and -ENODATA when nothing can
 * follow. */
static int stream_step(struct flow_reader *reader, bool final)
{
	uint8_t *bytes;
	size_t size;
	int r;

	if (reader->skipping) {
		r = body_skip(reader);
		if (r <= 0)
			return r == 0 && final ? -ENODATA : r;
		reader->skipping = false;
	}
	if (reader->start == reader->stream.ready) {
		if (!final)
			return 0;
		facts_incomplete(&reader->facts, "too little to tell what it is");
		return 1;
	}
	bytes = reader->stream.bytes + reader->start;
	size = reader->stream.ready - reader->start;
	if (!reader->protocol) {
		r = protocol_find(reader, bytes, size);
		if (r == 0 && final)
			facts_incomplete(&reader->facts, "too little to tell what it is");
		if (!reader->protocol)
			return r > 0 || final;
	}
	return reader->protocol->read(reader, bytes, size, final);
}

static bool facts_told(const struct flow_reader *reader)
{
	const struct flow_facts *facts = &reader->facts;

	return facts->name[0] == '\0' ||
	       (reader->transport != FLOW_STREAM_EACH && facts->protocol == reader->told.protocol &&
		strcasecmp(facts->name, reader->told.name) == 0);
}

/* Whether they are to be told: else the next name that came with them is, until there is none. */
static bool facts_wanted(struct flow_reader *reader)
{
	while (reader->following && facts_told(reader))
		if (!flow_names_next(&reader->names, &reader->facts))
			return false;
	return true;
}

static void told_note(struct flow_reader *reader)
{
	reader->following = true;
	if (reader->facts.name[0] == '\0')
		return;
	reader->told.protocol = reader->facts.protocol;
	memcpy(reader->told.name, reader->facts.name, sizeof(reader->told.name));
}

/* Leaves the request or hello that was read behind; -ENODATA when nothing can follow it. A server
 * may want another hello (RFC 8446, 4.1.4). */
static int stream_pass(struct flow_reader *reader)
{
	const struct stream_protocol *protocol = reader->protocol;
	bool frames = protocol && protocol->read == http2_read;
	struct tls_records records = reader->records;
	size_t hello = reader->hello;

	if (reader->head == 0 && hello == 0 && !frames)
		return -ENODATA;
	told_note(reader);
	reader->start += reader->head;
	reader->skipping = !reader->request.tunnel && !frames && hello == 0;
	stream_begin(reader);
	if (frames || hello > 0) {
		reader->protocol = protocol;
		reader->facts.protocol = protocol->protocol;
	}
	if (hello > 0) {
		reader->records = records;
		reader->records.begin += hello;
		reader->again = true;
	}
	return 0;
}

static int stream_read(struct flow_reader *reader)
{
	for (;;) {
		bool final = reader->last || reader->stream.ready == FLOW_READER_BYTES_MAX;
		int r = stream_step(reader, final);

		if (r == -EAGAIN) {
			stream_begin(reader);
			continue;
		}
		if (r <= 0)
			return r;
		if (facts_wanted(reader)) {
			reader->done = true;
			return FLOW_READER_DONE;
		}
		r = stream_pass(reader);
		if (r < 0)
			return r;
	}
}

static int stream_take(struct flow_reader *reader, uint32_t offset, const uint8_t *bytes,
		       size_t size)
{
	int r = assembly_add(&reader->stream, offset, bytes, size);

	if (r < 0)
		return r;
	r = stream_read(reader);
	if (r > 0 && reader->stream.ready == 0 && reader->stream.end > 0)
		facts_incomplete(&reader->facts, "the beginning of the stream is missing");
	return r;
}

static bool hello_whole(const struct assembly *crypto)
{
	size_t whole = tls_hello_size(crypto->bytes, crypto->ready);

	return crypto->ready == ASSEMBLY_MAX || (whole > 0 && crypto->ready >= whole);
}

/* A connection whose hello is there and was not read; else *ret_half is one with a part of it, or
 * NULL. */
static struct quic_connection *connection_find(struct flow_reader *reader,
					       struct quic_connection **ret_half)
{
	*ret_half = NULL;
	for (unsigned i = 0; i < QUIC_CONNECTIONS_MAX; i++) {
		struct quic_connection *connection = &reader->quic.connections[i];

		if (connection->opened == 0 || connection->read)
			continue;
		if (hello_whole(&connection->crypto))
			return connection;
		*ret_half = connection;
	}
	return NULL;
}

static void connection_read(struct flow_reader *reader, struct quic_connection *connection)
{
	struct flow_facts *facts = &reader->facts;

	connection->read = true;
	stream_begin(reader);
	facts->protocol = FLOW_QUIC;
	facts->quic_version = connection->version;
	tls_hello_read(connection->crypto.bytes, connection->crypto.ready, TLS_QUIC, facts,
		       &reader->names);
	if (connection->fault)
		flow_facts_fault(facts, connection->fault);
}

/* What a flow of datagrams is of which nothing could be read, when no more is looked at. */
static void datagrams_unread(struct flow_reader *reader)
{
	const struct quic_initial *quic = &reader->quic;
	struct flow_facts *facts = &reader->facts;

	if (quic->version == 0)
		return;
	facts->protocol = FLOW_QUIC;
	facts->quic_version = quic->version;
	if (quic->packets > 0 && !quic_version_reserved(quic->version)) {
		facts_incomplete(facts, "no Initial packet that opens");
	} else {
		facts->outcome = FLOW_UNSUPPORTED;
		strcpy(facts->reason, "a version of QUIC that there are no keys for");
	}
}

/* What the datagrams so far say. As flow_reader_take(). */
static int datagrams_read(struct flow_reader *reader)
{
	bool final = reader->last || reader->datagrams >= FLOW_READER_DATAGRAMS_MAX ||
		     reader->quic.packets == QUIC_PACKETS_MAX;
	struct quic_connection *connection, *half;

	while ((connection = connection_find(reader, &half)) || (final && half)) {
		connection_read(reader, connection ? connection : half);
		if (facts_wanted(reader)) {
			reader->done = true;
			return FLOW_READER_DONE;
		}
	}
	if (half)
		return 0;
	if (reader->following)
		return -ENODATA;
	if (!final && reader->strangers < FLOW_READER_STRANGERS_MAX)
		return 0;
	datagrams_unread(reader);
	reader->done = true;
	return FLOW_READER_DONE;
}

static int datagram_take(struct flow_reader *reader, const uint8_t *bytes, size_t size)
{
	if (size > 0) {
		int kind = quic_initial_take(&reader->quic, bytes, size);

		if (kind < 0)
			return kind;
		reader->datagrams++;
		reader->strangers += kind != QUIC_INITIAL && kind != QUIC_OTHER;
	}
	return datagrams_read(reader);
}

int flow_reader_take(struct flow_reader *reader, uint32_t offset, const uint8_t *bytes, size_t size,
		     bool last)
{
	if (reader->done)
		return FLOW_READER_DONE;
	reader->last |= last;
	if (reader->transport == FLOW_DATAGRAMS)
		return datagram_take(reader, bytes, size);
	return stream_take(reader, offset, bytes, size);
}

int flow_reader_next(struct flow_reader *reader)
{
	int r;

	if (!reader->done)
		return reader->last ? -ENODATA : 0;
	if (flow_names_next(&reader->names, &reader->facts))
		return FLOW_READER_DONE;
	if (reader->transport == FLOW_DATAGRAMS) {
		told_note(reader);
		reader->done = false;
		return datagrams_read(reader);
	}
	r = stream_pass(reader);
	if (r < 0)
		return r;
	reader->done = false;
	return stream_read(reader);
}
