/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be asked over the control socket: one table, and the reading of a frame. A request is a
 * JSON object, {"request": "status"}, with the arguments that its row names, all of them texts. The
 * frame comes from whoever may open the socket; it goes to control.c as the number of a row.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#define CONTROL_REQUEST_MAX   1024
/* Of a request. */
#define CONTROL_ARGUMENTS_MAX 2

enum control_request {
	CONTROL_STATUS,
	CONTROL_RELOAD,
	CONTROL_PREFLIGHT,
	CONTROL_CLOSE,
	CONTROL_REQUESTS,
};

/* Who asks: bits. */
enum control_peer {
	CONTROL_PEER_ROOT = 1,
	CONTROL_PEER_OTHER = 2, /* let in by the mode of the socket */
};

const char *control_request_name(enum control_request request);

/* The request in a frame, or -EBADMSG: no such object (the peer does not speak our language),
 * -ENOENT: no such request, -EPERM: not for this peer, -EMSGSIZE: too large. */
int control_request_read(const char *frame, size_t size, enum control_peer peer);
/* The arguments of a frame that was found to be the request, in the order of its row; borrowed from
 * *ret_object, which is the caller's. -EBADMSG, -ENOMEM. */
int control_request_arguments(const char *frame, size_t size, enum control_request request,
			      const char *ret[static CONTROL_ARGUMENTS_MAX], json_t **ret_object);
