/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "scan/protocol.h"

static const char *read_why(const struct protocol_frame *frame, enum protocol_reader reader,
			    struct protocol_message *ret)
{
	const char *why = "";
	size_t at = 0;
	int r = protocol_next(frame, &at, reader, ret, &why);

	return r == -EBADMSG ? why : r == 1 ? "good" : "end";
}

static void requests_are_read_as_written(void **state)
{
	/* Proves: payload, forget and ping come out as they went in, one after the other. */
	static struct protocol_frame frame;
	const struct protocol_payload payload = { .transport = FLOW_DATAGRAMS,
						  .offset = UINT32_MAX,
						  .last = true,
						  .bytes = (const uint8_t *)"seven b",
						  .size = 7 };
	struct protocol_message message;
	const char *why;
	size_t at = 0;

	(void)state;
	frame.size = 0;
	assert_int_equal(protocol_add_payload(&frame, 5, &payload), 0);
	assert_int_equal(protocol_add_forget(&frame, 6), 0);
	assert_int_equal(protocol_add_ping(&frame, 7), 0);
	assert_int_equal(protocol_next(&frame, &at, PROTOCOL_WORKER, &message, &why), 1);
	assert_int_equal(message.type, PROTOCOL_PAYLOAD);
	assert_int_equal(message.id, 5);
	assert_int_equal(message.payload.transport, FLOW_DATAGRAMS);
	assert_int_equal(message.payload.offset, UINT32_MAX);
	assert_true(message.payload.last);
	assert_int_equal(message.payload.size, 7);
	assert_memory_equal(message.payload.bytes, "seven b", 7);
	assert_int_equal(protocol_next(&frame, &at, PROTOCOL_WORKER, &message, &why), 1);
	assert_int_equal(message.type, PROTOCOL_FORGET);
	assert_int_equal(message.id, 6);
	assert_int_equal(protocol_next(&frame, &at, PROTOCOL_WORKER, &message, &why), 1);
	assert_int_equal(message.type, PROTOCOL_PING);
	assert_int_equal(protocol_next(&frame, &at, PROTOCOL_WORKER, &message, &why), 0);
}

