/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/fetch_worker.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd_pass.h"
#include "cloud/client.h"
#include "cloud/fetch_protocol.h"
#include "cloud/fetch_url.h"
#include "cloud/instance.h"
#include "cloud/object_put.h"
#include "cloud/parameter.h"
#include "cloud/settings.h"

/* Redirects of one question: more is a loop, or a game. */
#define REDIRECTS_MAX 5
#define SEND_TIMEOUT  (30 * NS_PER_SECOND)

struct fetcher {
	sd_event *loop;
	int channel;
	json_t *settings_json;
	struct settings settings;
	struct http *http;
	struct imds *imds;
	struct credentials *credentials;
	struct instance *asker; /* of the region, where settings have none */
	struct client *client;
	struct message_instance place;
	struct fetch_ask ask;
	int file;	    /* to be put; -1: none */
	bool busy, waiting; /* waiting: for the region */
	bool pointed;	    /* a parameter's value said where */
	unsigned redirects;
	uint64_t deadline;
};

static void answer_send(struct fetcher *fetcher, const struct fetch_answer *answer, size_t size)
{
	uint64_t deadline = clock_boottime() + SEND_TIMEOUT;
	int r;

	do
		r = channel_send(fetcher->channel, answer, size);
	while (r == -EAGAIN && channel_wait(fetcher->channel, POLLOUT, deadline) == 0);
	if (r < 0)
		(void)sd_event_exit(fetcher->loop, r);
}

static void done_send(struct fetcher *fetcher, const struct fetch_done *done)
{
	struct fetch_answer answer = { .type = FETCH_DONE };

	fetcher->busy = false;
	answer.done = *done;
	answer_send(fetcher, &answer, sizeof(answer));
}

static void failure_send(struct fetcher *fetcher, unsigned status, const char *text)
{
	struct fetch_done done = { .outcome = FETCH_FAILED, .status = status };

	(void)snprintf(done.text, sizeof(done.text), "%s", text);
	done_send(fetcher, &done);
}

static void body_send(struct fetcher *fetcher, const char *body, size_t size,
		      const struct fetch_done *done)
{
	struct fetch_answer answer = { .type = FETCH_DATA };
	struct fetch_done last = *done;

	for (size_t at = 0; at < size; at += answer.size) {
		answer.size = (uint32_t)(size - at < FETCH_PART_MAX ? size - at : FETCH_PART_MAX);
		memcpy(answer.data, body + at, answer.size);
		answer_send(fetcher, &answer, sizeof(answer));
	}
	last.size = size;
	done_send(fetcher, &last);
}

static uint64_t time_left(const struct fetcher *fetcher)
{
	uint64_t now = clock_boottime();

	return fetcher->deadline > now ? fetcher->deadline - now : 1;
}

static void ask_begin(struct fetcher *fetcher);

/* ---- https ---- */

static void redirect_follow(struct fetcher *fetcher, const struct http_reply *reply)
{
	char next[FETCH_URL_SIZE];
	int r;

	if (++fetcher->redirects > REDIRECTS_MAX) {
		failure_send(fetcher, reply->status, "too many redirects");
		return;
	}
	r = fetch_url_join(fetcher->ask.url, reply->location, next);
	if (r < 0) {
		failure_send(fetcher, reply->status,
			     r == -EPERM ? "a redirect to what is not https"
					 : "a redirect to nowhere");
		return;
	}
	memcpy(fetcher->ask.url, next, sizeof(next));
	ask_begin(fetcher);
}

static void http_came(const struct http_reply *reply, void *userdata)
{
	struct fetcher *fetcher = userdata;
	struct fetch_done done = { .outcome = FETCH_NEW, .status = reply->status };
	char text[64];

	(void)snprintf(done.etag, sizeof(done.etag), "%s", reply->etag);
	(void)snprintf(done.modified, sizeof(done.modified), "%s", reply->modified);
	if (reply->status == 200) {
		body_send(fetcher, reply->body, reply->body_size, &done);
	} else if (reply->status == 304 && (*fetcher->ask.etag || *fetcher->ask.modified)) {
		done.outcome = FETCH_SAME;
		done_send(fetcher, &done);
	} else if (reply->status >= 301 && reply->status <= 308 && *reply->location) {
		redirect_follow(fetcher, reply);
	} else if (reply->status == 0) {
		failure_send(fetcher, 0, reply->error);
	} else {
		(void)snprintf(text, sizeof(text), "HTTP status %u", reply->status);
		failure_send(fetcher, reply->status, text);
	}
}

