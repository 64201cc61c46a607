/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/imds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define ENDPOINT_DEFAULT "http://169.254.169.254"
#define ENDPOINT_IPV6	 "http://[fd00:ec2::254]"

/* The longest that a token may live. It is asked for anew when half of it is over, or on a 401. */
#define TOKEN_SECONDS  "21600"
#define TOKEN_LIFETIME (UINT64_C(21600) * NS_PER_SECOND)
#define TOKEN_MAX      1024

/* It answers within a millisecond or not at all: a token's reply to a container does not get past
 * a hop limit of 1, and then nothing comes. */
#define IMDS_TIMEOUT	 (2 * NS_PER_SECOND)
#define IMDS_ATTEMPTS	 3 /* of each request, on 5xx and silence */
#define IMDS_PAUSE	 (100 * NS_PER_MILLISECOND)
#define IMDS_REPLY_MAX	 65536
#define IMDS_PATH_MAX	 256
#define IMDS_HEADERS_MAX 2

/* Microseconds; with 0 timers may be a quarter of a second late. */
#define TIMER_ACCURACY 1

struct imds_question {
	struct imds *imds;
	struct imds_question *next;
	struct http_transfer *transfer;
	sd_event_source *pause;
	char path[IMDS_PATH_MAX];
	unsigned attempts;
	bool renewed; /* a 401 has been answered with a new token */
	imds_done done;
	void *userdata;
};

struct imds {
	sd_event *loop;
	struct http *http;
	char endpoint[IMDS_PATH_MAX];
	char token[TOKEN_MAX];
	uint64_t token_until; /* on the boot clock */
	struct imds_question *questions;
};

const char *imds_outcome_text(enum imds_outcome outcome)
{
	static const char *const texts[] = {
		[IMDS_OK] = "the metadata service answers",
		[IMDS_NOT_FOUND] = "the metadata service has no such thing",
		[IMDS_DISABLED] = "the metadata service is turned off for this instance",
		[IMDS_SILENT] = ("the metadata service does not answer: this is no EC2 instance, "
				 "or its hop limit is too small for a container"),
		[IMDS_FAILED] = "the metadata service fails",
	};

	return (size_t)outcome < ELEMENTS(texts) ? texts[outcome] : "unknown";
}

static void question_ask(struct imds_question *question);

static void question_free(struct imds_question *question)
{
	if (question->transfer)
		http_cancel(question->transfer);
	(void)sd_event_source_disable_unref(question->pause);
	free(question);
}

static void question_end(struct imds_question *question, enum imds_outcome outcome,
			 const char *body, size_t size)
{
	struct imds_question **at = &question->imds->questions;
	imds_done done = question->done;
	void *userdata = question->userdata;

	while (*at != question)
		at = &(*at)->next;
	*at = question->next;
	question->transfer = NULL;
	question_free(question);
	done(outcome, body, size, userdata);
}

static int pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct imds_question *question = userdata;

	(void)usec;
	question->pause = NULL;
	(void)sd_event_source_disable_unref(source);
	question_ask(question);
	return 0;
}

/* Another attempt a little later, or the end. */
static void question_again(struct imds_question *question, enum imds_outcome outcome)
{
	uint64_t usec = (IMDS_PAUSE << question->attempts) / 1000;

	question->transfer = NULL;
	if (++question->attempts >= IMDS_ATTEMPTS ||
	    sd_event_add_time_relative(question->imds->loop, &question->pause, CLOCK_MONOTONIC,
				       usec, TIMER_ACCURACY, pause_over, question) < 0)
		question_end(question, outcome, "", 0);
}

static void question_fail(struct imds_question *question, const struct http_reply *reply)
{
	if (reply->status == 0)
		question_again(question, IMDS_SILENT);
	else if (reply->status >= 500 || reply->status == 429)
		question_again(question, IMDS_FAILED);
	else
		question_end(question,
			     reply->status == 404   ? IMDS_NOT_FOUND
			     : reply->status == 403 ? IMDS_DISABLED
						    : IMDS_FAILED,
			     "", 0);
}

/* A token is a line of text that goes into a header. */
static bool token_is_sound(const struct http_reply *reply)
{
	if (reply->body_size == 0 || reply->body_size >= TOKEN_MAX)
		return false;
	for (size_t i = 0; i < reply->body_size; i++)
		if (reply->body[i] <= ' ' || reply->body[i] > '~')
			return false;
	return true;
}

static void token_came(const struct http_reply *reply, void *userdata)
{
	struct imds_question *question = userdata;
	struct imds *imds = question->imds;

	question->transfer = NULL;
	if (reply->status != 200 || !token_is_sound(reply)) {
		question_fail(question, reply);
		return;
	}
	memcpy(imds->token, reply->body, reply->body_size + 1);
	imds->token_until = clock_boottime() + TOKEN_LIFETIME / 2;
	question_ask(question);
}

