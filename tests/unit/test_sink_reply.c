/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: what a sink of AWS is sent is in the service's form, and whatever it replies, each entry
 * of the batch has one outcome: taken, not now, or never; a reply that tells less is none. An
 * object of S3 is the same for the same lines, and is addressed as SDKs address it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cloud/eventbridge.h"
#include "cloud/s3.h"
#include "cloud/securityhub.h"
#include "cloud/sns.h"

#define COUNT 3

struct rig {
	struct batch_entry entries[COUNT], *pointers[COUNT];
	struct batch batch;
};

static void rig_make(struct rig *rig, char *const documents[COUNT])
{
	*rig = (struct rig){ 0 };
	for (size_t i = 0; i < COUNT; i++) {
		rig->entries[i].document = documents[i];
		rig->entries[i].size = strlen(documents[i]);
		rig->entries[i].time = UINT64_C(1800000000123) + i;
		rig->pointers[i] = &rig->entries[i];
	}
	rig->batch.entries = rig->pointers;
	rig->batch.count = COUNT;
	rig->batch.first = rig->entries[0].time;
	rig->batch.last = rig->entries[COUNT - 1].time;
}

static char *const hub_documents[] = { (char *)"{\"Id\":\"a\"}", (char *)"{\"Id\":\"b\"}",
				       (char *)"{\"Id\":\"c\"}" };

struct reply {
	const char *body;
	int result;
	const char *outcomes; /* d, l, p */
};

static void replies_check(int (*read)(const char *body, size_t size, struct batch *batch),
			  const struct reply *replies, size_t count)
{
	static const char letters[] = {
		[MESSAGE_DELIVERED] = 'd', [MESSAGE_LATER] = 'l', [MESSAGE_POISON] = 'p'
	};
	struct rig rig;

	for (size_t i = 0; i < count; i++) {
		rig_make(&rig, hub_documents);
		if (read(replies[i].body, strlen(replies[i].body), &rig.batch) != replies[i].result)
			fail_msg("%s", replies[i].body);
		for (size_t e = 0; replies[i].result == 0 && e < COUNT; e++)
			if (letters[rig.entries[e].outcome] != replies[i].outcomes[e])
				fail_msg("%s: entry %zu", replies[i].body, e);
	}
}
#define CHECK(read, replies) replies_check(read, replies, sizeof(replies) / sizeof((replies)[0]))

static void events_replies(void **state)
{
	static const struct reply replies[] = {
		{ "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"1\"},{\"EventId\":\"2\"},"
		  "{\"EventId\":\"3\"}]}",
		  0, "ddd" },
		{ "{\"FailedEntryCount\":2,\"Entries\":[{\"ErrorCode\":\"ThrottlingException\","
		  "\"ErrorMessage\":\"m\"},{\"EventId\":\"2\"},"
		  "{\"ErrorCode\":\"MalformedDetail\"}]}",
		  0, "ldp" },
		{ "{\"FailedEntryCount\":0}", 0, "ddd" },
		{ "{\"FailedEntryCount\":1}", -EBADMSG, "" },
		{ "{\"FailedEntryCount\":0,\"Entries\":[]}", -EBADMSG, "" },
		{ "{\"Entries\":[{\"EventId\":\"1\"},{\"EventId\":\"2\"}]}", -EBADMSG, "" },
		{ "{\"Entries\":[{\"EventId\":\"1\"},{\"EventId\":\"2\"},{}]}", -EBADMSG, "" },
		{ "{\"Entries\":[{\"EventId\":\"1\"},{\"EventId\":\"2\"},3]}", -EBADMSG, "" },
		{ "{}", -EBADMSG, "" },
		{ "", -EBADMSG, "" },
		{ "<html>", -EBADMSG, "" },
	};

	(void)state;
	CHECK(eventbridge_reply, replies);
}

