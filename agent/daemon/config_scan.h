/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of the configuration about scanning files.
 */
#pragma once

#include "policy/mapping.h"

/* scan.rules; field: struct config. */
mapping_reader config_scan_rules;

/* scan.watch and scan.exclude; field: struct config_paths. */
mapping_reader config_scan_paths;

struct config;
/* The places that are watched unless others are named. -ENOMEM. */
int config_scan_defaults(struct config *config);

struct config_paths;
void config_paths_clear(struct config_paths *paths);
