/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of report.ssm.
 */
#pragma once

#include "policy/mapping.h"

extern const struct mapping_table config_ssm_table;