static void hub_replies(void **state)
{
	static const struct reply replies[] = {
		{ "{\"FailedCount\":0,\"SuccessCount\":3}", 0, "ddd" },
		{ "{\"FailedCount\":0,\"SuccessCount\":3,\"FailedFindings\":[]}", 0, "ddd" },
		{ "{\"FailedCount\":2,\"SuccessCount\":1,\"FailedFindings\":["
		  "{\"Id\":\"c\",\"ErrorCode\":\"InvalidInput\",\"ErrorMessage\":\"m\"},"
		  "{\"Id\":\"a\",\"ErrorCode\":\"InternalError\"}]}",
		  0, "ldp" },
		{ "{\"FailedCount\":1,\"SuccessCount\":2,\"FailedFindings\":["
		  "{\"Id\":\"x\",\"ErrorCode\":\"InvalidInput\"}]}",
		  -EBADMSG, "" },
		{ "{\"FailedCount\":1,\"SuccessCount\":2,\"FailedFindings\":[]}", -EBADMSG, "" },
		{ "{\"FailedCount\":-1,\"SuccessCount\":4}", -EBADMSG, "" },
		{ "{\"FailedCount\":9,\"SuccessCount\":4}", -EBADMSG, "" },
		{ "{}", -EBADMSG, "" },
		{ "[]", -EBADMSG, "" },
	};

	(void)state;
	CHECK(securityhub_reply, replies);
}

#define SNS(inner)                                                                                 \
	"<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">"                \
	"<PublishBatchResult>" inner "</PublishBatchResult></PublishBatchResponse>"
#define TAKEN(id) "<member><MessageId>m</MessageId><Id>" id "</Id></member>"

static void sns_replies(void **state)
{
	static const struct reply replies[] = {
		{ SNS("<Failed/><Successful>" TAKEN("0") TAKEN("1") TAKEN("2") "</Successful>"), 0,
		  "ddd" },
		{ SNS("<Failed><member><Id>2</Id><Code>InternalError</Code><SenderFault>false"
		      "</SenderFault></member><member><Id>0</Id><Code>InvalidParameter</Code>"
		      "<Message>m</Message><SenderFault>true</SenderFault></member></Failed>"
		      "<Successful>" TAKEN("1") "</Successful>"),
		  0, "pdl" },
		/* One is not told of; one that was not sent; one that is no number. */
		{ SNS("<Successful>" TAKEN("0") TAKEN("1") "</Successful>"), -EBADMSG, "" },
		{ SNS("<Successful>" TAKEN("0") TAKEN("1") TAKEN("3") "</Successful>"), -EBADMSG,
		  "" },
		{ SNS("<Successful>" TAKEN("0") TAKEN("1") TAKEN("+2") "</Successful>"), -EBADMSG,
		  "" },
		{ SNS(""), -EBADMSG, "" },
		{ "<!DOCTYPE a [<!ENTITY b \"0\">]>" SNS("<Successful>" TAKEN("&b;") TAKEN("1")
								 TAKEN("2") "</Successful>"),
		  -EBADMSG, "" },
		{ "{}", -EBADMSG, "" },
		{ "", -EBADMSG, "" },
	};

	(void)state;
	CHECK(sns_reply, replies);
}

static void events_body(void **state)
{
	static char *const documents[] = { (char *)"{\"class_name\":\"Detection Finding\"}",
					   (char *)"{\"class_name\":\"B\"}",
					   (char *)"{\"class_name\":\"C \xc3\xa4\"}" };
	static char *const wrong[] = { (char *)"{\"class_name\":\"B\"}", (char *)"{}",
				       (char *)"x" };
	struct rig rig;
	char *body;

	(void)state;
	rig_make(&rig, documents);
	rig.batch.count = 1;
	body = eventbridge_body(&rig.batch, "default", "arn:x");
	assert_non_null(body);
	assert_string_equal(body, "{\"Entries\":[{\"Time\":1800000000,\"Source\":\"cordon\","
				  "\"DetailType\":\"Detection Finding\","
				  "\"Detail\":\"{\\\"class_name\\\":\\\"Detection Finding\\\"}\","
				  "\"EventBusName\":\"default\",\"Resources\":[\"arn:x\"]}]}");
	free(body);
	rig.batch.count = COUNT;
	body = eventbridge_body(&rig.batch, "default", "");
	assert_non_null(body);
	assert_null(strstr(body, "Resources"));
	free(body);
	rig_make(&rig, wrong);
	assert_null(eventbridge_body(&rig.batch, "default", ""));
}