static void replies_are_read_as_written(void **state)
{
	/* Proves: hello, facts, pong and failed come out as they went in, at their largest too. */
	static struct protocol_frame frame;
	struct protocol_hello hello = { .version = PROTOCOL_VERSION, .uid = 999 };
	struct flow_facts facts = { .protocol = FLOW_QUIC,
				    .outcome = FLOW_UNSUPPORTED,
				    .ech = true,
				    .tls_version = 0x0304,
				    .quic_version = 0x6b3343cf,
				    .http_port = 8443,
				    .alpn = "h3",
				    .ja4 = "q13d0312h3_55b375c5d22e_06cda9e17597",
				    .method = "CONNECT",
				    .reason = "why" };
	const struct protocol_pong pong = { 1, 2, 3 };
	struct protocol_message message;
	char text[500];

	(void)state;
	hello.layers[CAGE_LANDLOCK] = ENOSYS;
	memset(facts.name, 'n', FLOW_NAME_MAX);
	frame.size = 0;
	assert_int_equal(protocol_add_hello(&frame, &hello), 0);
	assert_string_equal(read_why(&frame, PROTOCOL_PARENT_UNGREETED, &message), "good");
	assert_int_equal(message.hello.uid, 999);
	assert_int_equal(message.hello.layers[CAGE_LANDLOCK], ENOSYS);
	frame.size = 0;
	assert_int_equal(protocol_add_facts(&frame, 9, &facts), 0);
	assert_string_equal(read_why(&frame, PROTOCOL_PARENT_GREETED, &message), "good");
	assert_int_equal(message.id, 9);
	assert_int_equal(message.facts.protocol, FLOW_QUIC);
	assert_int_equal(message.facts.outcome, FLOW_UNSUPPORTED);
	assert_true(message.facts.ech);
	assert_int_equal(message.facts.quic_version, 0x6b3343cf);
	assert_int_equal(message.facts.http_port, 8443);
	assert_string_equal(message.facts.name, facts.name);
	assert_string_equal(message.facts.ja4, facts.ja4);
	assert_string_equal(message.facts.method, "CONNECT");
	frame.size = 0;
	assert_int_equal(protocol_add_pong(&frame, 8, &pong), 0);
	assert_string_equal(read_why(&frame, PROTOCOL_PARENT_GREETED, &message), "good");
	assert_int_equal(message.pong.failed, 3);
	memset(text, 't', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	frame.size = 0;
	assert_int_equal(protocol_add_failed(&frame, text), 0);
	assert_string_equal(read_why(&frame, PROTOCOL_PARENT_UNGREETED, &message), "good");
	assert_int_equal(strlen(message.text), PROTOCOL_TEXT_MAX);
}

static void everything_has_its_time(void **state)
{
	/* Proves: who may read what, and when, is as the table says, for every message. */
	static const struct {
		enum protocol_type type;
		unsigned readers;
	} rows[] = {
		{ PROTOCOL_HELLO, PROTOCOL_PARENT_UNGREETED },
		{ PROTOCOL_FAILED, PROTOCOL_PARENT_UNGREETED | PROTOCOL_PARENT_GREETED },
		{ PROTOCOL_FACTS, PROTOCOL_PARENT_GREETED },
		{ PROTOCOL_ENDED, PROTOCOL_PARENT_GREETED },
		{ PROTOCOL_PONG, PROTOCOL_PARENT_GREETED },
		{ PROTOCOL_PAYLOAD, PROTOCOL_WORKER },
		{ PROTOCOL_FORGET, PROTOCOL_WORKER },
		{ PROTOCOL_PING, PROTOCOL_WORKER },
	};

	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), PROTOCOL_TYPES - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(protocol_rule(rows[i].type)->allowed, rows[i].readers);
	assert_null(protocol_rule(0));
	assert_null(protocol_rule(PROTOCOL_TYPES));
	assert_null(protocol_rule(UINT32_MAX));
}

/* Where in a frame of one message something is changed, and what is then said of it. */
struct damage {
	enum protocol_type type;
	size_t at;
	uint8_t value;
	const char *why;
};

static void frame_make(struct protocol_frame *frame, enum protocol_type type)
{
	const struct protocol_hello hello = { .version = PROTOCOL_VERSION };
	const struct protocol_payload payload = { .bytes = (const uint8_t *)"x", .size = 1 };
	const struct flow_facts facts = { .name = "n" };

	frame->size = 0;
	if (type == PROTOCOL_HELLO)
		(void)protocol_add_hello(frame, &hello);
	else if (type == PROTOCOL_PAYLOAD)
		(void)protocol_add_payload(frame, 1, &payload);
	else
		(void)protocol_add_facts(frame, 1, &facts);
}

