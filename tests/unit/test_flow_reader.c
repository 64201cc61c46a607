/* SPDX-License-Identifier: Apache-2.0
 *
 * The first bytes of flows: that each case gives its facts, however it is cut into segments and in
 * whatever order they come, and that bytes that are missing give less, but never another name.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "scan/flow_reader.h"
#include "tests/unit/flow_cases.h"

/* A case with more bytes is cut at every so many positions only, to end in time. */
#define CUTS_MAX 600

static struct flow_reader *reader_new(bool datagrams)
{
	struct flow_reader *reader;

	assert_int_equal(flow_reader_new(datagrams ? FLOW_DATAGRAMS : FLOW_STREAM, &reader), 0);
	return reader;
}

struct found {
	struct flow_facts facts[FLOW_CASE_FACTS_MAX];
	size_t count;
};

/* Takes what the reader has, as its header tells to. */
static int facts_collect(struct flow_reader *reader, int r, struct found *found)
{
	while (r == FLOW_READER_DONE) {
		assert_true(found->count < FLOW_CASE_FACTS_MAX);
		found->facts[found->count++] = *flow_reader_facts(reader);
		r = flow_reader_next(reader);
	}
	return r;
}

static void found_assert(const struct flow_case *flow, const struct found *found)
{
	for (size_t i = 0; i < found->count && i < flow->fact_count; i++)
		flow_facts_assert(flow, &found->facts[i], &flow->facts[i]);
	if (found->count != flow->fact_count)
		fail_msg("%s: %zu facts, not %zu", flow->name, found->count, flow->fact_count);
}

/* A copy without a byte more, so that the sanitizer sees each read beyond it. */
static int take_copy(struct flow_reader *reader, size_t offset, const uint8_t *bytes, size_t size,
		     bool last)
{
	CLEANUP(free_cleanup) uint8_t *copy = malloc(size + 1);

	assert_non_null(copy);
	memcpy(copy + 1, bytes, size);
	return flow_reader_take(reader, (uint32_t)offset, copy + 1, size, last);
}

static void case_run_whole(const struct flow_case *flow)
{
	struct flow_reader *reader = reader_new(flow->datagrams);
	struct found found = { 0 };
	int r = 0;

	/* Nothing can follow in a stream; another connection can in datagrams. */
	for (size_t i = 0; i < flow->packet_count && (r == 0 || flow->datagrams); i++)
		r = facts_collect(reader,
				  take_copy(reader, 0, flow->packets[i].bytes,
					    flow->packets[i].size, i + 1 == flow->packet_count),
				  &found);
	assert_int_equal(r, -ENODATA);
	found_assert(flow, &found);
	flow_reader_free(reader);
}

static void test_each_case_gives_its_facts(void **state)
{
	/* Proves what is read from each case, taken as it is. */
	(void)state;
	flow_cases_run(case_run_whole);
}

static void split_run(const struct flow_case *flow, size_t cut, bool reverse, bool twice)
{
	const uint8_t *bytes = flow->packets[0].bytes;
	size_t size = flow->packets[0].size;
	struct flow_reader *reader = reader_new(false);
	struct found found = { 0 };
	int r;

	r = reverse ? take_copy(reader, cut, bytes + cut, size - cut, false)
		    : take_copy(reader, 0, bytes, cut, false);
	r = facts_collect(reader, r, &found);
	if (twice && r == 0)
		r = facts_collect(reader, take_copy(reader, 0, bytes, cut, false), &found);
	if (r == 0)
		r = facts_collect(reader,
				  reverse ? take_copy(reader, 0, bytes, cut, true)
					  : take_copy(reader, cut, bytes + cut, size - cut, true),
				  &found);
	assert_int_equal(r, -ENODATA);
	found_assert(flow, &found);
	flow_reader_free(reader);
}

static size_t case_step(const struct flow_case *flow)
{
	return flow->packets[0].size / CUTS_MAX + 1;
}

static void case_run_split(const struct flow_case *flow)
{
	for (size_t cut = 0; !flow->datagrams && cut <= flow->packets[0].size;
	     cut += case_step(flow)) {
		split_run(flow, cut, false, false);
		split_run(flow, cut, true, false);
		split_run(flow, cut, false, true);
	}
}

static void test_two_segments_change_nothing(void **state)
{
	/* Proves that a stream cut anywhere in two, in order, reversed, or with the first half sent
	 * twice, gives the same facts. */
	(void)state;
	flow_cases_run(case_run_split);
}

static void segments_run(const struct flow_case *flow, size_t segment, unsigned stride)
{
	size_t size = flow->packets[0].size, count = (size + segment - 1) / segment;
	struct flow_reader *reader = reader_new(false);
	struct found found = { 0 };
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		size_t at = i * stride % count * segment;

		r = facts_collect(reader,
				  take_copy(reader, at, flow->packets[0].bytes + at,
					    size - at < segment ? size - at : segment,
					    i + 1 == count),
				  &found);
	}
	assert_int_equal(r, -ENODATA);
	found_assert(flow, &found);
	flow_reader_free(reader);
}

static void case_run_segments(const struct flow_case *flow)
{
	static const size_t segments[] = { 1, 2, 3, 7, 64, 536 };

	for (size_t i = 0; !flow->datagrams && i < ELEMENTS(segments); i++) {
		size_t count = (flow->packets[0].size + segments[i] - 1) / segments[i];

		segments_run(flow, segments[i], 1);
		/* Each segment comes once when the stride has no divisor in common with count. */
		if (count % 7919 != 0)
			segments_run(flow, segments[i], 7919);
	}
}

