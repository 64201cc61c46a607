/* SPDX-License-Identifier: Apache-2.0
 *
 * Exceptions that end: somebody is told a week before, and when it is so.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

struct agent;

/* Tells what was not told yet of the policy in force: in the log, and as a finding, once for each
 * of the two. After each reload, and when policy_next_change() says so. */
void policy_endings_tell(struct agent *agent);
/* After another policy: all of it is to be told. */
void policy_endings_new(struct agent *agent);
/* For status: those that end soon, and those that have ended. */
json_t *policy_endings_json(const struct agent *agent);
