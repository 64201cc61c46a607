/* SPDX-License-Identifier: Apache-2.0
 *
 * Signs requests for the test that compares with botocore: a JSON object a line on standard input,
 * the Authorization header a line on standard output.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/sigv4.h"

#define HEADERS_MAX 32

static int sign_one(const json_t *input)
{
	struct sigv4_header headers[HEADERS_MAX];
	struct sigv4_request request = { .headers = headers };
	const char *access_key, *secret_key, *name;
	char *authorization;
	json_t *given, *value;
	int as_is;

	if (json_unpack((json_t *)input, "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:o}",
			"method", &request.method, "path", &request.path, "query", &request.query,
			"date", &request.date, "hash", &request.payload_hash, "region",
			&request.region, "service", &request.service, "access_key", &access_key,
			"secret_key", &secret_key, "path_as_is", &as_is, "headers", &given) < 0)
		return -1;
	request.path_as_is = as_is;
	json_object_foreach(given, name, value)
	{
		if (request.header_count == HEADERS_MAX)
			return -1;
		headers[request.header_count++] =
			(struct sigv4_header){ name, json_string_value(value) };
	}
	if (sigv4_sign(&request, access_key, secret_key, &authorization) < 0)
		return -1;
	(void)printf("%s\n", authorization);
	free(authorization);
	return 0;
}

int main(void)
{
	CLEANUP(free_cleanup) char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		json_t *input = json_loads(line, 0, NULL);
		int r = input ? sign_one(input) : -1;

		json_decref(input);
		if (r < 0) {
			(void)fprintf(stderr, "cannot sign: %s", line);
			return 2;
		}
	}
	return 0;
}
