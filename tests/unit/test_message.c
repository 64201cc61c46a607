/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: what cordon-cloud and its parent write is read as it was meant; any other frame, and any
 * at a wrong time, is a breach; parts make the whole, and nothing else does; the parent takes
 * results only of what it has given, once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/courier.h"
#include "cloud/message.h"
#include "cloud/settings.h"

static int read_as(const struct message_frame *frame, enum message_reader reader,
		   struct message *ret)
{
	const char *why = NULL;
	int r = message_read(frame, reader, ret, &why);

	assert_int_equal(r < 0, why != NULL);
	return r;
}

static void replies_are_read(void **state)
{
	const struct message_hello hello = { .version = MESSAGE_VERSION, .uid = 7 };
	const struct message_instance instance = { .id = "i-1", .region = "eu-west-1" };
	struct message_result result = {
		.outcome = MESSAGE_DENIED, .after = 5, .text = "why", .ids = { 1, 2 }, .count = 2
	};
	struct message_frame frame;
	struct message message;

	(void)state;
	message_put_hello(&frame, &hello);
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_UNGREETED, &message), 0);
	assert_int_equal(message.hello.uid, 7);
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_GREETED, &message), -EBADMSG);
	assert_int_equal(read_as(&frame, MESSAGE_CHILD, &message), -EBADMSG);
	message_put_instance(&frame, &instance);
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_GREETED, &message), 0);
	assert_string_equal(message.instance.region, "eu-west-1");
	message_put_result(&frame, &result);
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_GREETED, &message), 0);
	assert_int_equal(message.result.count, 2);
	assert_int_equal(message.result.ids[1], 2);
	assert_string_equal(message.result.text, "why");
	message_put_failed(&frame, "");
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_UNGREETED, &message), 0);
}

static void breaches_are_found(void **state)
{
	struct message_instance instance = { .id = "i-1\n" };
	struct message_result result = { .outcome = MESSAGE_OUTCOMES, .ids = { 1 }, .count = 1 };
	const struct message_hello hello = { .version = MESSAGE_VERSION + 1 };
	struct message_frame frame;
	struct message message;

	(void)state;
	message_put_instance(&frame, &instance);
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_GREETED, &message), -EBADMSG);
	memset(instance.id, 'a', sizeof(instance.id));
	message_put_instance(&frame, &instance);
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_GREETED, &message), -EBADMSG);
	message_put_result(&frame, &result);
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_GREETED, &message), -EBADMSG);
	message_put_hello(&frame, &hello);
	assert_int_equal(read_as(&frame, MESSAGE_PARENT_UNGREETED, &message), -EBADMSG);
	message_put_failed(&frame, "x");
	for (size_t size = 0; size < frame.size; size++) {
		struct message_frame cut = frame;

		cut.size = size;
		assert_int_equal(read_as(&cut, MESSAGE_PARENT_UNGREETED, &message), -EBADMSG);
	}
}

static void parts_make_the_whole(void **state)
{
	static const size_t sizes[] = { 1, MESSAGE_PART_MAX, MESSAGE_PART_MAX + 1, 300000 };
	struct message_long gathered = { 0 };
	struct message_frame frame;
	struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *bytes = malloc(sizes[i]);
		size_t sent = 0;
		int r = 0;

		assert_non_null(bytes);
		for (size_t k = 0; k < sizes[i]; k++)
			bytes[k] = (char)(k * 31 + 1);
		while (sent < sizes[i]) {
			assert_int_equal(r, 0);
			sent += message_put_part(&frame, MESSAGE_ENTRY, 9, bytes, sizes[i], sent);
			assert_int_equal(read_as(&frame, MESSAGE_CHILD, &message), 0);
			r = message_long_add(&gathered, &message);
		}
		assert_int_equal(r, 1);
		assert_int_equal(gathered.size, sizes[i]);
		assert_memory_equal(gathered.bytes, bytes, sizes[i]);
		message_long_clear(&gathered);
		free(bytes);
	}
	/* A second part without a first. */
	message_put_part(&frame, MESSAGE_ENTRY, 9, "abc", 3, 1);
	assert_int_equal(read_as(&frame, MESSAGE_CHILD, &message), 0);
	assert_int_equal(message_long_add(&gathered, &message), -EBADMSG);
	message_long_clear(&gathered);
}

