/* SPDX-License-Identifier: Apache-2.0
 *
 * Records made into events: each kind as the kernel side writes it, and as nobody should. Records
 * are made by hand; no probe is loaded.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/probes.h"
#include "sensor/process.h"
#include "sensor/process_table.h"

#define EVENTS_MAX 600
#define PID_A	   0x7ffffff0u /* above every pid_max: nobody */
#define PID_B	   0x7fffffe0u

#define HEADER(questions)  0x12, 0x34, 0x01, 0x00, 0, questions, 0, 0, 0, 0, 0, 0
#define QUESTION_A(letter) 1, letter, 0, 0, 1, 0, 1
#define MESSAGE(letter)	   HEADER(1), QUESTION_A(letter) /* 19 bytes */
#define MESSAGE_SIZE	   19
#define PREFIXED(letter)   0, MESSAGE_SIZE, MESSAGE(letter)
#define NOTHING		   (const uint8_t *)"", 0
#define BYTES(...)	   (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

struct seen {
	size_t count;
	struct event events[EVENTS_MAX]; /* process pointers are borrowed, and only compared */
};

/* A sensor without probes, and what it called back with. */
struct rig {
	struct sensor sensor;
	struct seen seen;
};

static void event_seen(const struct event *event, void *userdata)
{
	struct seen *seen = userdata;

	assert_true(seen->count < EVENTS_MAX);
	seen->events[seen->count++] = *event;
}

static int rig_make(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig || process_table_new(-1, &rig->sensor.processes) < 0)
		return -1;
	rig->sensor.callback = event_seen;
	rig->sensor.userdata = &rig->seen;
	clock_hold(1000 * NS_PER_SECOND, 100 * NS_PER_SECOND);
	*state = rig;
	return 0;
}

static int rig_free(void **state)
{
	struct rig *rig = *state;

	clock_release();
	process_table_free(rig->sensor.processes);
	free(rig);
	return 0;
}

static struct record_question question_of(const uint8_t *name, size_t size)
{
	struct record_question record = { .head = { .kind = RECORD_QUESTION,
						    .flags = RECORD_MATCHED,
						    .protocol = IPPROTO_UDP,
						    .time = 90 * NS_PER_SECOND,
						    .data_size = (uint16_t)size } };

	memcpy(record.data, name, size);
	return record;
}

static struct record_message message_of(uint8_t reason, uint8_t protocol, const uint8_t *data,
					size_t size)
{
	struct record_message record = { .head = { .kind = RECORD_MESSAGE,
						   .reason = reason,
						   .protocol = protocol,
						   .time = 90 * NS_PER_SECOND,
						   .data_size = (uint16_t)size,
						   .whole_size = (uint32_t)size } };

	memcpy(record.data, data, size);
	return record;
}

/* Reads it and returns how many events came; the ledger's count must agree. */
static size_t take(struct rig *rig, const void *record, size_t size)
{
	uint64_t events = rig->sensor.events, rejected = rig->sensor.rejected;

	rig->seen.count = 0;
	record_read(&rig->sensor, record, size);
	assert_int_equal(rig->sensor.events, events + (rig->seen.count > 0));
	assert_int_equal(rig->sensor.rejected, rejected + (rig->seen.count == 0));
	return rig->seen.count;
}

static void assert_question(const struct event *event, const char *qname, const char *reason)
{
	char text[DOMAIN_NAME_TEXT_SIZE];

	assert_false(event->unreadable);
	domain_name_format(&event->name, text);
	assert_string_equal(text, qname);
	if (reason)
		assert_string_equal(event->reason, reason);
	else
		assert_null(event->reason);
}

static void assert_unreadable(const struct event *event, const char *reason)
{
	assert_true(event->unreadable);
	assert_false(event->matched);
	assert_int_equal(event->name.length, 0);
	assert_non_null(event->reason);
	assert_string_equal(event->reason, reason);
}

/* ---- connections ---- */

