/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the form of the messages between a worker and its parent, their table, and the checks of
 * what comes in. Used by worker.c and pool_worker.c. The parent reads here what a worker wrote that
 * may be in an attacker's hands.
 */
#include "scan/protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define ALIGNED(size) (((size) + 7) & ~(size_t)7)

/* What follows the head. Bytes only, or of fixed size without holes: they are copied as they are
 * between two processes of one build. */
struct wire_payload {
	uint32_t offset;
	uint8_t transport, last;
	uint16_t zero;
};

struct wire_hello {
	uint32_t version, uid;
	uint16_t layers[CAGE_LAYERS];
};

struct wire_pong {
	uint64_t flows, evicted, failed;
};

struct wire_facts {
	uint32_t quic_version;
	uint16_t tls_version, http_port;
	uint8_t protocol, outcome, ech, zero;
	char name[FLOW_NAME_MAX + 1];
	char alpn[FLOW_ALPN_MAX + 1];
	char ja4[FLOW_JA4_SIZE];
	char method[FLOW_METHOD_MAX + 1];
	char reason[sizeof((struct flow_facts){ 0 }.reason)];
};

_Static_assert(sizeof(struct protocol_head) + ALIGNED(sizeof(struct wire_facts)) <=
		       PROTOCOL_REPLY_MAX,
	       "the largest reply fits");

#define PARENT (PROTOCOL_PARENT_GREETED | PROTOCOL_PARENT_UNGREETED)

static const struct protocol_rule rules[PROTOCOL_TYPES] = {
	[PROTOCOL_HELLO] = { "hello", sizeof(struct wire_hello), sizeof(struct wire_hello),
			     PROTOCOL_PARENT_UNGREETED, 0 },
	[PROTOCOL_FAILED] = { "failed", 1, PROTOCOL_TEXT_MAX, PARENT, 0 },
	[PROTOCOL_FACTS] = { "facts", sizeof(struct wire_facts), sizeof(struct wire_facts),
			     PROTOCOL_PARENT_GREETED, 0 },
	[PROTOCOL_ENDED] = { "ended", 0, 0, PROTOCOL_PARENT_GREETED, 0 },
	[PROTOCOL_PONG] = { "pong", sizeof(struct wire_pong), sizeof(struct wire_pong),
			    PROTOCOL_PARENT_GREETED, 0 },
	[PROTOCOL_PAYLOAD] = { "payload", sizeof(struct wire_payload),
			       sizeof(struct wire_payload) + PROTOCOL_BYTES_MAX, PROTOCOL_WORKER,
			       0 },
	[PROTOCOL_FORGET] = { "forget", 0, 0, PROTOCOL_WORKER, 0 },
	[PROTOCOL_PING] = { "ping", 0, 0, PROTOCOL_WORKER, 0 },
};

const struct protocol_rule *protocol_rule(unsigned type)
{
	return type < ELEMENTS(rules) && rules[type].name ? &rules[type] : NULL;
}

/* ---- writing ---- */

/* Room for a message at the end of the frame, which is zero; NULL: there is none. */
static uint8_t *message_place(struct protocol_frame *frame, enum protocol_type type, uint64_t id,
			      size_t size)
{
	struct protocol_head head = { .type = (uint16_t)type, .size = (uint32_t)size, .id = id };
	size_t all = sizeof(head) + ALIGNED(size);
	uint8_t *at = frame->bytes + frame->size;

	if (all > sizeof(frame->bytes) - frame->size)
		return NULL;
	memcpy(at, &head, sizeof(head));
	/* The padding must not tell what was in this memory before. */
	if (ALIGNED(size) > size)
		memset(at + sizeof(head) + size, 0, ALIGNED(size) - size);
	frame->size += all;
	return at + sizeof(head);
}

static int message_add(struct protocol_frame *frame, enum protocol_type type, uint64_t id,
		       const void *data, size_t size)
{
	uint8_t *place = message_place(frame, type, id, size);

	if (!place)
		return -ENOBUFS;
	if (size > 0)
		memcpy(place, data, size);
	return 0;
}

