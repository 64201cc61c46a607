/* SPDX-License-Identifier: Apache-2.0
 *
 * The part "feeds" of the daemon's reply.
 */
#pragma once

#include <jansson.h>

struct writer;

void status_feeds_print(struct writer *writer, const json_t *reply);