static size_t headers_make(const struct fetch_ask *ask, struct http_header headers[static 2])
{
	size_t count = 0;

	if (*ask->etag)
		headers[count++] = (struct http_header){ "If-None-Match", ask->etag };
	if (*ask->modified)
		headers[count++] = (struct http_header){ "If-Modified-Since", ask->modified };
	return count;
}

static void http_ask(struct fetcher *fetcher)
{
	struct http_header headers[2];
	struct http_request request = {
		.method = "GET",
		.url = fetcher->ask.url,
		.headers = headers,
		.header_count = headers_make(&fetcher->ask, headers),
		.timeout = time_left(fetcher),
		.reply_max = fetcher->ask.size_max,
	};

	if (http_send(fetcher->http, &request, http_came, fetcher, NULL) < 0)
		failure_send(fetcher, 0, "the request cannot be made");
}

/* ---- AWS ---- */

static int client_begin(struct fetcher *fetcher)
{
	struct client_options options;

	settings_endpoint(&fetcher->settings, &fetcher->place, &options.endpoint);
	return client_new(fetcher->loop, fetcher->http, fetcher->credentials, &options,
			  &fetcher->client);
}

static void place_found(const struct message_instance *found, enum imds_outcome outcome,
			void *userdata)
{
	struct fetcher *fetcher = userdata;

	if (fetcher->client)
		return;
	fetcher->place = *found;
	if (!*found->region && outcome == IMDS_OK)
		outcome = IMDS_FAILED;
	if (!fetcher->waiting)
		return;
	fetcher->waiting = false;
	if (*found->region)
		ask_begin(fetcher);
	else
		failure_send(fetcher, 0, imds_outcome_text(outcome));
}

/* False: the question waits for the region, or has been answered. */
static bool client_ready(struct fetcher *fetcher)
{
	bool off = strcmp(fetcher->settings.metadata, "off") == 0;

	if (fetcher->client)
		return true;
	if (*fetcher->settings.region || *fetcher->place.region) {
		if (client_begin(fetcher) == 0)
			return true;
		failure_send(fetcher, 0, "out of memory");
		return false;
	}
	if (off) {
		failure_send(fetcher, 0, "no region: aws.region is not set");
		return false;
	}
	fetcher->waiting = true;
	if (!fetcher->asker &&
	    instance_new(fetcher->loop, fetcher->imds, place_found, fetcher, &fetcher->asker) < 0) {
		fetcher->waiting = false;
		failure_send(fetcher, 0, "out of memory");
	}
	return false;
}

static void aws_failed(struct fetcher *fetcher, const struct client_result *result)
{
	char text[FETCH_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "%.80s%s%.150s", result->code, *result->code ? ": " : "",
		       *result->message ? result->message : "the service cannot be reached");
	failure_send(fetcher, result->status, text);
}

static void object_came(const struct client_result *result, void *userdata)
{
	struct fetcher *fetcher = userdata;
	struct fetch_done done = { .outcome = FETCH_NEW, .status = result->status };

	if (result->etag)
		(void)snprintf(done.etag, sizeof(done.etag), "%s", result->etag);
	if (result->status == 304 && *fetcher->ask.etag) {
		done.outcome = FETCH_SAME;
		done_send(fetcher, &done);
	} else if (result->failure != FAILURE_NONE) {
		aws_failed(fetcher, result);
	} else {
		body_send(fetcher, result->body, result->body_size, &done);
	}
}

/* s3://BUCKET/KEY, by path: bucket names with dots have no certificate of their own. */
static void object_ask(struct fetcher *fetcher)
{
	char path[FETCH_URL_SIZE * 3];
	struct http_header header = { "If-None-Match", fetcher->ask.etag };
	struct client_request request = {
		.service = service_find("s3"),
		.operation = "GetObject",
		.method = "GET",
		.path = path,
		.headers = &header,
		.header_count = *fetcher->ask.etag ? 1 : 0,
		.timeout = time_left(fetcher),
		.reply_max = fetcher->ask.size_max,
	};

	if (fetch_url_s3_path(fetcher->ask.url, path, sizeof(path)) < 0)
		failure_send(fetcher, 0, "not s3://BUCKET/KEY");
	else if (client_call(fetcher->client, &request, object_came, fetcher, NULL) < 0)
		failure_send(fetcher, 0, "the request cannot be made");
}

