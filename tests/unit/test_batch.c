/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: a batch has exactly as much as one call may have, by count, bytes, age and size of one;
 * it is ordered by time; nothing is lost or moved about when it goes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/batch.h"
#include "cloud/cloudwatch.h"

static const struct batch_limits limits = { .count = CLOUDWATCH_EVENTS_MAX,
					    .bytes = CLOUDWATCH_BYTES_MAX,
					    .overhead = CLOUDWATCH_EVENT_EXTRA,
					    .entry = CLOUDWATCH_BYTES_MAX,
					    .span = CLOUDWATCH_SPAN_MAX };

static void add(struct batch_list *queue, uint64_t number, size_t size, uint64_t time)
{
	struct batch_entry *entry = calloc(1, sizeof(*entry));

	assert_non_null(entry);
	entry->number = number;
	entry->size = size;
	entry->time = time;
	TAILQ_INSERT_TAIL(queue, entry, next);
}

static size_t queue_free(struct batch_list *queue)
{
	struct batch_entry *entry;
	size_t count = 0;

	while ((entry = TAILQ_FIRST(queue))) {
		TAILQ_REMOVE(queue, entry, next);
		batch_entry_free(entry);
		count++;
	}
	return count;
}

static void batch_free(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		batch_entry_free(batch->entries[i]);
	batch_clear(batch);
}

/* So many entries of that size: how many are in one batch. */
static size_t fits(size_t entries, size_t size, uint64_t step)
{
	struct batch_list queue = TAILQ_HEAD_INITIALIZER(queue);
	struct batch batch = { 0 };
	size_t count;

	for (size_t i = 0; i < entries; i++)
		add(&queue, i, size, i * step);
	assert_int_equal(batch_fill(&batch, &queue, &limits, SIZE_MAX), 0);
	count = batch.count;
	assert_true(batch.bytes <= limits.bytes);
	batch_free(&batch);
	assert_int_equal(queue_free(&queue), entries - count);
	return count;
}

static void limits_are_exact(void **state)
{
	(void)state;
	assert_int_equal(fits(10000, 1, 0), 10000);
	assert_int_equal(fits(10001, 1, 0), 10000);
	/* 1,048,576 bytes with 26 for each event. */
	assert_int_equal(fits(1024, 1024 - 26, 0), 1024);
	assert_int_equal(fits(1025, 1024 - 26, 0), 1024);
	assert_int_equal(fits(1024, 1024 - 25, 0), 1023);
	/* One that fills it, and one that no batch takes. */
	assert_int_equal(fits(2, 1048576 - 26, 0), 1);
	assert_int_equal(fits(1, 1048576 - 25, 0), 0);
	/* 24 hours from the first to the last. */
	assert_int_equal(fits(2, 1, 24 * 3600 * 1000), 2);
	assert_int_equal(fits(2, 1, 24 * 3600 * 1000 + 1), 1);
	assert_int_equal(fits(0, 1, 0), 0);
}

static void order_is_by_time(void **state)
{
	static const uint64_t times[] = { 5, 3, 9, 3, 1 };
	static const uint64_t expected[] = { 4, 1, 3, 0, 2 };
	struct batch_list queue = TAILQ_HEAD_INITIALIZER(queue);
	struct batch batch = { 0 };
	struct batch_entry *entry;
	uint64_t number = 0;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		add(&queue, i, 1, times[i]);
	assert_int_equal(batch_fill(&batch, &queue, &limits, SIZE_MAX), 0);
	assert_int_equal(batch.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(batch.entries[i]->number, expected[i]);
	assert_int_equal(batch.first, 1);
	assert_int_equal(batch.last, 9);
	add(&queue, 5, 1, 0);
	batch_return(&batch, &queue);
	TAILQ_FOREACH(entry, &queue, next)
	assert_int_equal(entry->number, number++);
	assert_int_equal(number, 6);
	/* Fewer on demand, as when a wrong one is looked for. */
	assert_int_equal(batch_fill(&batch, &queue, &limits, 2), 0);
	assert_int_equal(batch.count, 2);
	batch_free(&batch);
	assert_int_equal(queue_free(&queue), 4);
}

static void body_is_the_documents(void **state)
{
	struct batch_entry entries[2] = {
		{ .time = 7, .document = (char *)"{\"a\":\"\xc3\xa4\"}", .size = 10 },
		{ .time = 8, .document = (char *)"x", .size = 1 },
	};
	struct batch_entry *both[] = { &entries[0], &entries[1] };
	struct batch batch = { .entries = both, .count = 2 };
	char *body = cloudwatch_body(&batch, "/g", "s");

	(void)state;
	assert_non_null(body);
	assert_string_equal(body, "{\"logGroupName\":\"/g\",\"logStreamName\":\"s\",\"logEvents\":["
				  "{\"timestamp\":7,\"message\":\"{\\\"a\\\":\\\"\xc3\xa4\\\"}\"},"
				  "{\"timestamp\":8,\"message\":\"x\"}]}");
	free(body);
	/* Not UTF-8: nothing is made of it. */
	entries[1].document = (char *)"\xff";
	assert_null(cloudwatch_body(&batch, "/g", "s"));
}

static void replies_are_bounded(void **state)
{
	static const struct {
		const char *body;
		int result;
		size_t before, from;
	} cases[] = {
		{ "{}", 0, 0, 10 },
		{ "{\"nextSequenceToken\":\"x\"}", 0, 0, 10 },
		{ "{\"rejectedLogEventsInfo\":{\"tooOldLogEventEndIndex\":3}}", 0, 3, 10 },
		{ "{\"rejectedLogEventsInfo\":{\"tooOldLogEventEndIndex\":3,"
		  "\"expiredLogEventEndIndex\":5}}",
		  0, 5, 10 },
		{ "{\"rejectedLogEventsInfo\":{\"tooNewLogEventStartIndex\":8}}", 0, 0, 8 },
		{ "{\"rejectedLogEventsInfo\":{\"tooNewLogEventStartIndex\":-8,"
		  "\"tooOldLogEventEndIndex\":99999999999}}",
		  0, 10, 0 },
		{ "{\"rejectedLogEventsInfo\":{\"tooOldLogEventEndIndex\":\"3\"}}", 0, 0, 10 },
		{ "{\"rejectedLogEventsInfo\":[]}", 0, 0, 10 },
		{ "[]", -74, 0, 0 },
		{ "", -74, 0, 0 },
		{ "<html>", -74, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t before = 0, from = 0;

		assert_int_equal(
			cloudwatch_reply(cases[i].body, strlen(cases[i].body), 10, &before, &from),
			cases[i].result);
		assert_int_equal(before, cases[i].before);
		assert_int_equal(from, cases[i].from);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(order_is_by_time),
		cmocka_unit_test(body_is_the_documents),
		cmocka_unit_test(replies_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
