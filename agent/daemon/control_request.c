/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_request.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "base/channel.h"
#include "base/cleanup.h"

CLEANUP_DEFINE(json_t *, json_decref)

static const struct channel_request requests[CONTROL_REQUESTS] = {
	[CONTROL_STATUS] = { "status", CONTROL_REQUEST_MAX,
			     CONTROL_PEER_ROOT | CONTROL_PEER_OTHER },
	[CONTROL_RELOAD] = { "reload", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_CLOSE] = { "close", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_PREFLIGHT] = { "preflight", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_CONTAIN] = { "contain", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_UPDATE] = { "intel-update", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_ACCEPT] = { "intel-accept", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_ROLLBACK] = { "intel-rollback", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_UNCONTAIN] = { "uncontain", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_ISOLATION] = { "isolation", CONTROL_REQUEST_MAX,
				CONTROL_PEER_ROOT | CONTROL_PEER_OTHER },
	[CONTROL_ISOLATE] = { "isolate", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_RELEASE] = { "release", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_CONFIRM] = { "isolate-confirm", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_DRY_RUN] = { "isolate-dry-run", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
};

/* What may stand beside a request's name. */
static const struct argument {
	enum control_request request;
	const char *key;
	json_type type;
} arguments[] = {
	{ CONTROL_CLOSE, "uid", JSON_STRING },	      { CONTROL_CLOSE, "comment", JSON_STRING },
	{ CONTROL_CONTAIN, "reason", JSON_STRING },   { CONTROL_CONTAIN, "seconds", JSON_INTEGER },
	{ CONTROL_UNCONTAIN, "reason", JSON_STRING }, { CONTROL_ISOLATE, "reason", JSON_STRING },
};

static bool argument_is_sound(enum control_request request, const char *key, const json_t *value)
{
	for (size_t i = 0; i < ELEMENTS(arguments); i++)
		if (arguments[i].request == request && strcmp(arguments[i].key, key) == 0 &&
		    arguments[i].type == json_typeof(value))
			return json_is_string(value)
				       ? json_string_length(value) <= CONTROL_TEXT_MAX
				       : !json_is_integer(value) || json_integer_value(value) >= 0;
	return false;
}

static bool arguments_are_sound(enum control_request request, json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key,
			    value) if (strcmp(key, "request") != 0 &&
				       !argument_is_sound(request, key, value)) return false;
	return true;
}

const char *control_request_name(enum control_request request)
{
	return requests[request].name;
}

int control_request_read(const char *frame, size_t size, enum control_peer peer,
			 json_t **ret_arguments)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	const char *name;
	int request;

	if (size > CONTROL_REQUEST_MAX)
		return -EMSGSIZE;
	object = json_loadb(frame, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object))
		return -EBADMSG;
	name = json_string_value(json_object_get(object, "request"));
	if (!name)
		return -EBADMSG;
	request = (int)channel_request_find(requests, CONTROL_REQUESTS, name, size, peer);
	if (request < 0)
		return request;
	if (!arguments_are_sound((enum control_request)request, object))
		return -EBADMSG;
	*ret_arguments = take_ptr(object);
	return request;
}
