/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: a finding in Security Hub's format has what the format wants, no text longer than it
 * takes, the same Id for good and an UpdatedAt that rises with every state; one that is closed is
 * archived. A notice for people has a subject that SNS takes and fits into one message, whatever
 * the finding holds.
 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "report/asff.h"
#include "report/notice.h"

static const struct asff_place place = { .partition = "aws-cn",
					 .region = "cn-north-1",
					 .account = "123456789012",
					 .instance_id = "i-0123456789abcdef0",
					 .hostname = "web-1" };

static json_t *ocsf(int activity, json_int_t time, json_int_t count, const char *text)
{
	json_t *object = json_pack(
		"{s:i, s:i, s:i, s:s, s:I, s:I, s:I, s:{s:s}, s:{s:s, s:s, s:s, s:{s:s}}, s:{s:s}}",
		"activity_id", activity, "category_uid", 2, "severity_id", 4, "severity", "High",
		"time", time, "start_time", (json_int_t)1800000000000, "count", count, "metadata",
		"uid", "u-1", "finding_info", "uid", "u", "title", text, "desc", text, "analytic",
		"name", "indicator", "unmapped", "would_have", text);

	assert_non_null(object);
	assert_int_equal(
		json_object_set_new(object, "evidences",
				    json_pack("[{s:{s:s,s:s,s:s,s:i}, s:{s:s}, s:{s:s,s:i}}]",
					      "process", "name", text, "path", text, "cmd_line",
					      text, "pid", 7, "query", "hostname", text,
					      "dst_endpoint", "ip", "2001:db8::1", "port", 53)),
		0);
	return object;
}

static json_t *asff(int activity, json_int_t time, json_int_t count, const char *text)
{
	json_t *object = ocsf(activity, time, count, text), *finding;
	char *line = asff_finding(object, &place);

	assert_non_null(line);
	finding = json_loads(line, 0, NULL);
	free(line);
	json_decref(object);
	return finding;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static void finding_is_as_specified(void **state)
{
	json_t *finding = asff(1, 1800000001000, 1, "bad");
	const json_t *fields = json_object_get(finding, "FindingProviderFields");
	const json_t *resource = json_array_get(json_object_get(finding, "Resources"), 0);
	const json_t *network = json_object_get(finding, "Network");

	(void)state;
	assert_string_equal(text_of(finding, "Id"), "cordon/u");
	assert_string_equal(text_of(finding, "ProductArn"),
			    "arn:aws-cn:securityhub:cn-north-1:123456789012:product/123456789012/"
			    "default");
	assert_string_equal(text_of(finding, "CreatedAt"), "2027-01-15T08:00:00.000000Z");
	assert_string_equal(text_of(finding, "UpdatedAt"), "2027-01-15T08:00:01.000001Z");
	assert_string_equal(text_of(finding, "RecordState"), "ACTIVE");
	assert_string_equal(text_of(json_object_get(fields, "Severity"), "Label"), "HIGH");
	assert_string_equal(text_of(resource, "Id"),
			    "arn:aws-cn:ec2:cn-north-1:123456789012:instance/i-0123456789abcdef0");
	assert_string_equal(text_of(network, "DestinationIpV6"), "2001:db8::1");
	assert_null(json_object_get(network, "DestinationIpV4"));
	assert_null(json_object_get(finding, "Severity"));
	json_decref(finding);
}

static void states_rise(void **state)
{
	/* Time and count of one finding's states; the clock is set back, and stands still. */
	static const json_int_t states[][2] = {
		{ 1800000001000, 1 },	     { 1800000001000, 2 },	 { 1800000001000, 900 },
		{ 1800000001000, 901 },	     { 1800000001001, 902 },	 { 1800000001002, 90000 },
		{ 1800000001003, 99000000 }, { 1800000001004, 99000001 }
	};
	char before[64] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		json_t *finding = asff(2, states[i][0], states[i][1], "bad");

		if (strcmp(text_of(finding, "UpdatedAt"), before) <= 0)
			fail_msg("%s after %s", text_of(finding, "UpdatedAt"), before);
		(void)snprintf(before, sizeof(before), "%s", text_of(finding, "UpdatedAt"));
		json_decref(finding);
	}
}

