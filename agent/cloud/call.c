/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the calls for responses that are under way. Requests are cordond's, whom it trusts; replies
 * are a stranger's.
 */
#include "cloud/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/call_table.h"
#include "cloud/dispatch_private.h"

/* A page of a thousand instances with their tags has a megabyte or two. */
#define REPLY_MAX ((size_t)8 * 1024 * 1024)
/* Pages of one reply: 16,000 instances. What is over is left out, and told. */
#define PAGES_MAX 16
#define TIMEOUT	  (10 * NS_PER_SECOND)

struct call {
	struct dispatch *dispatch;
	struct call *next, **link;
	uint64_t id;
	const struct call_row *row;
	json_t *request; /* as it came: what the client borrows lives in it */
	json_t *facts;
	unsigned pages;
};

CLEANUP_DEFINE(json_t *, json_decref)

static void call_free(struct call *call)
{
	if (!call)
		return;
	if (call->link) {
		*call->link = call->next;
		if (call->next)
			call->next->link = call->link;
	}
	json_decref(call->request);
	json_decref(call->facts);
	free(call);
}

CLEANUP_DEFINE(struct call *, call_free)

void calls_free(struct dispatch *dispatch)
{
	while (dispatch->calls)
		call_free(dispatch->calls);
}

static void text_send(struct dispatch *dispatch, uint64_t id, const char *text)
{
	size_t total = strlen(text), sent = 0;

	while (sent < total) {
		struct message_frame frame;

		sent += message_put_part(&frame, MESSAGE_REPLY, id, text, total, sent);
		dispatch_send(dispatch, &frame);
	}
}

static char *reply_text(const char *failure, unsigned status, const char *code, const char *message,
			json_t *facts)
{
	/* A message may have been cut within a character. */
	json_t *said = json_string(message);
	CLEANUP(json_decref_cleanup)
	json_t *reply =
		json_pack("{s:s, s:i, s:s, s:o, s:O?}", "failure", failure, "status", (int)status,
			  "code", code, "message", said ? said : json_string("?"), "facts", facts);
	char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;

	if (text && strlen(text) > MESSAGE_LONG_MAX) {
		free(text);
		return strdup("{\"failure\":\"permanent\",\"status\":0,\"code\":\"\",\"message\":"
			      "\"the reply is larger than cordond takes\",\"facts\":null}");
	}
	return text;
}

/* The reply is owed whatever happens: without memory for it the process ends, and the parent makes
 * the call again. */
static void reply_send(struct dispatch *dispatch, uint64_t id, char *text)
{
	if (text)
		text_send(dispatch, id, text);
	else
		(void)sd_event_exit(dispatch->loop, -ENOMEM);
	free(text);
}

static void call_end(struct call *call, const struct client_result *result)
{
	reply_send(call->dispatch, call->id,
		   reply_text(failure_name(result->failure), result->status, result->code,
			      result->message, call->facts));
	call_free(call);
}

static void call_fail(struct call *call, enum failure failure, const char *why)
{
	reply_send(call->dispatch, call->id,
		   reply_text(failure_name(failure), 0, "", why, call->facts));
	call_free(call);
}

/* ---- the request ---- */

static void form_put(FILE *form, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.~";

	for (; *text; text++)
		if (strchr(plain, *text))
			(void)fputc(*text, form);
		else
			(void)fprintf(form, "%%%02X", (unsigned char)*text);
}

static void form_add(FILE *form, const char *key, const char *value)
{
	if (ftell(form) > 0)
		(void)fputc('&', form);
	form_put(form, key);
	(void)fputc('=', form);
	form_put(form, value);
}

static char *form_make(const struct call *call, const char *token)
{
	const json_t *pair;
	char *text = NULL;
	size_t size, i;
	FILE *form = open_memstream(&text, &size);
	bool sound = form != NULL;

	json_array_foreach(json_object_get(call->request, "parameters"), i, pair)
	{
		const char *key = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));

		if (sound && key && value)
			form_add(form, key, value);
	}
	if (sound && token)
		form_add(form, call->row->token_parameter, token);
	if (!form || fclose(form) != 0 || !sound) {
		free(text);
		return NULL;
	}
	return text;
}

static void reply_came(const struct client_result *result, void *userdata);

static int call_send(struct call *call, const char *token)
{
	CLEANUP(free_cleanup) char *form = form_make(call, token);
	const json_t *attempts = json_object_get(call->request, "attempts");
	const struct client_request request = {
		.service = service_find(call->row->service),
		.operation = call->row->operation,
		.body = form,
		.body_size = form ? strlen(form) : 0,
		.bucket = CLIENT_RESPONSES,
		.attempts = (unsigned)json_integer_value(attempts),
		.timeout = TIMEOUT,
		.reply_max = REPLY_MAX,
		.fresh_connection = json_is_true(json_object_get(call->request, "fresh")),
	};

	if (!form)
		return -ENOMEM;
	return client_call(call->dispatch->client, &request, reply_came, call, NULL);
}

/* ---- the reply ---- */

/* Adds a page's list to those before. Returns where the next page begins; NULL: it was the last. */
static const char *page_take(struct call *call, json_t *page)
{
	const struct call_row *row = call->row;
	const char *token =
		row->token ? json_string_value(json_object_get(page, row->token)) : NULL;

	if (!call->facts)
		call->facts = json_incref(page);
	else
		(void)json_array_extend(json_object_get(call->facts, row->list),
					json_object_get(page, row->list));
	call->pages++;
	return token && *token && call->pages < PAGES_MAX ? token : NULL;
}

static void reply_came(const struct client_result *result, void *userdata)
{
	struct call *call = userdata;
	CLEANUP(json_decref_cleanup) json_t *page = NULL;
	const char *token;

	if (result->failure != FAILURE_NONE || !call->row->fields) {
		call_end(call, result);
		return;
	}
	page = xml_facts(result->body, result->body_size, call->row->fields);
	if (!page) {
		call_fail(call, FAILURE_TRANSIENT, "the endpoint gives replies that are none");
		return;
	}
	token = page_take(call, page);
	if (!token)
		call_end(call, result);
	else if (call_send(call, token) < 0)
		call_fail(call, FAILURE_TRANSIENT, "memory is short");
}

int call_take(struct dispatch *dispatch, uint64_t id, const char *text, size_t size)
{
	CLEANUP(call_free_cleanup) struct call *call = calloc(1, sizeof(*call));
	const char *service, *operation;
	int r;

	if (!call)
		return -ENOMEM;
	call->dispatch = dispatch;
	call->id = id;
	call->request = json_loadb(text, size, 0, NULL);
	service = json_string_value(json_object_get(call->request, "service"));
	operation = json_string_value(json_object_get(call->request, "operation"));
	call->row = service && operation ? call_row_find(service, operation) : NULL;
	if (!call->row)
		return -EBADMSG;
	if (!dispatch->started) {
		call_fail(take_ptr(call), FAILURE_TRANSIENT,
			  dispatch->why_not[0] ? dispatch->why_not
					       : "it is not known yet where this instance is");
		return 0;
	}
	r = call_send(call, NULL);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		call_fail(take_ptr(call), FAILURE_PERMANENT,
			  "the endpoint is none (is aws.region right?)");
		return 0;
	}
	call->next = dispatch->calls;
	call->link = &dispatch->calls;
	if (call->next)
		call->next->link = &call->next;
	dispatch->calls = take_ptr(call);
	return 0;
}
