/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/journal_place.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/config.h"
#include "journal/journal.h"

int journal_place(const char *path, const char *state_dir, char **ret)
{
	struct document_error error = { .count = 0 };
	struct config config;
	int r = 0;

	if (!state_dir && config_load(path, &config, &error) < 0) {
		log_error("%s", error.text);
		return -EINVAL;
	}
	if (asprintf(ret, "%s/" JOURNAL_FILE, state_dir ? state_dir : config.state_dir) < 0)
		r = log_errno(LOG_ERR, -ENOMEM, "cannot look for the journal");
	if (!state_dir)
		config_free(&config);
	return r;
}