int protocol_add_payload(struct protocol_frame *frame, uint64_t id,
			 const struct protocol_payload *payload)
{
	struct wire_payload wire = { .offset = payload->offset,
				     .transport = (uint8_t)payload->transport,
				     .last = payload->last };
	uint8_t *place;

	if (payload->size > PROTOCOL_BYTES_MAX)
		return -ENOBUFS;
	place = message_place(frame, PROTOCOL_PAYLOAD, id, sizeof(wire) + payload->size);
	if (!place)
		return -ENOBUFS;
	memcpy(place, &wire, sizeof(wire));
	if (payload->size > 0)
		memcpy(place + sizeof(wire), payload->bytes, payload->size);
	return 0;
}

int protocol_add_forget(struct protocol_frame *frame, uint64_t id)
{
	return message_add(frame, PROTOCOL_FORGET, id, NULL, 0);
}

int protocol_add_ping(struct protocol_frame *frame, uint64_t id)
{
	return message_add(frame, PROTOCOL_PING, id, NULL, 0);
}

int protocol_add_ended(struct protocol_frame *frame, uint64_t id)
{
	return message_add(frame, PROTOCOL_ENDED, id, NULL, 0);
}

int protocol_add_hello(struct protocol_frame *frame, const struct protocol_hello *hello)
{
	struct wire_hello wire = { .version = hello->version, .uid = hello->uid };

	memcpy(wire.layers, hello->layers, sizeof(wire.layers));
	return message_add(frame, PROTOCOL_HELLO, 0, &wire, sizeof(wire));
}

int protocol_add_failed(struct protocol_frame *frame, const char *text)
{
	return message_add(frame, PROTOCOL_FAILED, 0, text, strnlen(text, PROTOCOL_TEXT_MAX));
}

int protocol_add_pong(struct protocol_frame *frame, uint64_t id, const struct protocol_pong *pong)
{
	struct wire_pong wire = { pong->flows, pong->evicted, pong->failed };

	return message_add(frame, PROTOCOL_PONG, id, &wire, sizeof(wire));
}

/* What stands behind the text's end is not told. */
static void text_put(char *wire, const char *text, size_t size)
{
	size_t length = strnlen(text, size - 1);

	memcpy(wire, text, length);
	memset(wire + length, 0, size - length);
}

int protocol_add_facts(struct protocol_frame *frame, uint64_t id, const struct flow_facts *facts)
{
	struct wire_facts wire = {
		.quic_version = facts->quic_version,
		.tls_version = facts->tls_version,
		.http_port = facts->http_port,
		.protocol = (uint8_t)facts->protocol,
		.outcome = (uint8_t)facts->outcome,
		.ech = facts->ech,
	};

	text_put(wire.name, facts->name, sizeof(wire.name));
	text_put(wire.alpn, facts->alpn, sizeof(wire.alpn));
	text_put(wire.ja4, facts->ja4, sizeof(wire.ja4));
	text_put(wire.method, facts->method, sizeof(wire.method));
	text_put(wire.reason, facts->reason, sizeof(wire.reason));
	return message_add(frame, PROTOCOL_FACTS, id, &wire, sizeof(wire));
}

size_t protocol_payload_room(const struct protocol_frame *frame)
{
	size_t taken = frame->size + 2 * sizeof(struct protocol_head) + sizeof(struct wire_payload);

	if (taken >= sizeof(frame->bytes))
		return 0;
	return sizeof(frame->bytes) - taken < PROTOCOL_BYTES_MAX ? sizeof(frame->bytes) - taken
								 : PROTOCOL_BYTES_MAX;
}

/* ---- reading ---- */

static bool text_get(char *text, const char *wire, size_t size)
{
	const char *end = memchr(wire, '\0', size);

	if (!end)
		return false;
	memcpy(text, wire, (size_t)(end - wire));
	memset(text + (end - wire), 0, size - (size_t)(end - wire));
	return true;
}

static const char *payload_read(const uint8_t *data, size_t size, struct protocol_message *ret)
{
	struct wire_payload wire;

	memcpy(&wire, data, sizeof(wire));
	if (wire.transport > FLOW_STREAM_EACH || wire.last > 1 || wire.zero)
		return "a payload of no known kind";
	ret->payload = (struct protocol_payload){
		.transport = (enum flow_transport)wire.transport,
		.offset = wire.offset,
		.last = wire.last,
		.bytes = data + sizeof(wire),
		.size = size - sizeof(wire),
	};
	return NULL;
}

