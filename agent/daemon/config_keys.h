/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of the configuration, for config.c, which owns the files and the defaults.
 */
#pragma once

#include "daemon/config.h"

struct document;

/* Reads a document over what config holds. On failure config is still the caller's to clear. */
int config_keys_read(struct document *document, struct config *config);

/* Adds a policy's path, which it takes; NULL is want of memory. 0 or -ENOMEM. */
int config_keys_add_policy(struct config *config, char *path);

/* Frees all that config owns, and leaves it empty. */
void config_keys_clear(struct config *config);
