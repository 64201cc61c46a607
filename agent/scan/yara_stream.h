/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled rules in memory, as libyara reads them.
 */
#pragma once

#include <stddef.h>
#include <yara.h>

/* -EBADMSG: damaged, or of another version of YARA; -ENOMEM. *ret: yr_rules_destroy(). */
int yara_rules_load(const void *bytes, size_t size, YR_RULES **ret);
