/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "scan/worker.h"

/* A reader of our own: each byte of 'f' is a fact; 'e' ends it, 'm' wants memory that is not there
 * until others have given theirs back. */
struct flow_reader {
	enum flow_transport transport;
	struct flow_facts facts;
	char text[PROTOCOL_BYTES_MAX];
	size_t size, at;
	bool last;
};

static unsigned readers, readers_max;

int flow_reader_prepare(void)
{
	return 0;
}

int flow_reader_new(enum flow_transport transport, struct flow_reader **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->transport = transport;
	readers++;
	if (readers > readers_max)
		readers_max = readers;
	return 0;
}

void flow_reader_free(struct flow_reader *reader)
{
	readers -= reader != NULL;
	free(reader);
}

int flow_reader_next(struct flow_reader *reader)
{
	if (reader->at == reader->size)
		return reader->last ? -ENODATA : 0;
	if (reader->text[reader->at] == 'm' && readers > 2)
		return -ENOMEM;
	reader->facts.http_port++;
	return reader->text[reader->at++] == 'e' ? -ENODATA : FLOW_READER_DONE;
}

int flow_reader_take(struct flow_reader *reader, uint32_t offset, const uint8_t *bytes, size_t size,
		     bool last)
{
	int r;

	if (reader->transport == FLOW_STREAM)
		assert_int_equal(offset, reader->at);
	memcpy(reader->text, bytes, size);
	reader->size = size;
	reader->at = 0;
	reader->last = last;
	r = flow_reader_next(reader);
	return last && r <= 0 && r != -ENOMEM ? FLOW_READER_DONE : r;
}

const struct flow_facts *flow_reader_facts(const struct flow_reader *reader)
{
	return &reader->facts;
}

/* Replies, as "f1 e1 p" with the flow's number. */
static char said[65536];

static int hear(const struct protocol_frame *frame, void *userdata)
{
	struct protocol_message message;
	const char *why;
	size_t at = 0, length = strlen(said);

	(void)userdata;
	while (protocol_next(frame, &at, PROTOCOL_PARENT_GREETED, &message, &why) == 1)
		length += (size_t)snprintf(said + length, sizeof(said) - length, "%c%u ",
					   message.type == PROTOCOL_FACTS && *message.facts.reason
						   ? 'u'
					   : message.type == PROTOCOL_FACTS ? 'f'
					   : message.type == PROTOCOL_ENDED ? 'e'
									    : 'p',
					   (unsigned)message.id);
	assert_int_equal(at, frame->size);
	return 0;
}

static void take(struct worker *worker, struct protocol_frame *frame)
{
	const char *why = "";

	said[0] = '\0';
	assert_int_equal(worker_take(worker, frame, hear, NULL, &why), 0);
	frame->size = 0;
}

static void add_of(struct protocol_frame *frame, enum flow_transport transport, uint64_t id,
		   const char *text, bool last)
{
	const struct protocol_payload payload = { .transport = transport,
						  .offset = 5,
						  .last = last,
						  .bytes = (const uint8_t *)text,
						  .size = strlen(text) };

	assert_int_equal(protocol_add_payload(frame, id, &payload), 0);
}

static void add(struct protocol_frame *frame, uint64_t id, const char *text, bool last)
{
	add_of(frame, FLOW_STREAM, id, text, last);
}

static void facts_are_told_as_they_come(void **state)
{
	/* Proves: any number of facts for a payload, the end once, and what comes after it is not
	 * taken for another flow until the number is forgotten. */
	static struct protocol_frame frame;
	struct worker *worker;

	(void)state;
	frame.size = 0;
	assert_int_equal(worker_new(&worker), 0);
	add(&frame, 1, "ffe", false);
	add(&frame, 2, "", false);
	add(&frame, 3, "f", true);
	assert_int_equal(protocol_add_ping(&frame, 9), 0);
	take(worker, &frame);
	assert_string_equal(said, "f1 f1 e1 f3 e3 p9 ");
	assert_int_equal(readers, 1);
	add(&frame, 1, "f", false);
	take(worker, &frame);
	assert_string_equal(said, "e1 ");
	assert_int_equal(protocol_add_forget(&frame, 1), 0);
	assert_int_equal(protocol_add_forget(&frame, 2), 0);
	assert_int_equal(protocol_add_forget(&frame, 77), 0);
	add(&frame, 1, "f", false);
	take(worker, &frame);
	assert_string_equal(said, "f1 ");
	assert_int_equal(readers, 1);
	/* Of a flow that is not there, the end alone says nothing. */
	add(&frame, 4, "", true);
	take(worker, &frame);
	assert_string_equal(said, "u4 e4 ");
	worker_free(worker);
	assert_int_equal(readers, 0);
}

