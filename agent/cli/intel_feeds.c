/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon intel update, accept and rollback: these ask the daemon; and what is known of feeds, for
 * cordon intel info. What the daemon says is shown escaped.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/intel.h"
#include "daemon/control_call.h"

/* Of a whole round: each feed has its own time, and a compilation follows. */
#define UPDATE_TIME  (1200 * NS_PER_SECOND)
#define UPDATE_PAUSE (200 * NS_PER_MILLISECOND)
#define STATE_MAX    ((size_t)4 << 20)
#define SHOWN_SIZE   2048

CLEANUP_DEFINE(json_t *, json_decref)

static const char *shown(const char *text, char out[static SHOWN_SIZE])
{
	(void)escape_text(text ? text : "-", strlen(text ? text : "-"), out, SHOWN_SIZE);
	return out;
}

/* The reply, or NULL, which was told. */
static json_t *ask(const char *socket, const char *request)
{
	json_t *reply = NULL;
	const char *error;
	char text[SHOWN_SIZE];
	int r = control_call(socket, request, &reply);

	if (r == -ENOENT || r == -ECONNREFUSED)
		log_error("no cordond answers at %s", socket);
	else if (r < 0)
		(void)log_errno(LOG_ERR, r, "%s", socket);
	if (r < 0)
		return NULL;
	error = json_string_value(json_object_get(reply, "error"));
	if (!error)
		return reply;
	log_error("%s", shown(error, text));
	json_decref(reply);
	return NULL;
}

static void number_print(const char *label, const json_t *value)
{
	if (json_is_integer(value))
		(void)printf("  %s %" JSON_INTEGER_FORMAT, label, json_integer_value(value));
	else
		(void)printf("  %s -", label);
}

static void feed_print(const json_t *feed)
{
	const char *error = json_string_value(json_object_get(feed, "error"));
	char text[SHOWN_SIZE];

	(void)printf("feed         %s:",
		     shown(json_string_value(json_object_get(feed, "name")), text));
	number_print("age", json_object_get(feed, "age"));
	number_print("checked", json_object_get(feed, "checked"));
	number_print("entries", json_object_get(feed, "entries"));
	number_print("rejected", json_object_get(feed, "rejected"));
	if (error && *error)
		(void)printf("  error: %s", shown(error, text));
	(void)putchar('\n');
}

static bool feeds_fine(const json_t *feeds)
{
	const json_t *list = json_object_get(feeds, "feeds");
	bool fine = !json_is_string(json_object_get(feeds, "held"));

	for (size_t i = 0; i < json_array_size(list); i++)
		fine &= !json_is_string(json_object_get(json_array_get(list, i), "error"));
	return fine;
}

/* The state has versions of policies, too. */
static bool is_policy(const json_t *feed)
{
	const char *name = json_string_value(json_object_get(feed, "name"));

	return name && strncmp(name, "policy:", strlen("policy:")) == 0;
}

static void feeds_print(const json_t *feeds)
{
	const json_t *list = json_object_get(feeds, "feeds");
	const char *held = json_string_value(json_object_get(feeds, "held"));
	char text[SHOWN_SIZE];

	for (size_t i = 0; i < json_array_size(list); i++)
		if (!is_policy(json_array_get(list, i)))
			feed_print(json_array_get(list, i));
	if (held && *held)
		(void)printf("held back    %s\n", shown(held, text));
}

/* Waits until the daemon has nothing to do for its feeds any more. */
static json_t *update_wait(const char *socket)
{
	const uint64_t deadline = clock_boottime() + UPDATE_TIME;
	const struct timespec pause = { .tv_nsec = (long)UPDATE_PAUSE };

	while (clock_boottime() < deadline) {
		CLEANUP(json_decref_cleanup) json_t *status = ask(socket, "status");
		json_t *feeds = json_object_get(status, "feeds");

		if (!status)
			return NULL;
		if (!json_is_object(feeds)) {
			log_error("the daemon says nothing of feeds");
			return NULL;
		}
		if (!json_is_true(json_object_get(feeds, "busy")))
			return json_incref(feeds);
		(void)nanosleep(&pause, NULL);
	}
	log_error("the daemon is still at it");
	return NULL;
}

