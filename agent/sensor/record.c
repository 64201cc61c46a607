/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of the kernel side made into events: a record with a question or a connection is one,
 * what was handed up unread is read here and may be several. The packet's bytes in it are a
 * stranger's.
 */
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/dns_answers.h"
#include "sensor/dns_message.h"
#include "sensor/probes.h"
#include "sensor/process_table.h"

#define DNS_FLAG_RESPONSE 0x8000
#define DNS_OPCODE(flags) ((uint8_t)((flags) >> 11 & 15))

static const char *const reasons[] = {
	[RECORD_REASON_NONE] = NULL,
	[RECORD_REASON_QUESTIONS] = "several questions in a message",
	[RECORD_REASON_POINTER] = "compression pointer in the question",
	[RECORD_REASON_GSO] = "several datagrams in one send",
	[RECORD_REASON_MALFORMED] = "not a DNS message, or cut short",
	[RECORD_REASON_PIPELINE] = "too many messages in a TCP segment",
	[RECORD_REASON_HEADERS] = "too many extension headers",
	[RECORD_REASON_GAP] = "TCP stream out of step",
};

static bool key_equal(const struct process_key *a, const struct process_key *b)
{
	return a->pid == b->pid && a->start == b->start;
}

/* The task that sent the packet is certain when the kernel side could tell it; then the socket's
 * note only says whether another one opened the socket. Otherwise the note is what there is. */
static void event_attribute(struct sensor *sensor, const struct record *record, struct event *event)
{
	static const enum event_attribution by_note[] = {
		[NOTE_NONE] = EVENT_ATTRIBUTION_NONE,
		[NOTE_CREATE] = EVENT_ATTRIBUTION_CREATE,
		[NOTE_CONNECT] = EVENT_ATTRIBUTION_CONNECT,
		[NOTE_SEND] = EVENT_ATTRIBUTION_SEND,
	};
	const struct socket_note *note = &record->note;
	const struct process_key *key = &note->process;

	/* An answer comes in to the socket of whoever asked. */
	if (sensor->options.replay ||
	    (event->direction == EVENT_DIRECTION_IN && record->kind != RECORD_ANSWER))
		return;
	if (record->current.pid) {
		bool same = key_equal(&record->current, &note->process);

		key = &record->current;
		event->tid = (pid_t)record->current_tid;
		event->attribution = EVENT_ATTRIBUTION_CURRENT;
		if (same && note->how == NOTE_SEND)
			event->attribution = EVENT_ATTRIBUTION_SEND;
		else if (same && note->how == NOTE_CONNECT && record->kind == RECORD_CONNECTION)
			event->attribution = EVENT_ATTRIBUTION_CONNECT;
		if (!same && note->how != NOTE_NONE)
			event->opener_pid = (pid_t)note->process.pid;
	} else if (note->how != NOTE_NONE && note->how < ELEMENTS(by_note)) {
		event->tid = (pid_t)note->tid;
		event->attribution = by_note[note->how];
	} else {
		return;
	}
	event->pid = (pid_t)key->pid;
	event->pid_start = key->start;
	/* Most flows are innocent: sensor_event_process() looks when one is not. */
	if (event->kind == EVENT_PAYLOAD)
		return;
	event->process = process_table_find(sensor->processes, key,
					    record->current.pid ? record->comm : NULL);
	if (event->process && note->how != NOTE_NONE && key_equal(key, &note->process))
		process_table_user(sensor->processes, note->uid);
}

static void event_from_record(struct sensor *sensor, const struct record *record,
			      struct event *event)
{
	memset(event, 0, sizeof(*event));
	if (record->kind == RECORD_PAYLOAD)
		event->kind = EVENT_PAYLOAD;
	event->time = sensor->options.replay ? sensor->time : clock_from_boottime(record->time);
	event->frame = sensor->frame;
	if (!sensor->options.replay)
		event->direction =
			record->flags & RECORD_INGRESS ? EVENT_DIRECTION_IN : EVENT_DIRECTION_OUT;
	event->disposition = record->flags & RECORD_BLOCKED ? EVENT_BLOCKED : EVENT_PASSED;
	event->matched = record->flags & RECORD_MATCHED;
	event->response = record->flags & RECORD_RESPONSE;
	event->reason = record->reason < ELEMENTS(reasons) ? reasons[record->reason] : NULL;
	event->protocol = record->protocol;
	memcpy(event->source.bytes, record->addresses, sizeof(event->source.bytes));
	memcpy(event->destination.bytes, record->addresses + sizeof(event->source.bytes),
	       sizeof(event->destination.bytes));
	event->source_port = record->source_port;
	event->destination_port = record->destination_port;
	event->dns_id = record->dns_id;
	event->qtype = record->qtype;
	event->qclass = record->qclass;
	event->opcode = DNS_OPCODE(record->dns_flags);
	event->socket_cookie = record->cookie;
	event->cgroup_id = record->cgroup_id;
	event->uid = record->uid;
	event_attribute(sensor, record, event);
}

