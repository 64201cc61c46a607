/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of the configuration, for config.c, which owns the files and the defaults.
 */
#pragma once

#include <jansson.h>

#include "daemon/config.h"

struct document;

/* Reads a document over what config holds. On failure config is still the caller's to clear. */
int config_keys_read(struct document *document, struct config *config);

/* Adds a policy's path, which it takes; NULL is want of memory. 0 or -ENOMEM. */
int config_keys_add_policy(struct config *config, char *path);

/* JSON Schema of the file: a new reference, or NULL. */
json_t *config_keys_schema(void);

/* Frees all that config owns, and leaves it empty. */
void config_keys_clear(struct config *config);
