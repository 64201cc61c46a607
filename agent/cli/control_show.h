/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon said to a request that is done or not, for people or as it came.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* r: of control_call(); below 0 reply is not looked at. failed: stands before the daemon's error;
 * done: printed when there is none. Returns the command's exit status. */
int control_show(int r, const char *socket, const json_t *reply, bool json, const char *failed,
		 const char *done);
