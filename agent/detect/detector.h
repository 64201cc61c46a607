/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that detect things share. A detector's look function fills title, why and default
 * severity of the finding, and returns true when the event is bad. match: room for a lookup in the
 * pack; what the finding's indicator points to stays there.
 */
#pragma once

#include "detect/detect.h"

typedef bool detector_look(struct detect *detect, const struct event *event,
			   const struct pack *pack, uint64_t now, struct pack_match *match,
			   struct finding *finding);

/* connection_indicator.c */
detector_look connection_indicator_look;
/* flow_indicator.c */
detector_look flow_indicator_look, fingerprint_indicator_look;

/* file_detector.c */
detector_look yara_look, file_hash_look;

/* The entry that decided: indicator, default severity, and why, with how the process is known. */
void detect_explain(const struct detect *detect, const struct pack_match *match,
		    struct finding *finding);

/* Puts text at the end of a line, as far as it fits. */
void detect_line_add(char *line, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Of a name in a title: room for all but those with many bytes to escape. */
#define TITLE_NAME_MAX 400
/* Cuts it to that. */
void detect_title_name(char name[static DOMAIN_NAME_TEXT_SIZE]);
