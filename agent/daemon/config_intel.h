/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of "intel", for config_keys.c.
 */
#pragma once

#include "daemon/config.h"
#include "policy/mapping.h"

extern const struct mapping_table config_intel_table;

void config_intel_defaults(struct config *config);
/* Frees what no row of the table owns. */
void config_intel_clear(struct config *config);

/* A list of public keys into a struct config_signers. */
mapping_reader config_signers_read;
/* Where something is downloaded from, and a duration within detail's range, in seconds. */
mapping_reader config_url_read, config_duration_read;
extern const struct mapping_range config_interval_range;
