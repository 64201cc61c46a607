/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of the configuration that a reload cannot change: they count from the next start on.
 */
#pragma once

#include "daemon/config.h"

#define CONFIG_FIXED_MAX  64
#define CONFIG_SHOWN_SIZE 512

/* For a reload: next gets running's values of these keys, and running next's, so that both can be
 * freed as before. *ret_differ: bit i is set where key i was another one. 0 or -ENOMEM, with both
 * as they were. */
int config_keep_fixed(struct config *next, struct config *running, uint64_t *ret_differ);

/* NULL: there is no key i. */
const char *config_fixed_name(size_t i);
/* Its value as text; not escaped. */
void config_fixed_show(const struct config *config, size_t i, char out[static CONFIG_SHOWN_SIZE]);