static void object_is_deterministic(void **state)
{
	static char *const documents[] = { (char *)"{\"a\":1}", (char *)"{\"b\":2}",
					   (char *)"{\"c\":3}" };
	uint8_t one[SHA256_SIZE], two[SHA256_SIZE];
	char key[S3_KEY_SIZE], again[S3_KEY_SIZE];
	size_t size, other;
	struct rig rig;
	void *a, *b;

	(void)state;
	rig_make(&rig, documents);
	a = s3_object(&rig.batch, &size, one);
	b = s3_object(&rig.batch, &other, two);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(size, other);
	assert_memory_equal(a, b, size);
	assert_int_equal(s3_key(&rig.batch, "p/", "i-1", one, key), 0);
	assert_int_equal(s3_key(&rig.batch, "p/", "i-1", two, again), 0);
	assert_string_equal(key, again);
	/* 1,800,000,000 s. */
	assert_memory_equal(key, "p/2027/01/15/08/i-1-", 20);
	assert_string_equal(key + 20 + 16, ".jsonl.gz");
	free(b);
	/* Another line, another key. */
	rig.batch.count = 2;
	b = s3_object(&rig.batch, &other, two);
	assert_int_equal(s3_key(&rig.batch, "p/", "i-1", two, again), 0);
	assert_string_not_equal(key, again);
	free(a);
	free(b);
}

static void bucket_and_key(void **state)
{
	char *path;

	(void)state;
	path = s3_path("b", "a b/+\xc3\xa4%~");
	assert_string_equal(path, "/b/a%20b/%2B%C3%A4%25~");
	free(path);
	path = s3_path(NULL, "a");
	assert_string_equal(path, "/a");
	free(path);
}

static void region_of_an_error(void **state)
{
	static const struct {
		const char *body, *region; /* NULL: none */
	} cases[] = {
		{ "<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>",
		  "eu-west-1" },
		{ "<Error><Region>eu-west-1\n</Region></Error>", NULL },
		{ "<Error><Region></Region></Error>", NULL },
		{ "<Error><Region>0123456789012345678901234567890123456789012345678901234567890123"
		  "4</Region></Error>",
		  NULL },
		{ "<Error/>", NULL },
		{ "", NULL },
	};
	char region[S3_REGION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = s3_error_region(cases[i].body, strlen(cases[i].body), region);

		assert_int_equal(found, cases[i].region != NULL);
		if (found)
			assert_string_equal(region, cases[i].region);
	}
}

static void hub_body(void **state)
{
	struct rig rig;
	size_t size;
	char *body;

	(void)state;
	rig_make(&rig, hub_documents);
	body = securityhub_body(&rig.batch, &size);
	assert_string_equal(body, "{\"Findings\":[{\"Id\":\"a\"},{\"Id\":\"b\"},{\"Id\":\"c\"}]}");
	assert_int_equal(size, strlen(body));
	free(body);
}

static void sns_form(void **state)
{
	static char *const documents[] = {
		(char *)"{\"subject\":\"a b\",\"message\":\"{\\\"default\\\":\\\"\xc3\xa4\\\"}\","
			"\"severity\":\"high\",\"detector\":\"d\",\"uid\":\"u\","
			"\"delivery\":\"u-1\"}",
		(char *)"{}", (char *)"x"
	};
	struct rig rig;
	char *body;

	(void)state;
	rig_make(&rig, documents);
	assert_null(sns_body(&rig.batch, "arn:aws:sns:r:1:t"));
	rig.batch.count = 1;
	body = sns_body(&rig.batch, "arn:aws:sns:r:1:t");
	assert_non_null(body);
	assert_non_null(strstr(body, "TopicArn=arn:aws:sns:r:1:t&"));
	assert_non_null(strstr(body, ".1.Message=%7B%22default%22%3A%22%C3%A4%22%7D&"));
	assert_non_null(strstr(body, ".1.Subject=a%20b"));
	assert_null(strstr(body, "MessageGroupId"));
	free(body);
	body = sns_body(&rig.batch, "arn:aws:sns:r:1:t.fifo");
	assert_non_null(strstr(body, "MessageGroupId=u&"));
	assert_non_null(strstr(body, "MessageDeduplicationId=u-1"));
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_replies),     cmocka_unit_test(hub_replies),
		cmocka_unit_test(sns_replies),	      cmocka_unit_test(events_body),
		cmocka_unit_test(hub_body),	      cmocka_unit_test(sns_form),
		cmocka_unit_test(bucket_and_key),     cmocka_unit_test(object_is_deterministic),
		cmocka_unit_test(region_of_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
