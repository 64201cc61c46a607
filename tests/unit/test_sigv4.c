/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that requests are signed as AWS's published test suite signs them, step by step, and that
 * what cannot be signed is refused.
 */
#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cloud/sigv4.h"

#define HEADERS_MAX 16

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	assert_non_null(value);
	return value;
}

/* Whether the suite signed the header: it lists them. */
static bool is_signed(const char *authorization, const char *name)
{
	const char *list = strstr(authorization, "SignedHeaders=");
	char *names = strdup(list + strlen("SignedHeaders=")), *rest = names, *one;
	bool found = false;

	*strchr(names, ',') = '\0';
	while ((one = strsep(&rest, ";")))
		found |= strcasecmp(one, name) == 0;
	free(names);
	return found;
}

static void case_try(const json_t *config, const json_t *row)
{
	const char *expected = text(row, "authorization"), *body = text(row, "body");
	struct sigv4_header headers[HEADERS_MAX];
	struct sigv4_request request = {
		.method = text(row, "method"),
		.path = text(row, "path"),
		.query = text(row, "query"),
		.headers = headers,
		.region = text(config, "region"),
		.service = text(config, "service"),
		.date = "20150830T123600Z",
	};
	char hash[SHA256_TEXT_SIZE], *canonical, *authorization;
	json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(row, "headers"), i, pair)
	{
		const char *name = json_string_value(json_array_get(pair, 0));

		if (!is_signed(expected, name))
			continue;
		assert_in_range(request.header_count, 0, HEADERS_MAX - 1);
		headers[request.header_count++] =
			(struct sigv4_header){ name, json_string_value(json_array_get(pair, 1)) };
	}
	assert_int_equal(sigv4_payload_hash(body, strlen(body), hash), 0);
	request.payload_hash = hash;
	assert_int_equal(sigv4_canonical(&request, &canonical), 0);
	assert_string_equal(canonical, text(row, "canonical"));
	assert_int_equal(sigv4_sign(&request, text(config, "accessKeyId"),
				    text(config, "secretAccessKey"), &authorization),
			 0);
	assert_string_equal(authorization, expected);
	free(canonical);
	free(authorization);
}

static void test_suite(void **state)
{
	const char *folder = getenv("srcdir");
	char path[512];
	json_t *suite, *row;
	size_t i;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/tests/data/aws/sigv4.json", folder ? folder : ".");
	suite = json_load_file(path, 0, NULL);
	assert_non_null(suite);
	assert_int_equal(json_array_size(json_object_get(suite, "cases")), 28);
	json_array_foreach(json_object_get(suite, "cases"), i, row)
	{
		print_message("%s\n", text(row, "name"));
		case_try(json_object_get(suite, "config"), row);
	}
	json_decref(suite);
}

static struct sigv4_request request_plain(void)
{
	static const struct sigv4_header headers[] = { { "host", "a.example" },
						       { "x-amz-date", "20260101T000000Z" } };

	return (struct sigv4_request){
		.method = "GET",
		.path = "/",
		.headers = headers,
		.header_count = 2,
		.date = "20260101T000000Z",
		.payload_hash = "UNSIGNED-PAYLOAD",
		.region = "eu-west-1",
		.service = "s3",
	};
}

/* The canonical request's second line. */
static void assert_path(const char *path, bool as_is, const char *expected)
{
	struct sigv4_request request = request_plain();
	char *canonical, *line;

	request.path = path;
	request.path_as_is = as_is;
	assert_int_equal(sigv4_canonical(&request, &canonical), 0);
	line = strchr(canonical, '\n') + 1;
	*strchr(line, '\n') = '\0';
	assert_string_equal(line, expected);
	free(canonical);
}

static void test_paths(void **state)
{
	(void)state;
	assert_path("", false, "/");
	assert_path("x", false, "/x");
	assert_path("/a/../../b", false, "/b");
	assert_path("/a/b/..", false, "/a/");
	assert_path("/a%20b", false, "/a%2520b");
	assert_path("/key/../with//odd/./parts", true, "/key/../with//odd/./parts");
	assert_path("/a%20b", true, "/a%20b");
	assert_path("", true, "/");
}

static void assert_refused(const struct sigv4_request *request)
{
	char *never = NULL;

	assert_int_equal(sigv4_sign(request, "key", "secret", &never), -EINVAL);
	assert_int_equal(sigv4_canonical(request, &never), -EINVAL);
	assert_null(never);
}

static void test_refused(void **state)
{
	const struct sigv4_header split = { "x-note", "a\r\nx-evil: 1" };
	const struct sigv4_header unnamed = { "", "a" }, colon = { "a:b", "c" };
	struct sigv4_request request;

	(void)state;
	for (int i = 0; i < 7; i++) {
		request = request_plain();
		switch (i) {
		case 0:
			request.method = "";
			break;
		case 1:
			request.region = "";
			break;
		case 2:
			request.service = "";
			break;
		case 3:
			request.date = "20260101";
			break;
		default:
			request.headers = i == 4 ? &split : i == 5 ? &unnamed : &colon;
			request.header_count = 1;
		}
		assert_refused(&request);
	}
}

static void test_date(void **state)
{
	char date[SIGV4_DATE_SIZE];

	(void)state;
	sigv4_date(1440938160, date);
	assert_string_equal(date, "20150830T123600Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_suite),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
