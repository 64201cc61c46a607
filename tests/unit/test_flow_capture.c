/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded flows of real clients: that names, protocols and fingerprints are those that another
 * program reads from the same packets (tests/data/pcap/flows.json).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "sensor/flow_facts.h"
#include "tests/unit/flow_capture.h"

#define FOLDER "tests/data/pcap"

struct found {
	json_t *hellos; /* "NAME JA4 ALPN" to how often */
	json_t *hosts;	/* "HOST PORT" to anything */
};

static void count_add(json_t *counts, const char *key, int by)
{
	json_int_t count = json_integer_value(json_object_get(counts, key)) + by;

	if (count == 0)
		(void)json_object_del(counts, key);
	else
		assert_int_equal(json_object_set_new(counts, key, json_integer(count)), 0);
}

static void facts_told(const struct flow_capture_flow *flow, const struct flow_facts *facts,
		       void *context)
{
	struct found *found = context;
	char key[1024];

	(void)flow;
	if (facts->protocol == FLOW_HTTP && facts->name[0] != '\0') {
		(void)snprintf(key, sizeof(key), "%s %u", facts->name, facts->http_port);
		assert_int_equal(json_object_set_new(found->hosts, key, json_true()), 0);
	}
	if (facts->ja4[0] == '\0')
		return;
	(void)snprintf(key, sizeof(key), "%s %s %s", facts->name, facts->ja4, facts->alpn);
	count_add(found->hellos, key, 1);
}

static void rest_assert(const char *file, const char *what, json_t *rest)
{
	const char *key;
	json_t *value;

	json_object_foreach(rest, key, value) print_error("%s: %s: %s\n", file, what, key);
	assert_int_equal(json_object_size(rest), 0);
}

/* Takes what is expected from what was found; nothing must be left on either side. */
static void file_compare(const char *file, json_t *expected, struct found *found)
{
	json_t *missing = json_object(), *value;
	size_t i;

	json_array_foreach(json_object_get(expected, "hellos"), i, value)
	{
		char key[1024];

		(void)snprintf(key, sizeof(key), "%s %s %s",
			       json_string_value(json_object_get(value, "name")),
			       json_string_value(json_object_get(value, "ja4")),
			       json_string_value(json_object_get(value, "alpn")));
		count_add(found->hellos, key, -1);
	}
	rest_assert(file, "hellos differ", found->hellos);
	json_array_foreach(json_object_get(expected, "hosts"), i,
			   value) if (json_object_del(found->hosts, json_string_value(value)) < 0)
		count_add(missing, json_string_value(value), 1);
	rest_assert(file, "host not found", missing);
	rest_assert(file, "host found", found->hosts);
	json_decref(missing);
}

static void test_recorded_flows_are_read(void **state)
{
	/* Proves that what is read from each capture equals what is recorded for it. */
	const char *top = getenv("srcdir") ? getenv("srcdir") : ".";
	char path[4096];
	json_t *files, *expected;
	json_error_t error;
	const char *file;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/" FOLDER "/flows.json", top);
	files = json_load_file(path, 0, &error);
	if (!files)
		fail_msg("%s: %s", path, error.text);
	assert_true(json_object_size(files) >= 20);
	json_object_foreach(files, file, expected)
	{
		struct found found = { json_object(), json_object() };

		(void)snprintf(path, sizeof(path), "%s/" FOLDER "/%s", top, file);
		assert_int_equal(flow_capture_read(path, facts_told, &found), 0);
		file_compare(file, expected, &found);
		json_decref(found.hellos);
		json_decref(found.hosts);
	}
	json_decref(files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded_flows_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