static const char *hello_read(const uint8_t *data, struct protocol_message *ret)
{
	struct wire_hello wire;

	memcpy(&wire, data, sizeof(wire));
	ret->hello = (struct protocol_hello){ .version = wire.version, .uid = wire.uid };
	memcpy(ret->hello.layers, wire.layers, sizeof(wire.layers));
	return wire.version == PROTOCOL_VERSION ? NULL : "a worker of another version";
}

static const char *facts_read(const uint8_t *data, struct protocol_message *ret)
{
	struct flow_facts *facts = &ret->facts;
	struct wire_facts wire;

	memcpy(&wire, data, sizeof(wire));
	if (wire.protocol >= FLOW_PROTOCOLS || wire.outcome >= FLOW_OUTCOMES || wire.ech > 1 ||
	    wire.zero)
		return "facts of no known kind";
	*facts = (struct flow_facts){
		.protocol = (enum flow_protocol)wire.protocol,
		.outcome = (enum flow_outcome)wire.outcome,
		.ech = wire.ech,
		.tls_version = wire.tls_version,
		.quic_version = wire.quic_version,
		.http_port = wire.http_port,
	};
	if (!text_get(facts->name, wire.name, sizeof(wire.name)) ||
	    !text_get(facts->alpn, wire.alpn, sizeof(wire.alpn)) ||
	    !text_get(facts->ja4, wire.ja4, sizeof(wire.ja4)) ||
	    !text_get(facts->method, wire.method, sizeof(wire.method)) ||
	    !text_get(facts->reason, wire.reason, sizeof(wire.reason)))
		return "facts with a text that does not end";
	return NULL;
}

static const char *body_read(const struct protocol_head *head, const uint8_t *data,
			     struct protocol_message *ret)
{
	struct wire_pong pong;

	switch (ret->type) {
	case PROTOCOL_PAYLOAD:
		return payload_read(data, head->size, ret);
	case PROTOCOL_HELLO:
		return hello_read(data, ret);
	case PROTOCOL_FACTS:
		return facts_read(data, ret);
	case PROTOCOL_PONG:
		memcpy(&pong, data, sizeof(pong));
		ret->pong = (struct protocol_pong){ pong.flows, pong.evicted, pong.failed };
		return NULL;
	case PROTOCOL_FAILED:
		memcpy(ret->text, data, head->size);
		ret->text[head->size] = '\0';
		return NULL;
	case PROTOCOL_ENDED:
	case PROTOCOL_FORGET:
	case PROTOCOL_PING:
	case PROTOCOL_TYPES:
		break;
	}
	return NULL;
}

static const char *head_check(const struct protocol_head *head, size_t left,
			      enum protocol_reader reader)
{
	const struct protocol_rule *rule = protocol_rule(head->type);

	if (!rule || head->zero)
		return "an unknown message";
	if (!(rule->allowed & reader))
		return "a message that is not allowed now";
	if (head->size < rule->size_min || head->size > rule->size_max)
		return "a message of the wrong size";
	if (ALIGNED((size_t)head->size) > left)
		return "a message that runs past its frame";
	return NULL;
}

int protocol_next(const struct protocol_frame *frame, size_t *at, enum protocol_reader reader,
		  struct protocol_message *ret, const char **ret_why)
{
	const uint8_t *data = frame->bytes + *at + sizeof(struct protocol_head);
	struct protocol_head head;
	const char *why;

	if (*at == frame->size)
		return 0;
	if (frame->size - *at < sizeof(head)) {
		*ret_why = "a message cut short";
		return -EBADMSG;
	}
	memcpy(&head, frame->bytes + *at, sizeof(head));
	why = head_check(&head, frame->size - *at - sizeof(head), reader);
	if (!why) {
		ret->type = (enum protocol_type)head.type;
		ret->id = head.id;
		why = body_read(&head, data, ret);
	}
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*at += sizeof(head) + ALIGNED((size_t)head.size);
	return 1;
}

/* ---- the socket ---- */

int protocol_send(int fd, const struct protocol_frame *frame, bool wait)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)frame->bytes, .iov_len = frame->size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = sendmsg(fd, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

int protocol_receive(int fd, struct protocol_frame *ret, bool wait)
{
	struct iovec part = { .iov_base = ret->bytes, .iov_len = sizeof(ret->bytes) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(fd, &message, wait ? 0 : MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EBADMSG;
	if (n == 0)
		return -EPIPE;
	ret->size = (size_t)n;
	return 0;
}