static void test_many_segments_change_nothing(void **state)
{
	/* Proves that segments of one byte and more, in order and scattered, give the same. */
	(void)state;
	flow_cases_run(case_run_segments);
}

/* Whether a name is one that the whole case gives. */
static bool name_known(const struct flow_case *flow, const char *name)
{
	for (size_t i = 0; i < flow->fact_count; i++)
		if (strcmp(flow->facts[i].name, name) == 0)
			return true;
	return name[0] == '\0';
}

static void case_run_cut(const struct flow_case *flow)
{
	size_t last = flow->packet_count - 1;

	for (size_t cut = 0; cut < flow->packets[last].size; cut += case_step(flow)) {
		struct flow_reader *reader = reader_new(flow->datagrams);
		struct found found = { 0 };
		int r = 0;

		for (size_t i = 0; i <= last && r == 0; i++)
			r = facts_collect(reader,
					  take_copy(reader, 0, flow->packets[i].bytes,
						    i == last ? cut : flow->packets[i].size,
						    i == last),
					  &found);
		assert_int_equal(r, -ENODATA);
		assert_true(found.count > 0);
		for (size_t i = 0; i < found.count; i++)
			if (!name_known(flow, found.facts[i].name))
				fail_msg("%s: cut at %zu it names '%s'", flow->name, cut,
					 found.facts[i].name);
		flow_reader_free(reader);
	}
}

static void test_what_is_cut_names_nobody_else(void **state)
{
	/* Proves that a case that ends at any byte gives facts, and no name but its own. */
	(void)state;
	flow_cases_run(case_run_cut);
}

static void test_first_bytes_win(void **state)
{
	/* Proves that of two versions of the same bytes the first one stands. */
	static const char first[] = "GET / HTTP/1.1\r\nHost: one.example\r\n\r\n";
	static const char second[] = "GET / HTTP/1.1\r\nHost: two.example\r\n\r\n";
	struct flow_reader *reader = reader_new(false);
	const size_t half = 24; /* within the name */

	(void)state;
	assert_int_equal(flow_reader_take(reader, half, (const uint8_t *)first + half,
					  sizeof(first) - 1 - half, false),
			 0);
	assert_int_equal(flow_reader_take(reader, 0, (const uint8_t *)first, 10, false), 0);
	assert_int_equal(
		flow_reader_take(reader, 0, (const uint8_t *)second, sizeof(second) - 1, false),
		FLOW_READER_DONE);
	/* "tw" of the second, "e" and the rest of the first. */
	assert_string_equal(flow_reader_facts(reader)->name, "twe.example");
	flow_reader_free(reader);
}

static void test_missing_beginning_is_told(void **state)
{
	/* Proves that a stream whose first bytes never come says so. */
	struct flow_reader *reader = reader_new(false);

	(void)state;
	assert_int_equal(flow_reader_take(reader, 5, (const uint8_t *)"hello", 5, true),
			 FLOW_READER_DONE);
	assert_int_equal(flow_reader_facts(reader)->protocol, FLOW_NONE);
	assert_int_equal(flow_reader_facts(reader)->outcome, FLOW_INCOMPLETE);
	assert_int_equal(flow_reader_next(reader), -ENODATA);
	flow_reader_free(reader);
}

static void test_done_stays_done(void **state)
{
	/* Proves that more bytes after the facts change nothing, and next() before them neither. */
	static const char text[] = "GET / HTTP/1.1\r\nHost: one.example\r\n\r\n";
	struct flow_reader *reader = reader_new(false);

	(void)state;
	assert_int_equal(flow_reader_next(reader), 0);
	assert_int_equal(
		flow_reader_take(reader, 0, (const uint8_t *)text, sizeof(text) - 1, false),
		FLOW_READER_DONE);
	assert_int_equal(flow_reader_take(reader, sizeof(text) - 1, (const uint8_t *)"x", 1, true),
			 FLOW_READER_DONE);
	assert_string_equal(flow_reader_facts(reader)->name, "one.example");
	flow_reader_free(reader);
	flow_reader_free(NULL);
}

static void test_strangers_end_a_flow_of_datagrams(void **state)
{
	/* Proves that a flow whose datagrams are not QUIC is given up, after a few. */
	struct flow_reader *reader = reader_new(true);

	(void)state;
	for (int i = 1; i < FLOW_READER_STRANGERS_MAX; i++)
		assert_int_equal(flow_reader_take(reader, 0, (const uint8_t *)"hello", 5, false),
				 0);
	assert_int_equal(flow_reader_take(reader, 0, (const uint8_t *)"hello", 5, false),
			 FLOW_READER_DONE);
	assert_int_equal(flow_reader_facts(reader)->protocol, FLOW_NONE);
	flow_reader_free(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_case_gives_its_facts),
		cmocka_unit_test(test_two_segments_change_nothing),
		cmocka_unit_test(test_many_segments_change_nothing),
		cmocka_unit_test(test_what_is_cut_names_nobody_else),
		cmocka_unit_test(test_first_bytes_win),
		cmocka_unit_test(test_missing_beginning_is_told),
		cmocka_unit_test(test_done_stays_done),
		cmocka_unit_test(test_strangers_end_a_flow_of_datagrams),
	};

	if (flow_reader_prepare() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