struct request_options {
	const char *socket;
	bool json;
};

/* COMMAND_FINE to go on. -1: help was asked for. */
static int options_read(int argc, char **argv, const char *usage, struct request_options *ret)
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	int key;

	*ret = (struct request_options){ .socket = CONTROL_PATH };
	optind = 0;
	while ((key = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (key == 's') {
			ret->socket = optarg;
		} else if (key == 'j') {
			ret->json = true;
		} else {
			(void)fputs(usage, key == 'h' ? stdout : stderr);
			return key == 'h' ? -1 : COMMAND_FAILED;
		}
	}
	if (optind == argc)
		return COMMAND_FINE;
	(void)fputs(usage, stderr);
	return COMMAND_FAILED;
}

int intel_update(int argc, char **argv)
{
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	CLEANUP(json_decref_cleanup) json_t *feeds = NULL;
	struct request_options options;
	bool fine;
	int r = options_read(argc, argv, "Usage: cordon intel update [--socket PATH] [--json]\n",
			     &options);

	if (r != COMMAND_FINE)
		return r < 0 ? COMMAND_FINE : r;
	reply = ask(options.socket, "intel-update");
	feeds = reply ? update_wait(options.socket) : NULL;
	if (!feeds)
		return COMMAND_FAILED;
	fine = feeds_fine(feeds);
	if (options.json && intel_json_print(json_incref(feeds)) != COMMAND_FINE)
		return COMMAND_FAILED;
	if (!options.json)
		feeds_print(feeds);
	return fine ? COMMAND_FINE : COMMAND_FOUND;
}

static int request_run(int argc, char **argv, const char *usage, const char *request,
		       const char *done)
{
	CLEANUP(json_decref_cleanup) json_t *reply = NULL;
	struct request_options options;
	int r = options_read(argc, argv, usage, &options);

	if (r != COMMAND_FINE)
		return r < 0 ? COMMAND_FINE : r;
	reply = ask(options.socket, request);
	if (!reply)
		return COMMAND_FAILED;
	if (options.json)
		return intel_json_print(json_incref(reply));
	(void)puts(done);
	return COMMAND_FINE;
}

int intel_accept(int argc, char **argv)
{
	return request_run(argc, argv, "Usage: cordon intel accept [--socket PATH] [--json]\n",
			   "intel-accept", "the update is in force");
}

int intel_rollback(int argc, char **argv)
{
	return request_run(argc, argv, "Usage: cordon intel rollback [--socket PATH] [--json]\n",
			   "intel-rollback", "the pack before is in force");
}

/* Times in the state are absolute. */
static void record_age(json_t *feed, const char *key, const char *age)
{
	uint64_t now = clock_realtime() / NS_PER_SECOND;
	json_int_t time = json_integer_value(json_object_get(feed, key));

	if (time > 0 && (uint64_t)time <= now)
		(void)json_object_set_new(feed, age, json_integer((json_int_t)now - time));
	else
		(void)json_object_set_new(feed, age, json_null());
}

json_t *intel_feeds_state(const char *path)
{
	CLEANUP(free_cleanup) char *text = NULL;
	json_t *state, *list;
	size_t size;

	if (fd_read_file(path, STATE_MAX, &text, &size) < 0)
		return NULL;
	state = json_loadb(text, size, 0, NULL);
	list = json_object_get(state, "feeds");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *feed = json_array_get(list, i);

		record_age(feed, "fetched", "age");
		record_age(feed, "checked", "checked");
	}
	return state;
}

void intel_feeds_print(const json_t *state)
{
	feeds_print(state);
}
