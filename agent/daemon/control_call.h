/* SPDX-License-Identifier: Apache-2.0
 *
 * The other end of the control socket: one request and its reply, for the command line. The reply
 * comes from whoever listens at the path, which is the daemon where only root may write to the
 * folder.
 */
#pragma once

#include <jansson.h>

/* Where the socket is unless runtime_dir is configured. */
#define CONTROL_PATH "/run/cordon/control"

/* Asks for request and waits for the reply, an object (a new reference). -ENOENT, -ECONNREFUSED:
 * no daemon; -EACCES; -ETIMEDOUT: it does not answer; -EBADMSG: not what a daemon says. */
int control_call(const char *path, const char *request, json_t **ret);
/* The same with arguments: an object with the request and all of them. */
int control_call_with(const char *path, const json_t *request, json_t **ret);