static void test_connection(void **state)
{
	/* Proves that a connection says where it went, why it is told, and whose it is; and that
	 * one without a reason, or with an unknown one, is refused. */
	static const struct {
		uint8_t reason, how;
		enum event_watch watch;
		enum event_attribution attribution;
	} cases[] = {
		{ RECORD_WATCH_ADDRESS, NOTE_CONNECT, EVENT_WATCH_ADDRESS,
		  EVENT_ATTRIBUTION_CONNECT },
		{ RECORD_WATCH_LEARNT, NOTE_SEND, EVENT_WATCH_LEARNT, EVENT_ATTRIBUTION_SEND },
		{ RECORD_WATCH_RESOLVER, NOTE_CREATE, EVENT_WATCH_RESOLVER,
		  EVENT_ATTRIBUTION_CURRENT },
		{ RECORD_WATCH_ENCRYPTED, NOTE_NONE, EVENT_WATCH_ENCRYPTED,
		  EVENT_ATTRIBUTION_CURRENT },
	};
	static const uint8_t wrong[] = { RECORD_WATCH_NONE, RECORD_WATCH_ENCRYPTED + 1, 255 };
	struct record record = { .kind = RECORD_CONNECTION,
				 .flags = RECORD_MATCHED | RECORD_BLOCKED,
				 .protocol = IPPROTO_TCP,
				 .time = 90 * NS_PER_SECOND,
				 .destination_port = 443,
				 .current = { .pid = 1 << 30, .start = 5 } };
	struct rig *rig = *state;
	const struct event *event = &rig->seen.events[0];

	record.addresses[31] = 7;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		record.reason = cases[i].reason;
		record.note.how = cases[i].how;
		record.note.process = cases[i].how ? record.current : (struct process_key){ 0 };
		assert_int_equal(take(rig, &record, sizeof(record)), 1);
		assert_int_equal(event->kind, EVENT_CONNECTION);
		assert_int_equal(event->watch, cases[i].watch);
		assert_int_equal(event->attribution, cases[i].attribution);
		assert_int_equal(event->pid, 1 << 30);
		assert_int_equal(event->disposition, EVENT_BLOCKED);
		assert_int_equal(event->destination.bytes[15], 7);
		assert_int_equal(event->destination_port, 443);
		assert_int_equal(event->direction, EVENT_DIRECTION_OUT);
		assert_true(event->matched);
		assert_null(event->reason);
	}
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		record.reason = wrong[i];
		assert_int_equal(take(rig, &record, sizeof(record)), 0);
	}
	record.reason = RECORD_WATCH_ADDRESS;
	assert_int_equal(take(rig, &record, sizeof(record) - 1), 0);
}

/* ---- questions ---- */

static void test_question(void **state)
{
	/* Proves that each field of a record with a question is in the event. */
	static const uint8_t name[] = { 3, 'W', 'w', 'w', 4, 'e', 'v', 'i', 'l', 0 };
	static const struct address source = { { [15] = 1 } }, destination = { { [15] = 2 } };
	struct record_question record = question_of(name, sizeof(name));
	struct rig *rig = *state;
	const struct event *event = &rig->seen.events[0];

	record.head.flags |= RECORD_BLOCKED | RECORD_RESPONSE;
	record.head.source_port = 40000;
	record.head.destination_port = 53;
	memcpy(record.head.addresses, &source, 16);
	memcpy(record.head.addresses + 16, &destination, 16);
	record.head.cookie = 77;
	record.head.cgroup_id = 88;
	record.head.uid = 99;
	record.head.dns_id = 0xabcd;
	record.head.dns_flags = 0xa900; /* QR, opcode 5 */
	record.head.qtype = 28;
	record.head.qclass = 3;
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_question(event, "Www.evil", NULL);
	assert_int_equal(event->time, 990 * NS_PER_SECOND);
	assert_int_equal(event->frame, 0);
	assert_int_equal(event->direction, EVENT_DIRECTION_OUT);
	assert_int_equal(event->disposition, EVENT_BLOCKED);
	assert_true(event->matched && event->response);
	assert_int_equal(event->protocol, IPPROTO_UDP);
	assert_true(address_equal(&event->source, &source));
	assert_true(address_equal(&event->destination, &destination));
	assert_int_equal(event->source_port, 40000);
	assert_int_equal(event->destination_port, 53);
	assert_int_equal(event->socket_cookie, 77);
	assert_int_equal(event->cgroup_id, 88);
	assert_int_equal(event->uid, 99);
	assert_int_equal(event->dns_id, 0xabcd);
	assert_int_equal(event->opcode, 5);
	assert_int_equal(event->qtype, 28);
	assert_int_equal(event->qclass, 3);
	record.head.flags = RECORD_INGRESS;
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_int_equal(event->direction, EVENT_DIRECTION_IN);
	assert_int_equal(event->disposition, EVENT_PASSED);
	assert_false(event->matched || event->response);
}