static void settings_are_read_as_written(void **state)
{
	const struct settings settings = {
		.region = "eu-west-1",
		.overrides = { { "AWS_ENDPOINT_URL", "http://127.0.0.1:1" } },
		.override_count = 1,
		.fips = true,
		.ca_bundle = "-----BEGIN\n",
		.hostname = "h",
		.cloudwatch = { .group = "/g", .stream = "" },
	};
	char *text = settings_write(&settings);
	json_t *object = text ? json_loads(text, 0, NULL) : NULL;
	struct settings read;

	(void)state;
	assert_non_null(object);
	assert_int_equal(settings_read(object, &read), 0);
	assert_string_equal(read.region, "eu-west-1");
	assert_string_equal(read.overrides[0].url, "http://127.0.0.1:1");
	assert_string_equal(read.ca_bundle, "-----BEGIN\n");
	assert_string_equal(read.proxy, "");
	assert_true(read.fips && !read.dual_stack);
	assert_int_equal(json_object_del(object, "region"), 0);
	assert_int_equal(settings_read(object, &read), -EBADMSG);
	json_decref(object);
	free(text);
}

struct heard {
	size_t answers;
	unsigned results, broken;
	char reason[512];
};

static void hear(uint64_t id, unsigned sink, enum message_outcome outcome, uint64_t after,
		 const char *text, void *userdata)
{
	struct heard *heard = userdata;

	(void)id;
	(void)sink;
	(void)outcome;
	(void)after;
	(void)text;
	heard->results++;
}

static void results_are_of_what_was_given(void **state)
{
	static const struct courier_handlers handlers = { .result = hear };
	struct message_result result = { .outcome = MESSAGE_DELIVERED, .count = 1 };
	struct message_frame frame;

	(void)state;
	for (int round = 0; round < 4; round++) {
		struct heard heard = { 0 };
		struct courier *courier = courier_for_fuzzing(&handlers, &heard, 2, round != 3);

		assert_non_null(courier);
		result.ids[0] = UINT64_C(1) << 32;
		message_put_result(&frame, &result);
		if (round == 0) {
			assert_true(courier_take(courier, &frame));
			assert_int_equal(heard.results, 1);
			/* A second time. */
			assert_false(courier_take(courier, &frame));
		} else if (round == 1) {
			result.ids[0] = 2 | UINT64_C(1) << 32;
			message_put_result(&frame, &result);
			assert_false(courier_take(courier, &frame));
		} else if (round == 2) {
			result.ids[0] = 1 | UINT64_C(2) << 32;
			message_put_result(&frame, &result);
			assert_false(courier_take(courier, &frame));
		} else {
			/* Before it said hello. */
			assert_false(courier_take(courier, &frame));
		}
		assert_int_equal(heard.results, round == 0);
		courier_free(courier);
	}
}

static void hear_answer(uint64_t id, unsigned sink, const char *bytes, size_t size, void *userdata)
{
	struct heard *heard = userdata;

	(void)sink;
	assert_int_equal(id, 1);
	assert_int_equal(size, 3);
	assert_memory_equal(bytes, "abc", 3);
	heard->answers++;
}

static void answers_are_to_who_asked(void **state)
{
	static const struct courier_handlers handlers = { .result = hear, .answer = hear_answer };
	static const struct {
		uint64_t name;
		bool taken;
	} names[] = {
		{ UINT64_C(1) << 32, true },	  /* the first one asks */
		{ 1 | UINT64_C(1) << 32, false }, /* the second one does not */
		{ UINT64_C(2) << 32, false },	  /* not used so often */
		{ UINT64_MAX, false },
	};
	struct message_result result = { .outcome = MESSAGE_DELIVERED, .count = 1 };
	struct message_frame frame, end;

	(void)state;
	result.ids[0] = names[0].name;
	message_put_result(&end, &result);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct heard heard = { 0 };
		struct courier *courier = courier_for_fuzzing(&handlers, &heard, 2, true);

		assert_non_null(courier);
		message_put_answer(&frame, names[i].name, "abc", 3);
		assert_int_equal(courier_take(courier, &frame), names[i].taken);
		assert_int_equal(heard.answers, names[i].taken);
		courier_free(courier);
	}
	/* Once, and not after its result. */
	for (int late = 0; late < 2; late++) {
		struct heard heard = { 0 };
		struct courier *courier = courier_for_fuzzing(&handlers, &heard, 2, true);

		message_put_answer(&frame, names[0].name, "abc", 3);
		assert_true(courier_take(courier, late ? &end : &frame));
		assert_false(courier_take(courier, &frame));
		assert_int_equal(heard.answers, !late);
		courier_free(courier);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(breaches_are_found),
		cmocka_unit_test(parts_make_the_whole),
		cmocka_unit_test(settings_are_read_as_written),
		cmocka_unit_test(results_are_of_what_was_given),
		cmocka_unit_test(answers_are_to_who_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
