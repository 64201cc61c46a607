/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that was scanned, shown to the detectors.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "detect/finding.h"

struct detect;
struct event;
struct file_match;
struct pack;

/* event: of EVENT_FILE, whose file is set, without a match. As detect_event(), for each rule that
 * matches and for the hash. */
int detect_file(struct detect *detect, const struct event *event, const struct file_match *matches,
		size_t count, const struct pack *pack, uint64_t now,
		int (*found)(const struct finding *finding, void *userdata), void *userdata);
