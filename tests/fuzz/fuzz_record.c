/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: records of the kernel side made into events. The first byte says how the rest is
 * taken: as it is, or as the beginning of a record of the right size; live or in replay.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/probes.h"
#include "sensor/process_table.h"

#define AS_IT_IS 1
#define REPLAY	 2

/* Above every pid_max: what is found in /proc does not depend on the machine. */
#define PID_NOBODY 0x40000000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void event_seen(const struct event *event, void *userdata)
{
	size_t *count = userdata;
	struct domain_name again;

	(*count)++;
	if (event->kind == EVENT_PAYLOAD) {
		uint8_t sum = 0;

		/* Each byte of it is there: the sanitizer looks. */
		assert(event->payload.size > 0 && event->name.length == 0);
		for (size_t i = 0; i < event->payload.size; i++)
			sum ^= event->payload.bytes[i];
		*count += sum == 0 ? 0 : 0;
		return;
	}
	assert(event->unreadable == (event->name.length == 0));
	assert(!event->unreadable || !event->matched);
	assert(!event->process || event->attribution != EVENT_ATTRIBUTION_NONE);
	if (event->unreadable)
		return;
	assert(domain_name_read(event->name.wire, event->name.length, &again) == 0);
	assert(again.length == event->name.length);
}

static void nobody(struct process_key *key)
{
	if (key->pid)
		key->pid |= PID_NOBODY;
}

/* A copy of its own, so that the sanitizer sees each read beyond it. */
static void *record_make(const uint8_t *data, size_t size, unsigned how, size_t *ret_size)
{
	struct record *record;

	*ret_size = size;
	if (!(how & AS_IT_IS) && size > 0)
		*ret_size = data[0] == RECORD_QUESTION ? sizeof(struct record_question)
			    : data[0] == RECORD_ANSWER ? sizeof(struct record_answer)
			    : data[0] == RECORD_PAYLOAD
				    ? sizeof(struct record) + RECORD_PAYLOAD_SMALL
				    : sizeof(struct record_message);
	record = calloc(1, *ret_size + 1);
	if (!record)
		abort();
	memcpy(record, data, size < *ret_size ? size : *ret_size);
	if (*ret_size >= sizeof(*record)) {
		nobody(&record->note.process);
		nobody(&record->current);
	}
	return record;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_cleanup) void *record = NULL;
	struct sensor sensor = { .callback = event_seen };
	size_t count = 0, record_size;

	if (size < 1)
		return 0;
	sensor.userdata = &count;
	sensor.options.replay = data[0] & REPLAY;
	if (process_table_new(-1, &sensor.processes) < 0)
		return 0;
	clock_hold(1000 * NS_PER_SECOND, 100 * NS_PER_SECOND);
	record = record_make(data + 1, size - 1, data[0], &record_size);
	record_read(&sensor, record, record_size);
	assert(sensor.events + sensor.rejected == 1);
	assert((sensor.events == 1) == (count > 0));
	/* Of an answer, one each byte, and again for the questions that it repeats. */
	assert(count <= RECORD_ANSWER_MAX * 2);
	process_table_free(sensor.processes);
	return 0;
}
