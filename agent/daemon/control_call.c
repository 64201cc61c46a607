/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_call.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "base/clock.h"

CLEANUP_DEFINE(json_t *, json_decref)

/* The daemon answers within one turn of its loop; a reload compiles policies first. */
#define REPLY_TIME (10 * NS_PER_SECOND)

static int request_send(int fd, const json_t *object)
{
	CLEANUP(free_cleanup) char *frame = json_dumps(object, JSON_COMPACT);

	return frame ? channel_send(fd, frame, strlen(frame)) : -ENOMEM;
}

int control_call(const char *path, const char *request, json_t **ret)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_pack("{s:s}", "request", request);

	return object ? control_call_with(path, object, ret) : -ENOMEM;
}

int control_call_with(const char *path, const json_t *request, json_t **ret)
{
	CLEANUP(free_cleanup) char *frame = malloc(CHANNEL_FRAME_MAX);
	CLEANUP(close_cleanup) int fd = -1;
	json_t *reply;
	ssize_t n;
	int r;

	if (!frame)
		return -ENOMEM;
	fd = channel_connect(path);
	if (fd < 0)
		return fd;
	r = request_send(fd, request);
	if (r >= 0)
		r = channel_wait(fd, POLLIN, clock_boottime() + REPLY_TIME);
	if (r < 0)
		return r;
	n = channel_receive(fd, frame, CHANNEL_FRAME_MAX);
	if (n < 0)
		return n == -EMSGSIZE ? -EBADMSG : (int)n;
	reply = json_loadb(frame, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(reply)) {
		json_decref(reply);
		return -EBADMSG;
	}
	*ret = reply;
	return 0;
}