static void object_taken(const struct client_result *result, void *userdata)
{
	struct fetcher *fetcher = userdata;
	struct fetch_done done = { .outcome = FETCH_NEW, .status = result->status };

	if (result->failure != FAILURE_NONE || !*result->etag)
		aws_failed(fetcher, result);
	else
		done_send(fetcher, &done);
}

static void object_give(struct fetcher *fetcher)
{
	struct object_put put = { .owner = fetcher->ask.owner,
				  .size_max = fetcher->ask.size_max,
				  .timeout = time_left(fetcher),
				  .file = fetcher->file };
	char path[FETCH_URL_SIZE * 3];
	int r = fetch_url_s3_path(fetcher->ask.url, path, sizeof(path));

	put.path = path;
	if (r == 0)
		r = object_put(fetcher->client, &put, object_taken, fetcher);
	if (r < 0)
		failure_send(fetcher, 0, strerror(-r));
}

/* A value that is a URL says where the list is; any other is the list. */
static void parameter_came(const struct client_result *result, void *userdata)
{
	struct fetcher *fetcher = userdata;
	struct fetch_done done = { .outcome = FETCH_NEW, .status = result->status };
	CLEANUP(parameter_clear) struct parameter parameter = { 0 };

	if (result->failure != FAILURE_NONE) {
		aws_failed(fetcher, result);
	} else if (parameter_reply(result->body, result->body_size, fetcher->ask.size_max,
				   &parameter) < 0) {
		failure_send(fetcher, result->status, "a reply without a value");
	} else if (fetch_url_is_pointer(parameter.value)) {
		fetcher->pointed = true;
		(void)snprintf(fetcher->ask.url, sizeof(fetcher->ask.url), "%.*s",
			       (int)strcspn(parameter.value, "\r\n"), parameter.value);
		ask_begin(fetcher);
	} else {
		body_send(fetcher, parameter.value, strlen(parameter.value), &done);
	}
}

static void parameter_ask(struct fetcher *fetcher)
{
	const char *name = fetcher->ask.url + strlen("ssm:");
	CLEANUP(free_cleanup) char *body = parameter_request(name, strlen(name));
	struct client_request request = {
		.service = service_find("ssm"),
		.operation = "GetParameter",
		.body = body,
		.body_size = body ? strlen(body) : 0,
		.timeout = time_left(fetcher),
		.reply_max = fetcher->ask.size_max,
	};

	if (!body || client_call(fetcher->client, &request, parameter_came, fetcher, NULL) < 0)
		failure_send(fetcher, 0, "the request cannot be made");
}

/* ---- questions ---- */

static void ask_begin(struct fetcher *fetcher)
{
	switch (fetch_url_kind(fetcher->ask.url)) {
	case FETCH_URL_HTTP:
		http_ask(fetcher);
		break;
	case FETCH_URL_S3:
		if (client_ready(fetcher))
			(fetcher->ask.put ? object_give : object_ask)(fetcher);
		break;
	case FETCH_URL_SSM:
		if (fetcher->pointed)
			failure_send(fetcher, 0, "a parameter that points to another one");
		else if (client_ready(fetcher))
			parameter_ask(fetcher);
		break;
	case FETCH_URL_BAD:
		failure_send(fetcher, 0, "neither https, s3, ssm nor http to this host's loopback");
		break;
	}
}

/* Takes the file. */
static int ask_take(struct fetcher *fetcher, const struct fetch_ask *ask, int file)
{
	close_cleanup(&fetcher->file);
	fetcher->file = file;
	if (fetcher->busy || (ask->put != 0) != (file >= 0) ||
	    (ask->put && strncmp(ask->url, "s3://", 5) != 0))
		return -EBADMSG;
	fetcher->ask = *ask;
	fetcher->ask.owner[FETCH_OWNER_SIZE - 1] = '\0';
	fetcher->ask.url[FETCH_URL_SIZE - 1] = fetcher->ask.etag[FETCH_ETAG_SIZE - 1] = '\0';
	fetcher->ask.modified[FETCH_TIME_SIZE - 1] = '\0';
	fetcher->busy = true;
	fetcher->pointed = false;
	fetcher->redirects = 0;
	fetcher->deadline = clock_boottime() + ask->timeout;
	ask_begin(fetcher);
	return 0;
}

