/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_request.h"

#include <errno.h>
#include <jansson.h>

#include "base/channel.h"
#include "base/cleanup.h"

CLEANUP_DEFINE(json_t *, json_decref)

static const struct channel_request requests[CONTROL_REQUESTS] = {
	[CONTROL_STATUS] = { "status", CONTROL_REQUEST_MAX,
			     CONTROL_PEER_ROOT | CONTROL_PEER_OTHER },
	[CONTROL_RELOAD] = { "reload", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
	[CONTROL_PREFLIGHT] = { "preflight", CONTROL_REQUEST_MAX, CONTROL_PEER_ROOT },
};

const char *control_request_name(enum control_request request)
{
	return requests[request].name;
}

int control_request_read(const char *frame, size_t size, enum control_peer peer)
{
	CLEANUP(json_decref_cleanup) json_t *object = NULL;
	const char *name;

	if (size > CONTROL_REQUEST_MAX)
		return -EMSGSIZE;
	object = json_loadb(frame, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object) || json_object_size(object) != 1)
		return -EBADMSG;
	name = json_string_value(json_object_get(object, "request"));
	if (!name)
		return -EBADMSG;
	return (int)channel_request_find(requests, CONTROL_REQUESTS, name, size, peer);
}
