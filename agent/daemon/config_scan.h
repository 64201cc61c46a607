/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of the configuration about scanning files.
 */
#pragma once

#include "policy/mapping.h"

/* scan.rules; field: struct config. */
mapping_reader config_scan_rules;

struct config_paths;
void config_paths_clear(struct config_paths *paths);