static int channel_ready(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct fetcher *fetcher = userdata;
	struct fetch_ask ask;
	int file = -1, r;
	ssize_t n = fd_pass_receive(fd, &ask, sizeof(ask), &file);

	(void)source;
	(void)events;
	if (n == -EAGAIN)
		return 0;
	r = n < 0 ? (int)n : n == sizeof(ask) ? ask_take(fetcher, &ask, file) : -EBADMSG;
	return r < 0 ? sd_event_exit(fetcher->loop, r) : 0;
}

/* ---- settings ---- */

static int settings_load(struct fetcher *fetcher)
{
	CLEANUP(close_cleanup) int fd = -1;
	CLEANUP(free_cleanup) char *text = malloc(FETCH_SETTINGS_MAX + 1);
	size_t size = 0;
	char byte;
	ssize_t n;
	int r = fd_pass_await(fetcher->channel, &byte, 1, &fd);

	if (r < 0 || !text)
		return r < 0 ? r : -ENOMEM;
	while (size < FETCH_SETTINGS_MAX &&
	       (n = read(fd, text + size, FETCH_SETTINGS_MAX - size)) != 0) {
		if (n < 0)
			return -errno;
		size += (size_t)n;
	}
	fetcher->settings_json = json_loadb(text, size, 0, NULL);
	explicit_bzero(text, size);
	if (!fetcher->settings_json)
		return -EBADMSG;
	return settings_read(fetcher->settings_json, &fetcher->settings);
}

static int keys_begin(struct fetcher *fetcher)
{
	const struct settings *settings = &fetcher->settings;
	struct credentials_keys keys = { 0 };
	int r;

	(void)snprintf(keys.access_key, sizeof(keys.access_key), "%s", settings->access_key);
	(void)snprintf(keys.secret_key, sizeof(keys.secret_key), "%s", settings->secret_key);
	(void)snprintf(keys.session_token, sizeof(keys.session_token), "%s",
		       settings->session_token);
	r = credentials_new(fetcher->imds, *keys.access_key ? &keys : NULL, &fetcher->credentials);
	explicit_bzero(&keys, sizeof(keys));
	return r;
}

static int fetcher_open(struct fetcher *fetcher)
{
	const struct settings *settings = &fetcher->settings;
	struct http_options options;
	bool off;
	int r = settings_load(fetcher);

	if (r < 0)
		return r;
	off = strcmp(settings->metadata, "off") == 0;
	options = (struct http_options){
		.proxy = settings->proxy,
		.no_proxy = settings->no_proxy,
		.ca_bundle = *settings->ca_bundle ? settings->ca_bundle : NULL,
		.ca_bundle_size = strlen(settings->ca_bundle),
		.user_agent = settings->user_agent,
	};
	r = http_new(fetcher->loop, &options, &fetcher->http);
	if (r == 0)
		r = imds_new(fetcher->loop, fetcher->http,
			     *settings->metadata && !off ? settings->metadata : NULL,
			     &fetcher->imds);
	return r < 0 ? r : keys_begin(fetcher);
}

int fetch_worker_serve(sd_event *loop, int channel, const uint16_t layers[static CAGE_LAYERS],
		       uint32_t uid)
{
	/* Nothing of it outlives the process. */
	struct fetcher *fetcher = calloc(1, sizeof(*fetcher));
	struct fetch_answer hello = { .type = FETCH_HELLO };
	int r;

	if (!fetcher)
		return -ENOMEM;
	fetcher->file = -1;
	fetcher->loop = loop;
	fetcher->channel = channel;
	hello.hello.version = FETCH_VERSION;
	hello.hello.uid = uid;
	memcpy(hello.hello.layers, layers, sizeof(hello.hello.layers));
	r = channel_send(channel, &hello, sizeof(hello));
	if (r == 0)
		r = fetcher_open(fetcher);
	if (r == 0)
		r = sd_event_add_io(loop, NULL, channel, EPOLLIN, channel_ready, fetcher);
	return r < 0 ? r : sd_event_loop(loop);
}