/* Each of these hands events to the callback and returns how many. packet: what the record says of
 * all of them; they have it in common, and nothing else. */
static size_t event_unreadable(struct sensor *sensor, const struct event *packet)
{
	struct event event = *packet;

	event.unreadable = true;
	event.matched = false;
	sensor->callback(&event, sensor->userdata);
	return 1;
}

/* One datagram, or one message, that the kernel side left unread: an event for each question, and
 * an unreadable one where they cannot be read on. None for a message that asks nothing. */
static size_t message_read(struct sensor *sensor, const struct event *packet, const uint8_t *bytes,
			   size_t available, size_t whole)
{
	struct event event = *packet;
	struct dns_message message;
	struct dns_question question;
	size_t found = 0;
	int r = dns_message_open(bytes, available, whole, &message);

	if (r == 0) {
		event.dns_id = message.id;
		event.response = message.response;
		event.opcode = message.opcode;
		while ((r = dns_message_question(&message, &question)) > 0) {
			event.name = question.name;
			event.qtype = question.qtype;
			event.qclass = question.qclass;
			event.matched = true; /* to be confirmed: nothing was matched yet */
			sensor->callback(&event, sensor->userdata);
			found++;
		}
	}
	if (r == 0)
		return found;
	event.reason = message.reason ? message.reason : packet->reason;
	event.name = packet->name;
	event.qtype = packet->qtype;
	event.qclass = packet->qclass;
	return found + event_unreadable(sensor, &event);
}

/* A stream of messages with length prefixes, as far as it was copied. */
static size_t pipeline_read(struct sensor *sensor, const struct event *packet, const uint8_t *bytes,
			    size_t available, size_t all)
{
	size_t at = 0, found = 0;

	while (at + 2 <= available) {
		size_t whole = (size_t)bytes[at] << 8 | bytes[at + 1];
		size_t rest = available - at - 2;

		found += message_read(sensor, packet, bytes + at + 2, rest < whole ? rest : whole,
				      whole);
		at += 2 + whole;
	}
	/* The copy ends between two messages, the segment does not. */
	if (at <= available && at < all)
		found += event_unreadable(sensor, packet);
	return found;
}

static size_t datagrams_read(struct sensor *sensor, const struct event *packet,
			     const struct record *record, const uint8_t *bytes, size_t available)
{
	size_t step = record->gso_size, found = 0;

	for (size_t at = 0; at < record->whole_size; at += step) {
		size_t whole = record->whole_size - at;

		if (at >= available)
			/* More than was copied: it cannot be told what. */
			return found + event_unreadable(sensor, packet);
		if (whole > step)
			whole = step;
		found += message_read(sensor, packet, bytes + at,
				      available - at < whole ? available - at : whole, whole);
	}
	return found;
}

static bool message_record_read(struct sensor *sensor, const struct record_message *record,
				size_t size)
{
	const struct record *head = &record->head;
	size_t available = head->data_size;
	struct event packet;

	if (size < sizeof(*record) || available > RECORD_MESSAGE_MAX)
		return false;
	event_from_record(sensor, head, &packet);
	/* Nothing was copied, or there is no telling where in it a message begins. */
	if (available == 0 || head->reason == RECORD_REASON_GAP ||
	    head->reason == RECORD_REASON_HEADERS)
		return event_unreadable(sensor, &packet) > 0;
	if (head->reason == RECORD_REASON_GSO && head->gso_size)
		return datagrams_read(sensor, &packet, head, record->data, available) > 0;
	if (head->reason == RECORD_REASON_PIPELINE || head->protocol == IPPROTO_TCP)
		return pipeline_read(sensor, &packet, record->data, available, head->whole_size) >
		       0;
	return message_read(sensor, &packet, record->data, available, head->whole_size) > 0;
}

static bool question_record_read(struct sensor *sensor, const struct record_question *record,
				 size_t size)
{
	struct event event;

	if (size < sizeof(*record) || record->head.data_size > RECORD_NAME_MAX)
		return false;
	event_from_record(sensor, &record->head, &event);
	if (domain_name_read(record->data, record->head.data_size, &event.name) < 0)
		return false;
	sensor->callback(&event, sensor->userdata);
	return true;
}

/* What an answer repeats, as events of their own, where those are asked for. */
static void answer_questions(struct sensor *sensor, const struct event *answer,
			     struct dns_message *message)
{
	struct event event = *answer;
	struct dns_question question;

