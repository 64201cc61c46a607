/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the cloud library what the test that compares with botocore wants to know: a JSON object a
 * line on standard input, an answer a line on standard output.
 *
 *	cloud_ask sign		the Authorization header of a request
 *	cloud_ask endpoint	the URL of a service, or "none"
 *	cloud_ask call		a call to AWS, one after the other, as the environment says where;
 *				how it ended
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/client.h"
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

static const char *override_of(const char *name, void *userdata)
{
	return json_string_value(json_object_get(userdata, name));
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
	options.override = override_of;
	options.userdata = json_object_get(input, "overrides");
	service = service_find(name);
	if (!service)
		return -1;
	(void)printf("%s\n", endpoint_url(&options, service, url) < 0 ? "none" : url);
	return 0;
}

static sd_event *loop;
static struct http *http;
static struct imds *imds;
static struct credentials *credentials;
static struct client *client;

static const char *from_environment(const char *name, void *userdata)
{
	(void)userdata;
	return getenv(name);
}

static void keys_from_environment(struct credentials_keys *ret)
{
	const char *token = getenv("AWS_SESSION_TOKEN");

	(void)snprintf(ret->access_key, sizeof(ret->access_key), "%s", getenv("AWS_ACCESS_KEY_ID"));
	(void)snprintf(ret->secret_key, sizeof(ret->secret_key), "%s",
		       getenv("AWS_SECRET_ACCESS_KEY"));
	(void)snprintf(ret->session_token, sizeof(ret->session_token), "%s", token ? token : "");
}

/* What cordon-cloud has, put together from the environment. */
static int client_open(void)
{
	struct http_options http_options = { .user_agent = "cordon-test" };
	struct client_options options = {
		.endpoint = { .region = getenv("AWS_REGION"), .override = from_environment },
	};
	bool has_keys = getenv("AWS_ACCESS_KEY_ID") != NULL;
	struct credentials_keys given = { 0 };
	int r = sd_event_new(&loop);

	if (has_keys)
		keys_from_environment(&given);
	if (r >= 0)
		r = http_new(loop, &http_options, &http);
	if (r >= 0)
		r = imds_new(loop, http, getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), &imds);
	if (r >= 0)
		r = credentials_new(imds, has_keys ? &given : NULL, &credentials);
	if (r >= 0)
		r = client_new(loop, http, credentials, &options, &client);
	return r;
}

static void client_close(void)
{
	client_free(client);
	credentials_free(credentials);
	imds_free(imds);
	http_free(http);
	(void)sd_event_unref(loop);
}

static void called(const struct client_result *result, void *userdata)
{
	json_t *object =
		json_pack("{s:s, s:i, s:i, s:s, s:s, s:o}", "failure",
			  failure_name(result->failure), "status", (int)result->status, "attempts",
			  (int)result->attempts, "code", result->code, "message", result->message,
			  "body", json_stringn_nocheck(result->body, result->body_size));
	char *line = json_dumps(object, JSON_COMPACT);

	json_decref(object);
	(void)printf("%s\n", line ? line : "null");
	(void)fflush(stdout);
	free(line);
	*(bool *)userdata = true;
}

static int call_one(const json_t *input)
{
	struct client_request request = { 0 };
	const char *service, *body = "";
	int timeout = 0, reply_max = 0, r;
	bool done = false;

	if (!client && client_open() < 0)
		return -1;
	if (json_unpack((json_t *)input, "{s:s, s:s, s?s, s?s, s?s, s?s, s?i, s?i}", "service",
			&service, "operation", &request.operation, "body", &body, "method",
			&request.method, "path", &request.path, "query", &request.query, "timeout",
			&timeout, "reply_max", &reply_max) < 0)
		return -1;
	request.service = service_find(service);
	request.body = body;
	request.body_size = strlen(body);
	request.timeout = (uint64_t)timeout * 1000000;
	request.reply_max = (size_t)reply_max;
	r = request.service ? client_call(client, &request, called, &done, NULL) : -1;
	while (r >= 0 && !done)
		r = sd_event_run(loop, UINT64_MAX);
	return r < 0 ? -1 : 0;
}

static const struct {
	const char *name;
	int (*one)(const json_t *input);
} modes[] = {
	{ "sign", sign_one },
	{ "endpoint", endpoint_one },
	{ "call", call_one },
};

int main(int argc, char **argv)
{
	int (*one)(const json_t *input) = NULL;
	CLEANUP(free_cleanup) char *line = NULL;
	size_t room = 0;

	for (size_t i = 0; argc == 2 && i < ELEMENTS(modes); i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			one = modes[i].one;
	if (!one) {
		(void)fprintf(stderr, "usage: cloud_ask sign|endpoint|call\n");
		return 2;
	}
	while (getline(&line, &room, stdin) > 0) {
		json_t *input = json_loads(line, 0, NULL);
		int r = input ? one(input) : -1;

		json_decref(input);
		if (r < 0) {
			(void)fprintf(stderr, "not understood: %s", line);
			return 2;
		}
	}
	client_close();
	return 0;
}