static void datagrams_after_the_end_are_read(void **state)
{
	/* Proves: datagrams that were on their way as their flow ended are read as well, by the
	 * same reader, until the number is forgotten or the last were sent. */
	static struct protocol_frame frame;
	struct worker *worker;

	(void)state;
	frame.size = 0;
	assert_int_equal(worker_new(&worker), 0);
	add_of(&frame, FLOW_DATAGRAMS, 1, "fe", false);
	add_of(&frame, FLOW_DATAGRAMS, 1, "f", false);
	add_of(&frame, FLOW_DATAGRAMS, 1, "e", false);
	add_of(&frame, FLOW_DATAGRAMS, 2, "fe", true);
	take(worker, &frame);
	assert_string_equal(said, "f1 e1 f1 e1 f2 e2 ");
	assert_int_equal(readers, 1);
	assert_int_equal(protocol_add_forget(&frame, 1), 0);
	take(worker, &frame);
	assert_int_equal(readers, 0);
	worker_free(worker);
}

static void flows_are_bounded(void **state)
{
	/* Proves: never more readers than WORKER_FLOWS_MAX; the oldest goes, and that is counted.
	 */
	static struct protocol_frame frame;
	struct worker *worker;

	(void)state;
	readers_max = 0;
	assert_int_equal(worker_new(&worker), 0);
	for (uint64_t id = 1; id <= WORKER_FLOWS_MAX + 3; id++) {
		frame.size = 0;
		add(&frame, id, "", false);
		take(worker, &frame);
	}
	assert_int_equal(readers_max, WORKER_FLOWS_MAX);
	add(&frame, 3, "", true);
	add(&frame, 4, "", true);
	take(worker, &frame);
	assert_string_equal(said, "u3 e3 f4 e4 ");
	worker_free(worker);
	assert_int_equal(readers, 0);
}

static void memory_is_made_by_the_oldest(void **state)
{
	/* Proves: when memory is short, older flows give theirs; without any, it is told. */
	static struct protocol_frame frame;
	struct worker *worker;

	(void)state;
	assert_int_equal(worker_new(&worker), 0);
	frame.size = 0;
	for (uint64_t id = 1; id <= 4; id++)
		add(&frame, id, "", false);
	add(&frame, 5, "mfe", false);
	take(worker, &frame);
	assert_string_equal(said, "f5 f5 e5 ");
	assert_int_equal(readers, 1);
	worker_free(worker);
}

static void many_facts_are_bounded(void **state)
{
	/* Proves: more facts than the parent takes are not sent; that they are not is said. */
	static struct protocol_frame frame;
	static char text[PROTOCOL_FACTS_MAX + 100];
	struct worker *worker;
	unsigned count = 0;

	(void)state;
	memset(text, 'f', sizeof(text) - 1);
	assert_int_equal(worker_new(&worker), 0);
	frame.size = 0;
	add(&frame, 1, text, false);
	take(worker, &frame);
	for (const char *at = said; (at = strstr(at, "f1 ")); at++)
		count++;
	assert_int_equal(count, PROTOCOL_FACTS_MAX - 1);
	assert_non_null(strstr(said, "f1 u1 e1 "));
	worker_free(worker);
}

static void malformed_requests_are_refused(void **state)
{
	/* Proves: a worker gives up at a frame that is none of its requests. */
	static struct protocol_frame frame;
	const struct flow_facts facts = { 0 };
	struct worker *worker;
	const char *why = "";

	(void)state;
	assert_int_equal(worker_new(&worker), 0);
	frame.size = 0;
	assert_int_equal(protocol_add_facts(&frame, 1, &facts), 0);
	assert_int_equal(worker_take(worker, &frame, hear, NULL, &why), -EBADMSG);
	assert_string_equal(why, "a message that is not allowed now");
	worker_free(worker);
	worker_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_told_as_they_come),
		cmocka_unit_test(datagrams_after_the_end_are_read),
		cmocka_unit_test(flows_are_bounded),
		cmocka_unit_test(memory_is_made_by_the_oldest),
		cmocka_unit_test(many_facts_are_bounded),
		cmocka_unit_test(malformed_requests_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
