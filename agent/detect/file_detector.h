/* SPDX-License-Identifier: Apache-2.0
 *
 * A file that was scanned, shown to the detectors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "detect/finding.h"

struct detect;
struct event;
struct file_hashes;
struct file_reasons;
struct pack;
struct pack_match;

/* event: of EVENT_FILE, whose file is set, without a match. As detect_event(), for each rule that
 * matches and for each hash that is listed. */
int detect_file(struct detect *detect, const struct event *event,
		const struct file_reasons *reasons, const struct pack *pack, uint64_t now,
		int (*found)(const struct finding *finding, void *userdata), void *userdata);

/* FILE_HASH_*: those that entries of the pack have. */
unsigned file_hashes_wanted(const struct pack *pack);
/* Whether one of them is listed. One that is allowed stands over the others. */
bool file_hashes_listed(const struct pack *pack, const struct file_hashes *hashes, uint64_t now,
			struct pack_match *ret);