static void closed_is_archived(void **state)
{
	json_t *finding = asff(3, 1800000002000, 5, "bad");
	json_t *activity =
		json_pack("{s:i, s:{s:s}}", "category_uid", 7, "unmapped", "finding_uid", "u");

	(void)state;
	assert_string_equal(text_of(finding, "RecordState"), "ARCHIVED");
	json_decref(finding);
	/* What was done is no finding, nor is anything else. */
	assert_null(asff_finding(activity, &place));
	assert_null(notice_finding(activity, "{}"));
	json_decref(activity);
	activity = json_object();
	assert_null(asff_finding(activity, &place));
	assert_null(notice_finding(activity, "{}"));
	json_decref(activity);
}

/* So many times the piece. */
static char *repeat(const char *piece, size_t times)
{
	size_t length = strlen(piece);
	char *text = malloc(length * times + 1);

	assert_non_null(text);
	for (size_t i = 0; i < times; i++)
		memcpy(text + i * length, piece, length);
	text[length * times] = '\0';
	return text;
}

static void texts_are_cut(void **state)
{
	/* Two and three bytes a letter: never cut within one (json_loads would refuse it). */
	static const char *const pieces[] = { "x", "\xc3\xa4", "a\xe6\xbc\xa2",
					      "\xf0\x9f\x94\x92" };

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char *text = repeat(pieces[i], 5000);
		json_t *finding = asff(1, 1800000001000, 1, text);
		const json_t *process = json_object_get(finding, "Process");

		assert_non_null(finding);
		assert_true(strlen(text_of(finding, "Title")) <= 256);
		assert_true(strlen(text_of(finding, "Title")) > 250);
		assert_true(strlen(text_of(finding, "Description")) <= 1024);
		assert_true(strlen(text_of(process, "Name")) <= 64);
		assert_true(strlen(text_of(process, "Path")) <= 512);
		json_decref(finding);
		free(text);
	}
}

static void off_ec2(void **state)
{
	struct asff_place here = place;
	json_t *object = ocsf(1, 1800000001000, 1, "bad"), *finding, *resource;
	char *line;

	(void)state;
	here.instance_id = "";
	here.partition = "aws-eusc";
	line = asff_finding(object, &here);
	finding = json_loads(line, 0, NULL);
	resource = json_array_get(json_object_get(finding, "Resources"), 0);
	assert_string_equal(text_of(resource, "Type"), "Other");
	assert_string_equal(text_of(resource, "Id"), "web-1");
	/* One that the format does not name yet. */
	assert_null(json_object_get(resource, "Partition"));
	json_decref(finding);
	json_decref(object);
	free(line);
}

static void notice_fits(void **state)
{
	static const struct {
		const char *piece;
		size_t times, line;
		bool whole; /* the finding is in it */
	} cases[] = {
		{ "bad", 1, 100, true },
		{ "\n\x1b[31m", 100, 3000, true },
		{ "\xe6\xbc\xa2", 5000, 8000, true },
		{ "x", 10, 200000, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = repeat(cases[i].piece, cases[i].times);
		char *line = repeat("\"", cases[i].line);
		json_t *object = ocsf(1, 1800000001000, 1, text), *notice, *message;
		char *out = notice_finding(object, line);
		const char *subject;

		assert_non_null(out);
		assert_true(strlen(out) < 256 * 1024);
		notice = json_loads(out, 0, NULL);
		subject = text_of(notice, "subject");
		assert_true(strlen(subject) < 100);
		for (const char *at = subject; *at; at++)
			assert_true(*at >= 0x20 && *at < 0x7f);
		message = json_loads(text_of(notice, "message"), 0, NULL);
		assert_null(strpbrk(text_of(message, "default"), "\x1b\x07\r"));
		assert_true(strlen(text_of(message, "sms")) <= 160);
		assert_int_equal(json_object_get(message, "sqs") != NULL, cases[i].whole);
		assert_string_equal(text_of(notice, "severity"), "high");
		json_decref(message);
		json_decref(notice);
		json_decref(object);
		free(out);
		free(line);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finding_is_as_specified),
		cmocka_unit_test(states_rise),
		cmocka_unit_test(closed_is_archived),
		cmocka_unit_test(texts_are_cut),
		cmocka_unit_test(off_ec2),
		cmocka_unit_test(notice_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
