/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/sigv4.h"

/* A clock that is further off than this is corrected for; AWS takes 15 minutes at most. */
#define SKEW_NOTABLE (4 * 60 * NS_PER_SECOND)

struct client {
	sd_event *loop;
	struct http *http;
	struct credentials *credentials;
	struct client_options options;
	struct retry_bucket buckets[CLIENT_BUCKETS];
	struct client_statistics statistics;
	struct client_call *calls;
};

/* A call under way; everything that its caller borrowed to it is copied, but for a body that is
 * lent. */
struct client_call {
	struct client *client;
	struct client_call *next, **link;
	struct client_request request;
	char *operation, *method, *path, *query, *content_type, *body;
	struct http_header headers[CLIENT_HEADERS_MAX];
	char url[ENDPOINT_URL_SIZE];
	client_done done;
	void *userdata;
	struct http_transfer *transfer;
	sd_event_source *pause;
	unsigned attempts, cost;
	bool renew; /* AWS refused the keys that there were */
};

/* Microseconds; with 0 timers may be a quarter of a second late. */
#define TIMER_ACCURACY 1

CLEANUP_DEFINE(struct client *, client_free)

int client_new(sd_event *loop, struct http *http, struct credentials *credentials,
	       const struct client_options *options, struct client **ret)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->loop = sd_event_ref(loop);
	client->http = http;
	client->credentials = credentials;
	client->options = *options;
	for (size_t i = 0; i < CLIENT_BUCKETS; i++)
		client->buckets[i].tokens = RETRY_BUCKET_FULL;
	*ret = client;
	return 0;
}

static void call_free(struct client_call *call)
{
	if (!call)
		return;
	if (call->link) {
		*call->link = call->next;
		if (call->next)
			call->next->link = call->link;
		credentials_forget(call->client->credentials, call);
	}
	if (call->transfer)
		http_cancel(call->transfer);
	(void)sd_event_source_disable_unref(call->pause);
	for (size_t i = 0; i < call->request.header_count; i++) {
		free((char *)call->headers[i].name);
		free((char *)call->headers[i].value);
	}
	free(call->operation);
	free(call->method);
	free(call->path);
	free(call->query);
	free(call->content_type);
	if (!call->request.body_lent)
		free(call->body);
	free(call);
}

CLEANUP_DEFINE(struct client_call *, call_free)

void client_free(struct client *client)
{
	if (!client)
		return;
	while (client->calls)
		call_free(client->calls);
	(void)sd_event_unref(client->loop);
	free(client);
}

void client_cancel(struct client_call *call)
{
	call_free(call);
}

void client_statistics(const struct client *client, struct client_statistics *ret)
{
	*ret = client->statistics;
}

static void call_end(struct client_call *call, const struct client_result *result)
{
	struct client_statistics *statistics = &call->client->statistics;

	if (result->failure == FAILURE_NONE) {
		statistics->succeeded++;
		retry_release(&call->client->buckets[call->request.bucket], call->cost);
	} else {
		statistics->failed++;
	}
	call->done(result, call->userdata);
	call_free(call);
}

/* Ends the call with a failure that no service told of. */
static void call_fail(struct client_call *call, enum failure failure, const char *why)
{
	struct client_result result = {
		.failure = failure, .attempts = call->attempts, .body = "", .etag = ""
	};

	(void)snprintf(result.message, sizeof(result.message), "%s", why);
	call_end(call, &result);
}

static void call_begin(struct client_call *call);

static int pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct client_call *call = userdata;

	(void)usec;
	call->pause = NULL;
	(void)sd_event_source_disable_unref(source);
	call_begin(call);
	return 0;
}

static int call_later(struct client_call *call, uint64_t ns)
{
	return sd_event_add_time_relative(call->client->loop, &call->pause, CLOCK_MONOTONIC,
					  ns / 1000, TIMER_ACCURACY, pause_over, call);
}

