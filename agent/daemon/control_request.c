/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_request.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/channel.h"
#include "base/cleanup.h"

CLEANUP_DEFINE(json_t *, json_decref)

static const struct channel_request requests[CONTROL_REQUESTS] = {
	[CONTROL_STATUS] = { "status", CONTROL_REQUEST_MAX,
			     CONTROL_PEER_ROOT | CONTROL_PEER_OTHER },
	[CONTROL_RELOAD] = { "reload", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_CLOSE] = { "close", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_PREFLIGHT] = { "preflight", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
};

/* What it takes beside its name: all of it, and nothing else. */
static const char *const arguments[CONTROL_REQUESTS][CONTROL_ARGUMENTS_MAX] = {
	[CONTROL_CLOSE] = { "uid", "comment" },
};

/* Whether the object has what the request takes. */
static bool arguments_fit(const json_t *object, int request)
{
	size_t count = 0;

	for (size_t i = 0; i < CONTROL_ARGUMENTS_MAX; i++) {
		const char *name = arguments[request][i];

		if (name && !json_is_string(json_object_get(object, name)))
			return false;
		count += name != NULL;
	}
	return json_object_size(object) == count + 1;
}

const char *control_request_name(enum control_request request)
{
	return requests[request].name;
}

int control_request_read(const char *frame, size_t size, enum control_peer peer)
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
	if (request == -ENOENT)
		return json_object_size(object) == 1 ? -ENOENT : -EBADMSG;
	return request < 0 || arguments_fit(object, request) ? request : -EBADMSG;
}

int control_request_arguments(const char *frame, size_t size, enum control_request request,
			      const char *ret[static CONTROL_ARGUMENTS_MAX], json_t **ret_object)
{
	json_t *object = json_loadb(frame, size, JSON_REJECT_DUPLICATES, NULL);

	if (!object)
		return -EBADMSG;
	for (size_t i = 0; i < CONTROL_ARGUMENTS_MAX; i++)
		ret[i] = arguments[request][i]
				 ? json_string_value(json_object_get(object, arguments[request][i]))
				 : NULL;
	*ret_object = object;
	return 0;
}
