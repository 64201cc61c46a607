/* SPDX-License-Identifier: Apache-2.0
 *
 * The control socket: runtime_dir/control, SOCK_SEQPACKET, one JSON object a frame. Owns the
 * listener and its clients; asks the daemon for what they want by callbacks. Root may connect, and
 * the members of group `cordon` where there is one (mode 0660); all but status is for root alone.
 *
 *   {"request": "status"}   the object that status.h describes
 *   {"request": "reload"}   {"reloaded": true}
 *   {"request": "preflight"} {"run": N}: the calls of AWS are being tried; status shows the result
 *                           when its deliveries.preflight.runs has reached N; 0: none are
 *   {"request": "close", "uid": UID, "comment": TEXT}   {"closed": true}: the finding is over
 *   {"request": "isolation"}                       the object that isolation.h describes
 *   {"request": "isolate", "reason": "text"}       {"begun": true}
 *   {"request": "release"}                         {"begun": true}
 *   {"request": "isolate-dry-run"}                 {"begun": true}
 *   {"request": "contain"}, {"request": "uncontain"}   the containment as in status
 *   anything that fails     {"error": "text"}
 *
 * A client that sends what is no request at all is disconnected. A connection lasts at most
 * CONTROL_CLIENT_TIME, whatever is done with it; there are at most CONTROL_CLIENTS_MAX, further
 * ones are closed at once. Nothing that a client does makes the daemon wait.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/clock.h"

#define CONTROL_GROUP	    "cordon"
#define CONTROL_CLIENTS_MAX 16
#define CONTROL_CLIENT_TIME (5 * NS_PER_SECOND)
#define CONTROL_ERROR_SIZE  512

struct control;

struct control_handlers {
	/* A new reference, or NULL when memory is short. */
	json_t *(*status)(void *userdata);
	/* 0, or a negative errno with the reason written into error. */
	int (*reload)(void *userdata, char error[static CONTROL_ERROR_SIZE]);
	/* Likewise. */
	int (*close)(void *userdata, const char *uid, const char *comment,
		     char error[static CONTROL_ERROR_SIZE]);
	/* Likewise. */
	int (*preflight)(void *userdata, uint64_t *ret_run, char error[static CONTROL_ERROR_SIZE]);
	/* Every other request (control_request.h): a new reference, or NULL with the reason. uid:
	 * who asks. */
	json_t *(*act)(void *userdata, int request, const json_t *arguments, uid_t uid,
		       char error[static CONTROL_ERROR_SIZE]);
};

struct control_statistics {
	uint64_t accepted, requests;
	uint64_t refused;   /* CONTROL_CLIENTS_MAX were there already */
	uint64_t garbage;   /* clients dropped for what they sent */
	uint64_t denied;    /* requests that the peer may not make */
	uint64_t unknown;   /* requests that there are not */
	uint64_t timed_out; /* clients still there at the end of their time */
	uint64_t failed;    /* clients lost to errors of the system */
};

/* Listens. handlers are copied, userdata is borrowed. -EADDRINUSE: another daemon answers there. */
int control_open(sd_event *loop, const char *path, const struct control_handlers *handlers,
		 void *userdata, struct control **ret);
/* Disconnects everybody and removes the socket. */
void control_close(struct control *control);

void control_statistics(const struct control *control, struct control_statistics *ret);
