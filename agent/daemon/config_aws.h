/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of aws: where its services are, and how they are reached.
 */
#pragma once

#include "policy/mapping.h"

struct config;

extern const struct mapping_table config_aws_table;
/* Frees what they hold, but for what mapping_clear() knows. */
void config_aws_clear(struct config *config);