static uint64_t random_bits(void)
{
	uint64_t bits = 0;

	(void)!getrandom(&bits, sizeof(bits), 0);
	return bits;
}

/* The service's clock counts: what is signed by ours is refused. True when ours is off. */
static bool skew_learn(struct client *client, const struct http_reply *reply)
{
	int64_t skew, before = client->statistics.skew;

	if (!reply->date)
		return false;
	skew = (int64_t)reply->date * (int64_t)NS_PER_SECOND - (int64_t)clock_realtime();
	if (llabs(skew) < (int64_t)SKEW_NOTABLE)
		skew = 0;
	client->statistics.skew = skew;
	return llabs(skew - before) >= (int64_t)SKEW_NOTABLE;
}

/* Whether the call goes on with another attempt. */
static bool call_again(struct client_call *call, struct client_result *result,
		       const struct http_reply *reply)
{
	struct client *client = call->client;
	unsigned most = call->request.attempts ? call->request.attempts : RETRY_ATTEMPTS;
	uint64_t delay;

	if (result->failure == FAILURE_SKEW) {
		client->statistics.skewed++;
		/* With the right time it is the signature itself that is wrong: bad keys. */
		if (!skew_learn(client, reply))
			result->failure = FAILURE_CREDENTIALS;
	}
	if (result->failure == FAILURE_THROTTLED)
		client->statistics.throttled++;
	if (result->failure == FAILURE_CREDENTIALS) {
		if (call->renew)
			return false;
		call->renew = true;
	}
	if (call->attempts >= most ||
	    !retry_acquire(&client->buckets[call->request.bucket], result->failure, &call->cost))
		return false;
	delay = retry_delay(result->failure, call->attempts, random_bits(), reply->retry_after);
	if (call_later(call, delay) < 0)
		return false;
	client->statistics.retries++;
	return true;
}

static void reply_came(const struct http_reply *reply, void *userdata)
{
	struct client_call *call = userdata;
	struct client_result result = {
		.status = reply->status,
		.attempts = call->attempts,
		.body = reply->body,
		.body_size = reply->body_size,
		.etag = reply->etag,
	};

	call->transfer = NULL;
	if (reply->status == 0)
		(void)snprintf(result.message, sizeof(result.message), "%s", reply->error);
	else if (reply->status < 200 || reply->status >= 300)
		client_error_read(call->request.service->protocol, reply->error_type, reply->body,
				  reply->body_size, result.code, result.message);
	result.failure = failure_classify(reply->status, result.code);
	if (result.failure == FAILURE_NONE || !call_again(call, &result, reply))
		call_end(call, &result);
}

/* Headers of one attempt: what must be there, and the caller's own. */
struct attempt {
	struct http_header headers[CLIENT_HEADERS_MAX + 6];
	size_t count;
	char date[SIGV4_DATE_SIZE], hash[SHA256_TEXT_SIZE], target[192], url[2 * ENDPOINT_URL_SIZE];
	char host[ENDPOINT_URL_SIZE];
};

static void header_add(struct attempt *attempt, const char *name, const char *value)
{
	attempt->headers[attempt->count++] = (struct http_header){ name, value };
}

static const char *content_type_default(const struct service *service)
{
	switch (service->protocol) {
	case SERVICE_JSON:
		return "application/x-amz-json-1.1";
	case SERVICE_QUERY:
	case SERVICE_EC2:
		return "application/x-www-form-urlencoded; charset=utf-8";
	case SERVICE_REST_JSON:
		return "application/json";
	case SERVICE_REST_XML:
		return NULL;
	}
	return NULL;
}

/* "https://host:port/base" in parts: the host as curl will send it. */
static const char *url_split(const char *url, char host[static ENDPOINT_URL_SIZE])
{
	const char *authority = strstr(url, "://") + 3;
	size_t length = strcspn(authority, "/");
	bool plain = strncmp(url, "http:", 5) == 0;

	(void)snprintf(host, ENDPOINT_URL_SIZE, "%.*s", (int)length, authority);
	/* curl leaves a scheme's own port out. */
	if (length > 4 && strcmp(host + length - (plain ? 3 : 4), plain ? ":80" : ":443") == 0)
		host[length - (plain ? 3 : 4)] = '\0';
	return authority + length;
}

