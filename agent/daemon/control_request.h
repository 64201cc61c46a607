/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be asked over the control socket: one table, and the reading of a frame. A request is a
 * JSON object, {"request": "status"}; some take arguments beside it. The frame comes from whoever
 * may open the socket; it goes to control.c as the number of a row, and its arguments.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

/* A request says its name and, at most, a reason. */
#define CONTROL_REQUEST_MAX 1024

enum control_request {
	CONTROL_STATUS,
	CONTROL_RELOAD,
	CONTROL_PREFLIGHT,
	CONTROL_CLOSE,	   /* "uid": of a finding; "comment": text; both of them */
	CONTROL_CONTAIN,   /* "reason": text; "seconds": number, 0 or left out: no end */
	CONTROL_UNCONTAIN, /* "reason": text */
	CONTROL_UPDATE,
	CONTROL_ACCEPT,
	CONTROL_ROLLBACK,
	/* Of isolation (isolation.h), from here on. */
	CONTROL_ISOLATION,
	CONTROL_ISOLATE, /* "reason": text */
	CONTROL_RELEASE,
	CONTROL_DRY_RUN,
	CONTROL_CONFIRM,
	CONTROL_REQUESTS,
};

/* Who asks: bits. */
enum control_peer {
	CONTROL_PEER_ROOT = 1,
	CONTROL_PEER_OTHER = 2, /* let in by the mode of the socket */
};

const char *control_request_name(enum control_request request);

/* Bytes of a text among the arguments. */
#define CONTROL_TEXT_MAX 255

/* The request in a frame, or -EBADMSG: no such object (the peer does not speak our language), or
 * arguments that the request does not have; -ENOENT: no such request, -EPERM: not for this peer,
 * -EMSGSIZE: too large. *ret_arguments is the object: texts in it have at most CONTROL_TEXT_MAX
 * bytes, numbers are not negative. A new reference. */
int control_request_read(const char *frame, size_t size, enum control_peer peer,
			 json_t **ret_arguments);
