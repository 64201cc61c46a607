/* SPDX-License-Identifier: Apache-2.0
 *
 * The part "policy" of the daemon's reply.
 */
#pragma once

#include <jansson.h>

struct writer;

void status_policy_print(struct writer *writer, const json_t *reply);