static int attempt_make(struct client_call *call, const struct credentials_keys *keys,
			struct attempt *attempt)
{
	const struct client_request *request = &call->request;
	int64_t now = (int64_t)clock_realtime() + call->client->statistics.skew;
	int r = sigv4_payload_hash(call->body, request->body_size, attempt->hash);

	if (r < 0)
		return r;
	sigv4_date((time_t)(now / (int64_t)NS_PER_SECOND), attempt->date);
	(void)url_split(call->url, attempt->host);
	header_add(attempt, "Host", attempt->host);
	header_add(attempt, "X-Amz-Date", attempt->date);
	if (*keys->session_token)
		header_add(attempt, "X-Amz-Security-Token", keys->session_token);
	if (call->content_type)
		header_add(attempt, "Content-Type", call->content_type);
	if (request->service->protocol == SERVICE_JSON) {
		(void)snprintf(attempt->target, sizeof(attempt->target), "%s.%s",
			       request->service->target, call->operation);
		header_add(attempt, "X-Amz-Target", attempt->target);
	}
	if (strcmp(request->service->name, "s3") == 0)
		header_add(attempt, "X-Amz-Content-Sha256", attempt->hash);
	for (size_t i = 0; i < request->header_count; i++)
		header_add(attempt, call->headers[i].name, call->headers[i].value);
	return 0;
}

static int attempt_sign(const struct client_call *call, const struct credentials_keys *keys,
			const struct attempt *attempt, const char *path, char **ret)
{
	struct sigv4_header headers[CLIENT_HEADERS_MAX + 6];
	struct sigv4_request request = {
		.method = call->method,
		.path = path,
		.query = call->query,
		.headers = headers,
		.header_count = attempt->count,
		.date = attempt->date,
		.payload_hash = attempt->hash,
		.region = call->client->options.endpoint.region,
		.service = call->request.service->name,
		.path_as_is = strcmp(call->request.service->name, "s3") == 0,
	};

	for (size_t i = 0; i < attempt->count; i++)
		headers[i] = (struct sigv4_header){ attempt->headers[i].name,
						    attempt->headers[i].value };
	return sigv4_sign(&request, keys->access_key, keys->secret_key, ret);
}

static int attempt_send(struct client_call *call, const struct credentials_keys *keys)
{
	CLEANUP(free_cleanup) char *authorization = NULL, *path = NULL, *url = NULL;
	struct attempt attempt = { 0 };
	char host[ENDPOINT_URL_SIZE];
	struct http_request request = {
		.method = call->method,
		.headers = attempt.headers,
		.body = call->body,
		.body_size = call->request.body_size,
		.body_lent = call->request.body_lent,
		.timeout = call->request.timeout,
		.reply_max = call->request.reply_max,
		.fresh_connection = call->request.fresh_connection,
	};
	const char *base = url_split(call->url, host);
	int r = attempt_make(call, keys, &attempt);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s%s", base, call->path) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (asprintf(&url, "%s%s%s%s", call->url, call->path, *call->query ? "?" : "",
		     call->query) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	r = attempt_sign(call, keys, &attempt, path, &authorization);
	if (r < 0)
		return r;
	header_add(&attempt, "Authorization", authorization);
	request.url = url;
	request.header_count = attempt.count;
	return http_send(call->client->http, &request, reply_came, call, &call->transfer);
}

static void keys_came(const struct credentials_keys *keys, const char *error, void *userdata)
{
	struct client_call *call = userdata;
	int r;

	if (!keys) {
		call_fail(call, FAILURE_CREDENTIALS, error);
		return;
	}
	call->attempts++;
	r = attempt_send(call, keys);
	if (r < 0)
		call_fail(call, r == -ENOMEM ? FAILURE_TRANSIENT : FAILURE_PERMANENT,
			  "the request cannot be made");
}