static void answer_came(const struct http_reply *reply, void *userdata)
{
	struct imds_question *question = userdata;

	question->transfer = NULL;
	if (reply->status == 200) {
		question_end(question, IMDS_OK, reply->body, reply->body_size);
	} else if (reply->status == 401 && !question->renewed) {
		question->renewed = true;
		question->imds->token_until = 0;
		question_ask(question);
	} else {
		question_fail(question, reply);
	}
}

static void question_ask(struct imds_question *question)
{
	struct imds *imds = question->imds;
	bool token = clock_boottime() < imds->token_until;
	const struct http_header with_token = { "X-aws-ec2-metadata-token", imds->token };
	const struct http_header for_token = { "X-aws-ec2-metadata-token-ttl-seconds",
					       TOKEN_SECONDS };
	char url[IMDS_PATH_MAX * 2 + 16];
	struct http_request request = {
		.method = token ? "GET" : "PUT",
		.url = url,
		.headers = token ? &with_token : &for_token,
		.header_count = 1,
		.timeout = IMDS_TIMEOUT,
		.connect_timeout = IMDS_TIMEOUT,
		.reply_max = IMDS_REPLY_MAX,
		.direct = true,
	};

	(void)snprintf(url, sizeof(url), "%s/latest/%s", imds->endpoint,
		       token ? question->path : "api/token");
	if (http_send(imds->http, &request, token ? answer_came : token_came, question,
		      &question->transfer) < 0)
		question_end(question, IMDS_FAILED, "", 0);
}

/* Where credentials come from must not be somebody else: link-local, its IPv6 twin, or loopback. */
static int endpoint_check(const char *endpoint)
{
	const char *host = endpoint + 7;
	struct address address;
	char text[64];
	size_t size;

	if (strncmp(endpoint, "http://", 7) != 0 || strlen(endpoint) >= IMDS_PATH_MAX)
		return -EBADMSG;
	if (strcmp(endpoint, ENDPOINT_DEFAULT) == 0 || strcmp(endpoint, ENDPOINT_IPV6) == 0)
		return 0;
	if (*host == '[')
		host++;
	size = strcspn(host, "]:/");
	if (host[-1] == '[')
		size = strcspn(host, "]");
	if (size >= sizeof(text))
		return -EBADMSG;
	memcpy(text, host, size);
	text[size] = '\0';
	if (address_parse(text, &address) < 0)
		return -EBADMSG;
	return address_is_loopback(&address) ? 0 : -EPERM;
}

int imds_new(sd_event *loop, struct http *http, const char *endpoint, struct imds **ret)
{
	struct imds *imds;
	size_t length;
	int r;

	if (!endpoint || !*endpoint)
		endpoint = ENDPOINT_DEFAULT;
	r = endpoint_check(endpoint);
	if (r < 0)
		return r;
	imds = calloc(1, sizeof(*imds));
	if (!imds)
		return -ENOMEM;
	imds->loop = sd_event_ref(loop);
	imds->http = http;
	length = strlen(endpoint);
	while (endpoint[length - 1] == '/')
		length--;
	memcpy(imds->endpoint, endpoint, length);
	*ret = imds;
	return 0;
}

void imds_free(struct imds *imds)
{
	if (!imds)
		return;
	while (imds->questions) {
		struct imds_question *question = imds->questions;

		imds->questions = question->next;
		question_free(question);
	}
	explicit_bzero(imds->token, sizeof(imds->token));
	(void)sd_event_unref(imds->loop);
	free(imds);
}

static int ask_first(sd_event_source *source, uint64_t usec, void *userdata)
{
	return pause_over(source, usec, userdata);
}

int imds_get(struct imds *imds, const char *path, imds_done done, void *userdata)
{
	struct imds_question *question;
	int r;

	if (strlen(path) >= IMDS_PATH_MAX)
		return -ENAMETOOLONG;
	question = calloc(1, sizeof(*question));
	if (!question)
		return -ENOMEM;
	question->imds = imds;
	question->done = done;
	question->userdata = userdata;
	(void)snprintf(question->path, sizeof(question->path), "%s", path);
	/* From the loop, so that done never runs within this call. */
	r = sd_event_add_time_relative(imds->loop, &question->pause, CLOCK_MONOTONIC, 0,
				       TIMER_ACCURACY, ask_first, question);
	if (r < 0) {
		free(question);
		return r;
	}
	question->next = imds->questions;
	imds->questions = question;
	return 0;
}