static void test_replay(void **state)
{
	/* Proves that a recorded packet has its own time and number, and nobody behind it. */
	static const uint8_t name[] = { 1, 'a', 0 };
	struct record_question record = question_of(name, sizeof(name));
	struct rig *rig = *state;
	const struct event *event = &rig->seen.events[0];

	rig->sensor.options.replay = true;
	rig->sensor.frame = 12;
	rig->sensor.time = 34;
	record.head.flags |= RECORD_INGRESS;
	record.head.note.how = NOTE_SEND;
	record.head.note.process.pid = (uint32_t)getpid();
	record.head.current.pid = (uint32_t)getpid();
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_int_equal(event->frame, 12);
	assert_int_equal(event->time, 34);
	assert_int_equal(event->direction, EVENT_DIRECTION_UNKNOWN);
	assert_int_equal(event->attribution, EVENT_ATTRIBUTION_NONE);
	assert_null(event->process);
	assert_int_equal(event->tid, 0);
}

static const struct {
	const uint8_t *name;
	size_t size;
} lying_names[] = {
	{ BYTES(1, 'a') },	     { BYTES(5, 'a', 0) },  { BYTES(0xc0, 12) },
	{ BYTES(1, 'a', 0xc0, 12) }, { BYTES(64, 'a', 0) },
};

static void test_question_sizes(void **state)
{
	/* Proves that a record that is too short, and a name that lies, are counted as rejected. */
	struct record_question record = question_of(BYTES(1, 'a', 0));
	struct rig *rig = *state;

	for (size_t size = 0; size < sizeof(record); size++)
		assert_int_equal(take(rig, &record, size), 0);
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	record.head.data_size = RECORD_NAME_MAX + 1;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	record.head.data_size = 0;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	for (size_t i = 0; i < ELEMENTS(lying_names); i++) {
		record = question_of(lying_names[i].name, lying_names[i].size);
		assert_int_equal(take(rig, &record, sizeof(record)), 0);
	}
	for (unsigned kind = 0; kind < 256; kind++) {
		if (kind == RECORD_QUESTION || kind == RECORD_MESSAGE || kind == RECORD_PAYLOAD)
			continue;
		record = question_of(BYTES(1, 'a', 0));
		record.head.kind = (uint8_t)kind;
		assert_int_equal(take(rig, &record, sizeof(record)), 0);
	}
}

/* ---- who ---- */

struct attributed {
	uint8_t how;
	uint32_t noted, current; /* pids; 0: none */
	bool ingress;
	enum event_attribution attribution;
	uint32_t pid, opener;
	pid_t tid;
};

static const struct attributed attributions[] = {
	{ NOTE_NONE, 0, 0, false, EVENT_ATTRIBUTION_NONE, 0, 0, 0 },
	{ NOTE_SEND, PID_A, 0, false, EVENT_ATTRIBUTION_SEND, PID_A, 0, 1 },
	{ NOTE_CONNECT, PID_A, 0, false, EVENT_ATTRIBUTION_CONNECT, PID_A, 0, 1 },
	{ NOTE_CREATE, PID_A, 0, false, EVENT_ATTRIBUTION_CREATE, PID_A, 0, 1 },
	{ NOTE_SEND, PID_A, PID_A, false, EVENT_ATTRIBUTION_SEND, PID_A, 0, 2 },
	{ NOTE_CONNECT, PID_A, PID_A, false, EVENT_ATTRIBUTION_CURRENT, PID_A, 0, 2 },
	/* Handed over: who sends is not who opened it. */
	{ NOTE_CONNECT, PID_A, PID_B, false, EVENT_ATTRIBUTION_CURRENT, PID_B, PID_A, 2 },
	{ NOTE_SEND, PID_A, PID_B, false, EVENT_ATTRIBUTION_CURRENT, PID_B, PID_A, 2 },
	{ NOTE_NONE, 0, PID_B, false, EVENT_ATTRIBUTION_CURRENT, PID_B, 0, 2 },
	/* What came in was sent by nobody here. */
	{ NOTE_SEND, PID_A, PID_B, true, EVENT_ATTRIBUTION_NONE, 0, 0, 0 },
	/* No such way of noting. */
	{ NOTE_SEND + 1, PID_A, 0, false, EVENT_ATTRIBUTION_NONE, 0, 0, 0 },
	{ 255, PID_A, 0, false, EVENT_ATTRIBUTION_NONE, 0, 0, 0 },
};