static void damage_is_found(void **state)
{
	/* Proves: each field that could lead astray is checked; text without an end is refused. */
	static const struct damage cases[] = {
		{ PROTOCOL_FACTS, 0, 99, "an unknown message" },
		{ PROTOCOL_FACTS, 2, 1, "an unknown message" },
		{ PROTOCOL_FACTS, 0, PROTOCOL_PAYLOAD, "a message that is not allowed now" },
		{ PROTOCOL_FACTS, 4, 1, "a message of the wrong size" },
		{ PROTOCOL_FACTS, 16 + 8, FLOW_PROTOCOLS, "facts of no known kind" },
		{ PROTOCOL_FACTS, 16 + 9, FLOW_OUTCOMES, "facts of no known kind" },
		{ PROTOCOL_FACTS, 16 + 10, 2, "facts of no known kind" },
		{ PROTOCOL_FACTS, 16 + 11, 1, "facts of no known kind" },
		{ PROTOCOL_PAYLOAD, 16 + 4, 3, "a payload of no known kind" },
		{ PROTOCOL_PAYLOAD, 16 + 5, 2, "a payload of no known kind" },
		{ PROTOCOL_PAYLOAD, 4, 250, "a message that runs past its frame" },
		{ PROTOCOL_PAYLOAD, 7, 1, "a message of the wrong size" },
		{ PROTOCOL_HELLO, 16, 99, "a worker of another version" },
	};
	static struct protocol_frame frame;
	struct protocol_message message;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum protocol_reader reader =
			cases[i].type == PROTOCOL_HELLO	    ? PROTOCOL_PARENT_UNGREETED
			: cases[i].type == PROTOCOL_PAYLOAD ? PROTOCOL_WORKER
							    : PROTOCOL_PARENT_GREETED;

		frame_make(&frame, cases[i].type);
		assert_string_equal(read_why(&frame, reader, &message), "good");
		frame.bytes[cases[i].at] = cases[i].value;
		assert_string_equal(read_why(&frame, reader, &message), cases[i].why);
	}
	/* The name, filled to its last byte, and one more. */
	frame_make(&frame, PROTOCOL_FACTS);
	memset(frame.bytes + 16 + 12, 'n', FLOW_NAME_MAX + 1);
	assert_string_equal(read_why(&frame, PROTOCOL_PARENT_GREETED, &message),
			    "facts with a text that does not end");
	for (frame.size = 1; frame.size < 16; frame.size++)
		assert_string_equal(read_why(&frame, PROTOCOL_PARENT_GREETED, &message),
				    "a message cut short");
}

static void frames_are_bounded(void **state)
{
	/* Proves: a full frame takes no more and stays as it was; its ping always fits. */
	static struct protocol_frame frame;
	static const uint8_t bytes[PROTOCOL_BYTES_MAX + 1];
	struct protocol_payload payload = { .bytes = bytes, .size = sizeof(bytes) };
	size_t room, size;

	(void)state;
	frame.size = 0;
	assert_int_equal(protocol_add_payload(&frame, 1, &payload), -ENOBUFS);
	while ((room = protocol_payload_room(&frame)) > 0) {
		payload.size = room;
		assert_int_equal(protocol_add_payload(&frame, 1, &payload), 0);
	}
	assert_int_equal(protocol_add_ping(&frame, 1), 0);
	size = frame.size;
	assert_in_range(size, PROTOCOL_FRAME_MAX - 16, PROTOCOL_FRAME_MAX);
	payload.size = 64;
	assert_int_equal(protocol_add_payload(&frame, 1, &payload), -ENOBUFS);
	assert_int_equal(frame.size, size);
}

static void sockets_carry_whole_frames(void **state)
{
	/* Proves: a frame goes through as a whole; one that is too large, or the end, is told. */
	static struct protocol_frame frame, received;
	static char large[PROTOCOL_FRAME_MAX + 1];
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(protocol_receive(ends[1], &received, false), -EAGAIN);
	frame.size = 0;
	assert_int_equal(protocol_add_ping(&frame, 77), 0);
	assert_int_equal(protocol_send(ends[0], &frame, false), 0);
	assert_int_equal(protocol_receive(ends[1], &received, true), 0);
	assert_int_equal(received.size, frame.size);
	assert_memory_equal(received.bytes, frame.bytes, frame.size);
	assert_int_equal(send(ends[0], large, sizeof(large), 0), sizeof(large));
	assert_int_equal(protocol_receive(ends[1], &received, false), -EBADMSG);
	(void)close(ends[0]);
	assert_int_equal(protocol_receive(ends[1], &received, false), -EPIPE);
	assert_int_equal(protocol_send(ends[1], &frame, false), -EPIPE);
	(void)close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_read_as_written),
		cmocka_unit_test(replies_are_read_as_written),
		cmocka_unit_test(everything_has_its_time),
		cmocka_unit_test(damage_is_found),
		cmocka_unit_test(frames_are_bounded),
		cmocka_unit_test(sockets_carry_whole_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
