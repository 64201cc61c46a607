/* SPDX-License-Identifier: Apache-2.0
 *
 * From the sinks that a policy names to the bits by which a finding's sinks are kept: the low ones
 * for sinks on this host, from OUTBOX_ROUTE_SHIFT on those of AWS by their number.
 */
#pragma once

#include <stdint.h>

#include "policy/policy.h"

/* 0: there is no sink of that name. */
uint32_t routes_bit(const char *name);
/* The bit of each sink that the policy names; unknown ones are warned about. */
void routes_make(const struct policy *policy, uint32_t ret[static POLICY_SINKS_MAX]);
/* Of a verdict's sinks; 0: all. */
uint32_t routes_of(const uint32_t routes[static POLICY_SINKS_MAX], uint32_t sinks);
/* Whether a finding's sinks have this one. */
static inline bool routes_have(uint32_t sinks, uint32_t bit)
{
	return sinks == 0 || (sinks & bit);
}
