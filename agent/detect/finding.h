/* SPDX-License-Identifier: Apache-2.0
 *
 * A finding: an event, and why it is bad. The same thing again is the same finding.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "intel/pack.h"
#include "sensor/event.h"
#include "sensor/process.h"

#define FINDING_UID_SIZE 37 /* a UUID in text (RFC 9562 version 8 form) and its NUL */

/* OCSF severity_id. */
enum severity {
	SEVERITY_NONE = 0, /* not said */
	SEVERITY_INFORMATIONAL = 1,
	SEVERITY_LOW = 2,
	SEVERITY_MEDIUM = 3,
	SEVERITY_HIGH = 4,
	SEVERITY_CRITICAL = 5,
};

/* What a detector has to say of an event. Everything borrowed lives as long as the call that is
 * given the finding. */
struct finding {
	char uid[FINDING_UID_SIZE]; /* stable: detector, indicator, executable, container, host */
	const char *detector;	    /* name in the table of detectors: "indicator" */
	char title[512];	    /* one line, safe to show */
	char why[1024]; /* one line, safe to show: entry, feed, how the process is known */
	enum severity default_severity; /* the detector's or the feed's */
	const struct event *event;
	const struct indicator *indicator; /* the entry that matched, or NULL */
	char subject[304]; /* without an entry: what makes it another finding of its detector; "":
			    * they are all one */
};

/* "critical" ... "informational"; "unknown" for none. */
const char *severity_name(enum severity severity);
/* 0 or -EINVAL. Takes names, and "info". */
int severity_parse(const char *text, enum severity *ret);