static void test_attribution(void **state)
{
	/* Proves which process an event is told to be of, and how it says that this was learnt. */
	struct rig *rig = *state;
	const struct event *event = &rig->seen.events[0];

	for (size_t i = 0; i < ELEMENTS(attributions); i++) {
		const struct attributed *row = &attributions[i];
		struct record_question record = question_of(BYTES(1, 'a', 0));

		print_message("row %zu\n", i);
		record.head.flags = row->ingress ? RECORD_INGRESS : 0;
		record.head.note.how = row->how;
		record.head.note.process.pid = row->noted;
		record.head.note.tid = 1;
		record.head.note.uid = 555;
		record.head.current.pid = row->current;
		record.head.current_tid = 2;
		memcpy(record.head.comm, "comm of 16 bytes", 16);
		assert_int_equal(take(rig, &record, sizeof(record)), 1);
		assert_int_equal(event->attribution, row->attribution);
		assert_int_equal(event->opener_pid, row->opener);
		assert_int_equal(event->tid, row->tid);
		if (!row->pid) {
			assert_null(event->process);
			continue;
		}
		assert_non_null(event->process);
		assert_int_equal((uint32_t)event->process->pid, row->pid);
		/* Who it was when it made the call. */
		if (row->pid == row->noted)
			assert_int_equal(event->process->uid, 555);
		if (row->pid == PID_B)
			assert_string_equal(event->process->comm, "comm of 16 bytes");
	}
}

static void test_start_tells_processes_apart(void **state)
{
	/* Proves that the same pid with another start time is another process: handed over. */
	struct record_question record = question_of(BYTES(1, 'a', 0));
	struct rig *rig = *state;

	record.head.note.how = NOTE_SEND;
	record.head.note.process = (struct process_key){ .pid = PID_A, .start = 1 };
	record.head.current = (struct process_key){ .pid = PID_A, .start = 2 };
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_int_equal(rig->seen.events[0].attribution, EVENT_ATTRIBUTION_CURRENT);
	assert_int_equal((uint32_t)rig->seen.events[0].opener_pid, PID_A);
	assert_int_equal(rig->seen.events[0].process->start_boottime, 2);
}

/* ---- messages ---- */

#define CUT	    "the message was cut"
#define SHORT	    "shorter than a DNS header"
#define PAST	    "runs past the end of the message"
#define SEVERAL	    "several questions in a message"
#define POINTER	    "compression pointer in the question"
#define DATAGRAMS   "several datagrams in one send"
#define MALFORMED   "not a DNS message, or cut short"
#define PIPELINED   "too many messages in a TCP segment"
#define HEADERS	    "too many extension headers"
#define OUT_OF_STEP "TCP stream out of step"

struct expected {
	const char *qname; /* NULL: unreadable */
	const char *reason;
};

struct handed_up {
	const char *what;
	uint8_t reason, protocol;
	uint16_t gso_size;
	uint32_t more; /* of the message than was copied */
	const uint8_t *data;
	size_t size;
	struct expected events[6]; /* up to one without a reason */
};