static void call_begin(struct client_call *call)
{
	if (credentials_get(call->client->credentials, call->renew, keys_came, call) < 0)
		call_fail(call, FAILURE_TRANSIENT, "memory is short");
}

/* The form protocols: what the caller gave, behind operation and version. */
static int body_make(struct client_call *call, const struct client_request *request)
{
	const struct service *service = request->service;
	int length;

	if (service->protocol == SERVICE_QUERY || service->protocol == SERVICE_EC2) {
		length = asprintf(&call->body, "Action=%s&Version=%s%s%.*s", request->operation,
				  service->version, request->body_size ? "&" : "",
				  (int)request->body_size, (const char *)request->body);
		if (length < 0) {
			call->body = NULL;
			return -ENOMEM;
		}
		call->request.body_size = (size_t)length;
		call->request.body_lent = false;
		return 0;
	}
	if (request->body_lent) {
		call->body = (char *)(uintptr_t)request->body;
		return 0;
	}
	call->body = malloc(request->body_size + 1);
	if (!call->body)
		return -ENOMEM;
	if (request->body_size > 0)
		memcpy(call->body, request->body, request->body_size);
	return 0;
}

static int call_copy(struct client_call *call, const struct client_request *request)
{
	const char *type = request->content_type ? request->content_type
						 : content_type_default(request->service);

	if (request->header_count > CLIENT_HEADERS_MAX)
		return -EINVAL;
	call->request = *request;
	call->request.header_count = 0;
	call->operation = strdup(request->operation);
	call->method = strdup(request->method ? request->method : "POST");
	call->path = strdup(request->path ? request->path : "/");
	call->query = strdup(request->query ? request->query : "");
	call->content_type = type ? strdup(type) : NULL;
	if (!call->operation || !call->method || !call->path || !call->query ||
	    (type && !call->content_type))
		return -ENOMEM;
	for (size_t i = 0; i < request->header_count; i++) {
		call->headers[i].name = strdup(request->headers[i].name);
		call->headers[i].value = strdup(request->headers[i].value);
		call->request.header_count++;
		if (!call->headers[i].name || !call->headers[i].value)
			return -ENOMEM;
	}
	return body_make(call, request);
}

int client_endpoint(const struct client *client, const struct service *service,
		    char out[static ENDPOINT_URL_SIZE])
{
	return endpoint_url(&client->options.endpoint, service, out);
}

/* "https://host" to "https://prefix.host". */
static int host_put(char url[static ENDPOINT_URL_SIZE], const char *prefix)
{
	char *authority = strstr(url, "://") + 3;
	size_t length = strlen(prefix), rest = strlen(authority) + 1;

	if ((size_t)(authority - url) + length + 1 + rest > ENDPOINT_URL_SIZE)
		return -ENAMETOOLONG;
	memmove(authority + length + 1, authority, rest);
	memcpy(authority, prefix, length);
	authority[length] = '.';
	return 0;
}

int client_call(struct client *client, const struct client_request *request, client_done done,
		void *userdata, struct client_call **ret_call)
{
	CLEANUP(call_free_cleanup) struct client_call *call = calloc(1, sizeof(*call));
	int r;

	if (!call)
		return -ENOMEM;
	call->client = client;
	call->done = done;
	call->userdata = userdata;
	r = client_endpoint(client, request->service, call->url);
	if (r >= 0 && request->host_prefix)
		r = host_put(call->url, request->host_prefix);
	if (r >= 0)
		r = call_copy(call, request);
	/* From the loop, so that done never runs within this call. */
	if (r == 0)
		r = call_later(call, 0);
	if (r < 0)
		return r;
	call->next = client->calls;
	call->link = &client->calls;
	if (call->next)
		call->next->link = &call->next;
	client->calls = call;
	client->statistics.calls++;
	if (ret_call)
		*ret_call = call;
	take_ptr(call);
	return 0;
}