	if (!sensor->options.responses && !sensor->options.replay)
		return;
	event.kind = EVENT_QUESTION;
	while (dns_message_question(message, &question) > 0) {
		event.name = question.name;
		event.qtype = question.qtype;
		event.qclass = question.qclass;
		sensor->callback(&event, sensor->userdata);
	}
}

/* One answer. Its event has the first question's name. */
static void answer_read(struct sensor *sensor, const struct event *packet, const uint8_t *bytes,
			size_t available, size_t whole)
{
	struct event event = *packet;
	struct dns_answers answers; /* large: only what is read is set */
	struct dns_message message, again;
	struct dns_question question;
	int r = dns_message_open(bytes, available, whole, &message);

	again = message;
	event.kind = EVENT_ANSWER;
	event.response = true;
	event.dns_id = message.id;
	event.opcode = message.opcode;
	while (r == 0 && (r = dns_message_question(&message, &question)) > 0) {
		if (event.name.length == 0) {
			event.name = question.name;
			event.qtype = question.qtype;
			event.qclass = question.qclass;
		}
		r = 0;
	}
	if (r < 0 || event.name.length == 0) {
		event.name.length = 0;
		event.matched = false;
		event.unreadable = true;
		event.reason = message.reason ? message.reason : "an answer without a question";
		sensor->callback(&event, sensor->userdata);
		return;
	}
	(void)dns_answers_read(&message, &event.name, &answers);
	event.answers = &answers;
	answer_questions(sensor, &event, &again);
	event.reason = answers.reason;
	sensor->callback(&event, sensor->userdata);
}

static bool answer_record_read(struct sensor *sensor, const struct record *head,
			       const uint8_t *data, size_t room)
{
	size_t available = head->data_size, step = head->gso_size, all = head->whole_size;
	struct event packet;

	if (available == 0 || available > room || available > all)
		return false;
	event_from_record(sensor, head, &packet);
	if (step == 0 || head->protocol != IPPROTO_UDP)
		step = all;
	for (size_t at = 0; at < available; at += step) {
		size_t rest = available - at, whole = all - at;

		answer_read(sensor, &packet, data + at, rest < step ? rest : step,
			    whole < step ? whole : step);
	}
	return true;
}

static bool connection_record_read(struct sensor *sensor, const struct record *record)
{
	static const enum event_watch watches[] = {
		[RECORD_WATCH_ADDRESS] = EVENT_WATCH_ADDRESS,
		[RECORD_WATCH_LEARNT] = EVENT_WATCH_LEARNT,
		[RECORD_WATCH_RESOLVER] = EVENT_WATCH_RESOLVER,
		[RECORD_WATCH_ENCRYPTED] = EVENT_WATCH_ENCRYPTED,
	};
	struct event event;

	if (record->reason == RECORD_WATCH_NONE || record->reason >= ELEMENTS(watches))
		return false;
	event_from_record(sensor, record, &event);
	event.kind = EVENT_CONNECTION;
	event.watch = watches[record->reason];
	event.reason = NULL;
	sensor->callback(&event, sensor->userdata);
	return true;
}

static bool payload_record_read(struct sensor *sensor, const struct record_payload *record,
				size_t size)
{
	const struct record *head = &record->head;
	struct event event;

	if (head->data_size == 0 || head->data_size > size - sizeof(*record))
		return false;
	event_from_record(sensor, head, &event);
	event.payload = (struct event_payload){
		.bytes = record->data,
		.size = head->data_size,
		.offset = head->sequence,
		.last = head->flags & RECORD_LAST,
	};
	sensor->payloads++;
	sensor->callback(&event, sensor->userdata);
	return true;
}

void record_read(struct sensor *sensor, const void *data, size_t size)
{
	const struct record *head = data;
	bool good = false;

	if (size >= sizeof(*head) && head->kind == RECORD_QUESTION)
		good = question_record_read(sensor, data, size);
	else if (size >= sizeof(*head) && head->kind == RECORD_MESSAGE)
		good = message_record_read(sensor, data, size);
	else if (size >= sizeof(*head) && head->kind == RECORD_ANSWER)
		good = answer_record_read(sensor, head, (const uint8_t *)(head + 1),
					  size - sizeof(*head));
	else if (size >= sizeof(*head) && head->kind == RECORD_CONNECTION)
		good = connection_record_read(sensor, head);
	else if (size >= sizeof(*head) && head->kind == RECORD_PAYLOAD)
		good = payload_record_read(sensor, data, size);
	if (good)
		sensor->events++;
	else
		sensor->rejected++;
}