static const struct handed_up messages[] = {
	{ "two questions",
	  RECORD_REASON_QUESTIONS,
	  IPPROTO_UDP,
	  0,
	  0,
	  BYTES(HEADER(2), QUESTION_A('a'), QUESTION_A('b')),
	  { { "a", SEVERAL }, { "b", SEVERAL } } },
	{ "a pointer to the first",
	  RECORD_REASON_QUESTIONS,
	  IPPROTO_UDP,
	  0,
	  0,
	  BYTES(HEADER(2), QUESTION_A('a'), 1, 'b', 0xc0, 12, 0, 1, 0, 1),
	  { { "a", SEVERAL }, { "b.a", SEVERAL } } },
	{ "a pointer forwards",
	  RECORD_REASON_POINTER,
	  IPPROTO_UDP,
	  0,
	  0,
	  BYTES(HEADER(1), 0xc0, 14, 1, 'a', 0, 0, 1, 0, 1),
	  { { NULL, "a compression pointer that leads forwards" } } },
	{ "a loop",
	  RECORD_REASON_POINTER,
	  IPPROTO_UDP,
	  0,
	  0,
	  BYTES(HEADER(1), 0xc0, 12, 0, 1, 0, 1),
	  { { NULL, "a compression pointer that leads forwards" } } },
	{ "fewer than claimed",
	  RECORD_REASON_QUESTIONS,
	  IPPROTO_UDP,
	  0,
	  0,
	  BYTES(HEADER(3), QUESTION_A('a')),
	  { { "a", SEVERAL }, { NULL, PAST } } },
	{ "copied in part",
	  RECORD_REASON_QUESTIONS,
	  IPPROTO_UDP,
	  0,
	  7,
	  BYTES(HEADER(2), QUESTION_A('a')),
	  { { "a", SEVERAL }, { NULL, CUT } } },
	{ "none asked", RECORD_REASON_QUESTIONS, IPPROTO_UDP, 0, 0, BYTES(HEADER(0)), { { 0 } } },
	{ "too short",
	  RECORD_REASON_MALFORMED,
	  IPPROTO_UDP,
	  0,
	  0,
	  BYTES(1, 2, 3),
	  { { NULL, SHORT } } },
	{ "nothing copied",
	  RECORD_REASON_POINTER,
	  IPPROTO_UDP,
	  0,
	  100,
	  NOTHING,
	  { { NULL, POINTER } } },
	{ "nothing there",
	  RECORD_REASON_MALFORMED,
	  IPPROTO_UDP,
	  0,
	  0,
	  NOTHING,
	  { { NULL, MALFORMED } } },
	/* The packet's headers are what was copied: no DNS message. */
	{ "headers",
	  RECORD_REASON_HEADERS,
	  IPPROTO_UDP,
	  0,
	  0,
	  BYTES(MESSAGE('a')),
	  { { NULL, HEADERS } } },
	{ "out of step",
	  RECORD_REASON_GAP,
	  IPPROTO_TCP,
	  0,
	  0,
	  BYTES(PREFIXED('a')),
	  { { NULL, OUT_OF_STEP } } },
	{ "a reason of tomorrow", 200, IPPROTO_UDP, 0, 0, BYTES(MESSAGE('a')), { { "a", NULL } } },

	{ "datagrams",
	  RECORD_REASON_GSO,
	  IPPROTO_UDP,
	  MESSAGE_SIZE,
	  0,
	  BYTES(MESSAGE('a'), MESSAGE('b'), MESSAGE('c')),
	  { { "a", DATAGRAMS }, { "b", DATAGRAMS }, { "c", DATAGRAMS } } },
	{ "a bad one among them",
	  RECORD_REASON_GSO,
	  IPPROTO_UDP,
	  MESSAGE_SIZE,
	  0,
	  BYTES(MESSAGE('a'), HEADER(1), 64, 'b', 0, 0, 1, 0, 1, MESSAGE('c')),
	  { { "a", DATAGRAMS }, { NULL, "a label of an unknown type" }, { "c", DATAGRAMS } } },
	{ "a short one at the end",
	  RECORD_REASON_GSO,
	  IPPROTO_UDP,
	  MESSAGE_SIZE,
	  0,
	  BYTES(MESSAGE('a'), 1, 2, 3),
	  { { "a", DATAGRAMS }, { NULL, SHORT } } },
	{ "more datagrams than copied",
	  RECORD_REASON_GSO,
	  IPPROTO_UDP,
	  MESSAGE_SIZE,
	  10 * MESSAGE_SIZE,
	  BYTES(MESSAGE('a')),
	  { { "a", DATAGRAMS }, { NULL, DATAGRAMS } } },
	{ "one copied in part",
	  RECORD_REASON_GSO,
	  IPPROTO_UDP,
	  MESSAGE_SIZE,
	  18,
	  BYTES(MESSAGE('a'), 1),
	  { { "a", DATAGRAMS }, { NULL, CUT } } },
	{ "datagrams of no size",
	  RECORD_REASON_GSO,
	  IPPROTO_UDP,
	  0,
	  0,
	  BYTES(MESSAGE('a')),
	  { { "a", DATAGRAMS } } },
	{ "one that asks nothing",
	  RECORD_REASON_GSO,
	  IPPROTO_UDP,
	  12,
	  0,
	  BYTES(HEADER(0), HEADER(0)),
	  { { 0 } } },

	{ "pipeline",
	  RECORD_REASON_PIPELINE,
	  IPPROTO_TCP,
	  0,
	  0,
	  BYTES(PREFIXED('a'), PREFIXED('b')),
	  { { "a", PIPELINED }, { "b", PIPELINED } } },
	{ "one cut by the copy",
	  RECORD_REASON_PIPELINE,
	  IPPROTO_TCP,
	  0,
	  10,
	  BYTES(PREFIXED('a'), 0, MESSAGE_SIZE, HEADER(1)),
	  { { "a", PIPELINED }, { NULL, CUT } } },
	{ "the copy ends between two",
	  RECORD_REASON_PIPELINE,
	  IPPROTO_TCP,
	  0,
	  500,
	  BYTES(PREFIXED('a')),
	  { { "a", PIPELINED }, { NULL, PIPELINED } } },
	{ "the copy ends in a prefix",
	  RECORD_REASON_PIPELINE,
	  IPPROTO_TCP,
	  0,
	  500,
	  BYTES(PREFIXED('a'), 0),
	  { { "a", PIPELINED }, { NULL, PIPELINED } } },
	{ "half a prefix",
	  RECORD_REASON_PIPELINE,
	  IPPROTO_TCP,
	  0,
	  0,
	  BYTES(0),
	  { { NULL, PIPELINED } } },
	{ "empty messages",
	  RECORD_REASON_PIPELINE,
	  IPPROTO_TCP,
	  0,
	  0,
	  BYTES(0, 0, 0, 0),
	  { { NULL, SHORT }, { NULL, SHORT } } },
	{ "a bad one among good ones",
	  RECORD_REASON_PIPELINE,
	  IPPROTO_TCP,
	  0,
	  0,
	  BYTES(PREFIXED('a'), 0, 2, 9, 9, PREFIXED('b')),
	  { { "a", PIPELINED }, { NULL, SHORT }, { "b", PIPELINED } } },
	/* With its prefix, and whole_size without. */
	{ "a message over TCP",
	  RECORD_REASON_QUESTIONS,
	  IPPROTO_TCP,
	  0,
	  (uint32_t)-2,
	  BYTES(0, 26, HEADER(2), QUESTION_A('a'), QUESTION_A('b')),
	  { { "a", SEVERAL }, { "b", SEVERAL } } },
};

