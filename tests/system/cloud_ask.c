/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the cloud library what the test that compares with botocore wants to know: a JSON object a
 * line on standard input, an answer a line on standard output.
 *
 *	cloud_ask sign		the Authorization header of a request
 *	cloud_ask endpoint	the URL of a service, or "none"
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/endpoint.h"
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

static int endpoint_one(const json_t *input)
{
	struct endpoint_options options = { 0 };
	char url[ENDPOINT_URL_SIZE];
	const struct service *service;
	const char *name;
	int fips, dual_stack;

	if (json_unpack((json_t *)input, "{s:s, s:s, s:b, s:b}", "service", &name, "region",
			&options.region, "fips", &fips, "dual_stack", &dual_stack) < 0)
		return -1;
	options.fips = fips;
	options.dual_stack = dual_stack;
	service = service_find(name);
	if (!service)
		return -1;
	(void)printf("%s\n", endpoint_url(&options, service, url) < 0 ? "none" : url);
	return 0;
}

int main(int argc, char **argv)
{
	CLEANUP(free_cleanup) char *line = NULL;
	size_t room = 0;

	if (argc != 2 || (strcmp(argv[1], "sign") != 0 && strcmp(argv[1], "endpoint") != 0)) {
		(void)fprintf(stderr, "usage: cloud_ask sign|endpoint\n");
		return 2;
	}
	while (getline(&line, &room, stdin) > 0) {
		json_t *input = json_loads(line, 0, NULL);
		int r = !input			       ? -1
			: strcmp(argv[1], "sign") == 0 ? sign_one(input)
						       : endpoint_one(input);

		json_decref(input);
		if (r < 0) {
			(void)fprintf(stderr, "not understood: %s", line);
			return 2;
		}
	}
	return 0;
}
