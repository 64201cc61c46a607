/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: a finding's OpsItem is within what SSM takes, whatever names are in it; replies are read
 * as SSM writes them, and nothing else is; parameters come through the channel as they were.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/opsitem.h"
#include "cloud/parameter.h"
#include "cloud/places.h"
#include "cloud/text.h"

static const struct opsitem_host host = { .name = "i-0123456789abcdef0",
					  .instance = "i-0123456789abcdef0",
					  .region = "cn-north-1",
					  .account = "123456789012",
					  .partition = "aws-cn" };

static json_t *finding_make(json_int_t count, json_int_t activity, const char *title)
{
	json_t *object =
		json_pack("{s:I, s:I, s:i, s:I, s:{s:s, s:s, s:s}, s:[{s:{s:s}}]}", "count", count,
			  "activity_id", activity, "severity_id", 4, "time",
			  (json_int_t)1800000000000, "finding_info", "uid", "0123-4567", "title",
			  title, "desc", "  ", "evidences", "query", "hostname", "a.b.example");

	assert_non_null(object);
	return object;
}

static const char *data_of(const json_t *body, const char *key)
{
	const json_t *data = json_object_get(body, "OperationalData");

	return json_string_value(json_object_get(json_object_get(data, key), "Value"));
}

static void requests_say_what_they_must(void **state)
{
	json_t *object = finding_make(1, 1, "Lookup of a listed name"), *body;
	struct opsitem_finding finding;

	(void)state;
	assert_int_equal(opsitem_read(object, &finding), 0);
	assert_true(finding.first);
	assert_false(finding.closed);
	body = opsitem_create(&finding, &host);
	assert_string_equal(data_of(body, "/aws/dedup"),
			    "{\"dedupString\":\"cordon-i-0123456789abcdef0-0123-4567\"}");
	assert_string_equal(data_of(body, "/aws/resources"),
			    "[{\"arn\":\"arn:aws-cn:ec2:cn-north-1:123456789012:instance/"
			    "i-0123456789abcdef0\"}]");
	assert_string_equal(data_of(body, "cordon.hostname"), "a.b.example");
	assert_string_equal(data_of(body, "cordon.count"), "1");
	assert_string_equal(json_string_value(json_object_get(body, "Severity")), "2");
	/* A description must have a letter in it. */
	assert_string_equal(json_string_value(json_object_get(body, "Description")),
			    "Lookup of a listed name");
	json_decref(body);
	body = opsitem_update(&finding, &host, "oi-0123456789ab", NULL);
	assert_null(data_of(body, "/aws/dedup"));
	assert_null(data_of(body, "/aws/resources"));
	assert_null(json_object_get(body, "Status"));
	assert_null(json_object_get(body, "Title"));
	json_decref(body);
	body = opsitem_find(&finding, &host);
	assert_string_equal(
		json_string_value(json_array_get(
			json_object_get(json_array_get(json_object_get(body, "OpsItemFilters"), 0),
					"Values"),
			0)),
		"{\"key\":\"cordon.id\",\"value\":\"cordon-i-0123456789abcdef0-0123-4567\"}");
	json_decref(body);
	json_decref(object);
}

static void findings_close(void **state)
{
	struct opsitem_finding finding;
	json_t *object = finding_make(7, 3, "x");

	(void)state;
	assert_int_equal(opsitem_read(object, &finding), 0);
	assert_true(finding.closed);
	assert_false(finding.first);
	assert_int_equal(json_object_set_new(object, "activity_id", json_integer(2)), 0);
	assert_int_equal(opsitem_read(object, &finding), 0);
	assert_false(finding.closed);
	assert_int_equal(json_object_set_new(object, "status_id", json_integer(4)), 0);
	assert_int_equal(opsitem_read(object, &finding), 0);
	assert_true(finding.closed);
	json_decref(object);
	object = json_pack("{s:i}", "class_uid", 2004);
	assert_int_equal(opsitem_read(object, &finding), -EBADMSG);
	json_decref(object);
}

/* Names of three bytes a letter, so that limits fall within one. */
static void long_texts_are_cut(void **state)
{
	static char title[60000];
	struct opsitem_finding finding;
	json_t *object, *body;
	size_t length;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(title); i += 3)
		memcpy(title + i, "\xe2\x82\xac", 3);
	object = finding_make(1, 1, title);
	assert_int_equal(opsitem_read(object, &finding), 0);
	body = opsitem_create(&finding, &host);
	assert_non_null(body);
	length = json_string_length(json_object_get(body, "Title"));
	assert_true(length > 700 && length <= 1024);
	length = json_string_length(json_object_get(body, "Description"));
	assert_true(length > 2040 && length <= 2048);
	/* Half an object is none. */
	assert_null(data_of(body, "cordon.finding"));
	json_decref(body);
	json_decref(object);
	object = text_json("abc", 3);
	assert_string_equal(json_string_value(object), "abc");
	json_decref(object);
	object = text_json("ab\xe2\x82\xac", 4);
	assert_string_equal(json_string_value(object), "ab");
	json_decref(object);
	assert_null(text_json("\xff", 4));
}

