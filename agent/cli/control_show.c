/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/control_show.h"

#include <stdio.h>

#include "base/log.h"
#include "cli/command.h"

int control_show(int r, const char *socket, const json_t *reply, bool json, const char *failed,
		 const char *done)
{
	const char *error;

	if (r < 0) {
		(void)log_errno(LOG_ERR, r, "the daemon cannot be asked at %s", socket);
		return COMMAND_FAILED;
	}
	error = json_string_value(json_object_get(reply, "error"));
	if (json) {
		(void)json_dumpf(reply, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else if (error) {
		log_error("%s: %s", failed, error);
	} else {
		(void)printf("%s\n", done);
	}
	return error ? COMMAND_FAILED : COMMAND_FINE;
}