static void assert_handed_up(struct rig *rig, const struct handed_up *row, uint8_t flags)
{
	struct record_message record = message_of(row->reason, row->protocol, row->data, row->size);
	size_t count = 0;

	record.head.gso_size = row->gso_size;
	record.head.whole_size += row->more;
	record.head.flags = flags;
	record.head.dns_id = 0x9999;
	record.head.qtype = 7;
	print_message("%s\n", row->what);
	while (count < ELEMENTS(row->events) &&
	       (row->events[count].qname || row->events[count].reason))
		count++;
	assert_int_equal(take(rig, &record, sizeof(record)), count);
	for (size_t i = 0; i < count; i++) {
		const struct event *event = &rig->seen.events[i];

		assert_int_equal(event->disposition,
				 flags & RECORD_BLOCKED ? EVENT_BLOCKED : EVENT_PASSED);
		assert_int_equal(event->protocol, row->protocol);
		if (!row->events[i].qname) {
			assert_unreadable(event, row->events[i].reason);
			assert_int_equal(event->qtype, 7);
			continue;
		}
		assert_question(event, row->events[i].qname, row->events[i].reason);
		/* To be confirmed, whatever the kernel side thought of it. */
		assert_true(event->matched);
		assert_int_equal(event->dns_id, 0x1234);
		assert_int_equal(event->qtype, 1);
	}
}

static void test_messages(void **state)
{
	/* Proves that each question of what was handed up is an event, and what could not be read
	 * is one that says why, each for itself; live and recorded. */
	struct rig *rig = *state;

	for (size_t i = 0; i < ELEMENTS(messages); i++) {
		rig->sensor.options.replay = false;
		assert_handed_up(rig, &messages[i], RECORD_BLOCKED);
		rig->sensor.options.replay = true;
		assert_handed_up(rig, &messages[i], 0);
	}
}

static void test_message_sizes(void **state)
{
	/* Proves that a record that is too short, or claims more data than it can have, is
	 * rejected, and that one whose data stands over its message's size is read within that. */
	struct record_message record =
		message_of(RECORD_REASON_QUESTIONS, IPPROTO_UDP, BYTES(MESSAGE('a')));
	struct rig *rig = *state;

	for (size_t size = 0; size < sizeof(record); size++)
		assert_int_equal(take(rig, &record, size), 0);
	record.head.data_size = RECORD_MESSAGE_MAX + 1;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	record.head.data_size = 65535;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	record.head.data_size = MESSAGE_SIZE;
	record.head.whole_size = MESSAGE_SIZE - 1;
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_unreadable(&rig->seen.events[0], PAST);
	record.head.whole_size = 0;
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_unreadable(&rig->seen.events[0], SHORT);
	record.head.whole_size = UINT32_MAX;
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_question(&rig->seen.events[0], "a", SEVERAL);
}

