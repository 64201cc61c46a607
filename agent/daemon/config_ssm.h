/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of report.ssm, and the words of report.cloudwatch.metrics.
 */
#pragma once

#include "policy/mapping.h"

extern const struct mapping_words config_metrics_words;
extern const struct mapping_table config_ssm_table;