static void replies_are_read(void **state)
{
	static const struct {
		const char *body;
		int r;
		const char *id;
		bool ended;
	} cases[] = {
		{ "{\"OpsItemSummaries\":[]}", 0, NULL, false },
		{ "{}", 0, NULL, false },
		{ "[]", -EBADMSG, NULL, false },
		{ "<html>", -EBADMSG, NULL, false },
		{ "{\"OpsItemSummaries\":3}", -EBADMSG, NULL, false },
		{ "{\"OpsItemSummaries\":[{\"OpsItemId\":\"oi-../../../..\"}]}", -EBADMSG, NULL,
		  false },
		{ "{\"OpsItemSummaries\":["
		  "{\"OpsItemId\":\"oi-000000000001\",\"Status\":\"Resolved\",\"CreatedTime\":5},"
		  "{\"OpsItemId\":\"oi-000000000002\",\"Status\":\"Closed\",\"CreatedTime\":9.5},"
		  "{\"OpsItemId\":\"oi-000000000003\",\"Status\":\"Resolved\",\"CreatedTime\":7}]}",
		  1, "oi-000000000002", true },
		{ "{\"OpsItemSummaries\":["
		  "{\"OpsItemId\":\"oi-000000000001\",\"Status\":\"InProgress\",\"CreatedTime\":5},"
		  "{\"OpsItemId\":\"oi-000000000002\",\"Status\":\"Resolved\",\"CreatedTime\":9}]}",
		  1, "oi-000000000001", false },
	};
	char id[OPSITEM_ID_SIZE];
	bool ended;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *body = cases[i].body;

		(void)strcpy(id, "untouched");
		ended = false;
		assert_int_equal(opsitem_reply_found(body, strlen(body), id, &ended), cases[i].r);
		assert_string_equal(id, cases[i].id ? cases[i].id : "untouched");
		assert_int_equal(ended, cases[i].ended);
	}
	assert_int_equal(opsitem_reply_id("{\"OpsItemId\":\"oi-0123456789ab\"}", 31, id), 0);
	assert_string_equal(id, "oi-0123456789ab");
	assert_int_equal(opsitem_reply_id("{\"OpsItemId\":\"oi-0123456789aG\"}", 31, id), -EBADMSG);
	assert_int_equal(opsitem_reply_id("{\"OpsItemId\":7}", 15, id), -EBADMSG);
}

static int parameter(const char *body, struct parameter *ret)
{
	return parameter_reply(body, strlen(body), 16, ret);
}

static void parameters_are_read(void **state)
{
	struct parameter it;

	(void)state;
	assert_int_equal(parameter("{\"Parameter\":{\"Name\":\"/a\",\"Value\":\"s3://b/c\\n\","
				   "\"Version\":12}}",
				   &it),
			 0);
	assert_string_equal(it.value, "s3://b/c\n");
	assert_int_equal(it.version, 12);
	parameter_clear(&it);
	/* The version is optional. */
	assert_int_equal(parameter("{\"Parameter\":{\"Value\":\"x\"}}", &it), 0);
	assert_int_equal(it.version, 0);
	parameter_clear(&it);
	assert_int_equal(parameter("{\"Parameter\":{\"Value\":\"longer than sixteen\"}}", &it),
			 -EBADMSG);
	assert_int_equal(parameter("{\"Parameter\":{\"Value\":\"a\\u0000b\"}}", &it), -EBADMSG);
	assert_int_equal(parameter("{\"Parameter\":{\"Version\":1}}", &it), -EBADMSG);
	assert_int_equal(parameter("{\"Parameter\":{\"Value\":\"x\"}", &it), -EBADMSG);
	assert_int_equal(parameter("{}", &it), -EBADMSG);
}

/* Each name is good once, also when its place is used again. */
static void places_are_used_again(void **state)
{
	struct places *places = calloc(1, sizeof(*places));
	uint64_t names[PLACES_MAX], name;

	(void)state;
	assert_non_null(places);
	places_clear(places);
	for (size_t i = 0; i < PLACES_MAX; i++)
		names[i] = places_take(places, i, 1, false, 10);
	assert_int_equal(places->free_count, 0);
	assert_int_equal(places->shares[1].bytes, PLACES_MAX * 10);
	assert_int_equal(places_find(places, names[7])->id, 7);
	places_return(places, places_find(places, names[7]));
	assert_null(places_find(places, names[7]));
	name = places_take(places, 99, 1, true, 1);
	assert_true(name != names[7]);
	assert_null(places_find(places, names[7]));
	assert_int_equal(places_find(places, name)->id, 99);
	places_clear(places);
	assert_null(places_find(places, name));
	assert_int_equal(places->shares[1].bytes, 0);
	free(places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_say_what_they_must),
		cmocka_unit_test(findings_close),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(replies_are_read),
		cmocka_unit_test(parameters_are_read),
		cmocka_unit_test(places_are_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