static void test_bounded(void **state)
{
	/* Proves that a record makes no more events than it has bytes for, whatever it claims. */
	static const uint8_t zeroes[RECORD_MESSAGE_MAX];
	struct record_message record =
		message_of(RECORD_REASON_PIPELINE, IPPROTO_TCP, zeroes, sizeof(zeroes));
	struct rig *rig = *state;

	assert_int_equal(take(rig, &record, sizeof(record)), RECORD_MESSAGE_MAX / 2);
	record = message_of(RECORD_REASON_GSO, IPPROTO_UDP, zeroes, sizeof(zeroes));
	record.head.gso_size = 2;
	record.head.whole_size = UINT32_MAX;
	assert_int_equal(take(rig, &record, sizeof(record)), RECORD_MESSAGE_MAX / 2 + 1);
}

/* ---- answers ---- */

#define ANSWER_HEADER	     0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0
#define ANSWER_A(a, b, c, d) 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, a, b, c, d
#define ANSWER(letter)	     ANSWER_HEADER, QUESTION_A(letter), ANSWER_A(192, 0, 2, 1)
#define ANSWER_SIZE	     35

static struct record_answer_small answer_of(const uint8_t *data, size_t size)
{
	struct record_answer_small record = {
		.head = { .kind = RECORD_ANSWER,
			  .flags = RECORD_MATCHED | RECORD_INGRESS | RECORD_RESPONSE,
			  .protocol = IPPROTO_UDP,
			  .time = 90 * NS_PER_SECOND,
			  .note = { .how = NOTE_CONNECT, .process = { .pid = PID_A, .start = 1 } },
			  .data_size = (uint16_t)size,
			  .whole_size = (uint32_t)size }
	};

	memcpy(record.data, data, size);
	return record;
}

static void test_answer(void **state)
{
	/* Proves that an answer is one event, with its question's name and whoever owns the socket
	 * that it came to; and that the question is one, too, where it is asked for. */
	struct record_answer_small record = answer_of(BYTES(ANSWER('a')));
	struct rig *rig = *state;
	const struct event *event = &rig->seen.events[0];

	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_int_equal(event->kind, EVENT_ANSWER);
	assert_question(event, "a", NULL);
	assert_true(event->response && event->matched && event->answers);
	assert_int_equal(event->direction, EVENT_DIRECTION_IN);
	assert_int_equal(event->attribution, EVENT_ATTRIBUTION_CONNECT);
	assert_int_equal(event->pid, PID_A);
	rig->sensor.options.responses = true;
	assert_int_equal(take(rig, &record, sizeof(record)), 2);
	assert_int_equal(rig->seen.events[0].kind, EVENT_QUESTION);
	assert_true(rig->seen.events[0].response && rig->seen.events[0].answers);
	assert_question(&rig->seen.events[0], "a", NULL);
	assert_int_equal(rig->seen.events[1].kind, EVENT_ANSWER);
}

static void test_answer_cut(void **state)
{
	/* Proves that what was copied of an answer is read as far as it goes, and told as cut. */
	struct record_answer_small record = answer_of(BYTES(ANSWER('a')));
	struct rig *rig = *state;

	for (uint16_t size = 1; size < ANSWER_SIZE; size++) {
		record.head.data_size = size;
		assert_int_equal(take(rig, &record, sizeof(record)), 1);
		assert_int_equal(rig->seen.events[0].kind, EVENT_ANSWER);
		if (size < MESSAGE_SIZE)
			assert_unreadable(&rig->seen.events[0], "the message was cut");
		else
			assert_question(&rig->seen.events[0], "a", "the message was cut");
	}
}

