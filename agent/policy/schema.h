/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Schema of the YAML files, made of the tables that they are read by: for editors, and for
 * whoever checks a policy without cordon. The files in policy/schema/ are what comes out here; a
 * test holds them equal.
 */
#pragma once

#include <jansson.h>

#include "policy/mapping.h"

/* New references; NULL when memory is short. */
json_t *schema_policy(void);
json_t *schema_cases(void);
/* Of any other file. */
json_t *schema_file(const struct mapping_table *table, const char *title);
