/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of the sinks of AWS: sections of `report`, for config_keys.c.
 */
#pragma once

#include "daemon/config.h"
#include "policy/mapping.h"

extern const struct mapping_table config_cloudwatch, config_eventbridge, config_security_hub,
	config_sns, config_s3;

/* Frees what readers of this file put there. */
void config_report_clear(struct config *config);