static void test_answer_sizes(void **state)
{
	/* Proves that a record that claims more than it has is rejected, that datagrams that came
	 * in one packet are each an event, and that an answer without a question is told. */
	struct record_answer_small record = answer_of(BYTES(ANSWER('a'), ANSWER('b')));
	struct rig *rig = *state;

	record.head.gso_size = ANSWER_SIZE;
	assert_int_equal(take(rig, &record, sizeof(record)), 2);
	assert_question(&rig->seen.events[0], "a", NULL);
	assert_question(&rig->seen.events[1], "b", NULL);
	record.head.gso_size = 1;
	assert_int_equal(take(rig, &record, sizeof(record)), 2 * ANSWER_SIZE);
	record.head.gso_size = 0;
	for (size_t size = 0; size < sizeof(record.head) + 2 * ANSWER_SIZE; size++)
		assert_int_equal(take(rig, &record, size), 0);
	record.head.data_size = 0;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	record.head.data_size = RECORD_ANSWER_SMALL + 1;
	record.head.whole_size = UINT32_MAX;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	record.head.data_size = ANSWER_SIZE;
	record.head.whole_size = ANSWER_SIZE - 1;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	record = answer_of(BYTES(0x12, 0x34, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0));
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_unreadable(&rig->seen.events[0], "an answer without a question");
}

/* ---- first bytes of flows ---- */

struct payload {
	struct record head;
	uint8_t data[RECORD_PAYLOAD_SMALL];
};

static struct payload payload_of(const char *data)
{
	struct payload record = { .head = { .kind = RECORD_PAYLOAD,
					    .protocol = IPPROTO_TCP,
					    .time = 90 * NS_PER_SECOND,
					    .data_size = (uint16_t)strlen(data),
					    .whole_size = (uint32_t)strlen(data) } };

	memcpy(record.data, data, strlen(data));
	return record;
}

static void test_payload(void **state)
{
	/* Proves that a payload's bytes, and where in its flow they are, are in the event, with who
	 * sent it; and that his process is looked up when that is asked for only. */
	struct payload record = payload_of("GET / HTTP/1.1");
	struct rig *rig = *state;
	struct event *event = &rig->seen.events[0];

	record.head.sequence = 4096;
	record.head.cookie = 77;
	record.head.note.how = NOTE_CONNECT;
	record.head.note.process.pid = PID_A;
	record.head.note.process.start = 5;
	record.head.note.tid = PID_A + 1;
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_int_equal(event->kind, EVENT_PAYLOAD);
	assert_ptr_equal(event->payload.bytes, record.data);
	assert_int_equal(event->payload.size, 14);
	assert_int_equal(event->payload.offset, 4096);
	assert_false(event->payload.last || event->matched || event->unreadable);
	assert_int_equal(event->name.length, 0);
	assert_int_equal(event->socket_cookie, 77);
	assert_int_equal(event->attribution, EVENT_ATTRIBUTION_CONNECT);
	assert_int_equal(event->pid, PID_A);
	assert_int_equal(event->pid_start, 5);
	assert_int_equal(event->tid, PID_A + 1);
	assert_null(event->process);
	assert_null(event->reason);
	sensor_event_process(&rig->sensor, event);
	assert_non_null(event->process);
	assert_int_equal(event->process->pid, PID_A);
	record.head.flags = RECORD_LAST;
	record.head.note.how = NOTE_NONE;
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	assert_true(event->payload.last);
	assert_int_equal(event->pid, 0);
	sensor_event_process(&rig->sensor, event);
	assert_null(event->process);
}

static void test_payload_sizes(void **state)
{
	/* Proves that a payload which claims more than there is, or nothing, is rejected. */
	struct payload record = payload_of("GET / HTTP/1.1");
	struct rig *rig = *state;

	for (size_t size = 0; size < sizeof(record.head) + 14; size++)
		assert_int_equal(take(rig, &record, size), 0);
	assert_int_equal(take(rig, &record, sizeof(record.head) + 14), 1);
	record.head.data_size = 0;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	record.head.data_size = RECORD_PAYLOAD_SMALL;
	assert_int_equal(take(rig, &record, sizeof(record)), 1);
	record.head.data_size = RECORD_PAYLOAD_SMALL + 1;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
	record.head.data_size = 65535;
	assert_int_equal(take(rig, &record, sizeof(record)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_connection, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_question, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_replay, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_question_sizes, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_attribution, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_start_tells_processes_apart, rig_make,
						rig_free),
		cmocka_unit_test_setup_teardown(test_messages, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_message_sizes, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_bounded, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_answer, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_answer_cut, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_answer_sizes, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_payload, rig_make, rig_free),
		cmocka_unit_test_setup_teardown(test_payload_sizes, rig_make, rig_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
