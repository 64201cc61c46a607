/* SPDX-License-Identifier: Apache-2.0
 *
 * Detectors: each looks at an event and says why it is bad, if it is. A row in the table of
 * detectors adds one. Gets events from sensor/, entries from intel/, gives findings to policy/.
 */
#pragma once

#include <stdint.h>

#include "detect/finding.h"
#include "detect/learnt.h"
#include "detect/rebinding.h"

struct detect;
struct pack;

struct detect_statistics {
	struct learnt_statistics learnt;
	struct rebinding_statistics rebinding;
};

/* host: goes into the uids, so that two hosts' findings are two ("" in replay). Copied. */
int detect_new(const char *host, struct detect **ret);
void detect_free(struct detect *detect);

/* callback: told of each address that a listed name was answered with; see learnt.h. */
void detect_learn(struct detect *detect, learnt_callback callback, void *userdata);
/* This host's search domains (sensor/resolvers.h). Copied. */
void detect_search(struct detect *detect, const struct domain_name *names, size_t count);
void detect_statistics(const struct detect *detect, struct detect_statistics *ret);

/* Shows the event to each detector and calls found for each finding, which is borrowed for that
 * call. pack: entries in force; NULL: none. now: ns since the epoch, for entries that expire.
 * Returns how many there were, or the first negative value of found. */
int detect_event(struct detect *detect, const struct event *event, const struct pack *pack,
		 uint64_t now, int (*found)(const struct finding *finding, void *userdata),
		 void *userdata);

/* A worker that reads foreign bytes died, or broke its rules, and was replaced: perhaps something
 * got into it. reason: one line, safe to show. */
int detect_worker(struct detect *detect, const char *reason, uint64_t now,
		  int (*found)(const struct finding *finding, void *userdata), void *userdata);

/* The same of the process that talks to AWS. */
int detect_cloud(struct detect *detect, const char *reason, uint64_t now,
		 int (*found)(const struct finding *finding, void *userdata), void *userdata);

/* What the sensor itself has to report: so many records found no room since the last time, or in
 * unattended ns for which no daemon ran (0: one did). Lookups that nobody can be told of are a
 * finding, too. */
int detect_loss(struct detect *detect, uint64_t records, uint64_t unattended, uint64_t now,
		int (*found)(const struct finding *finding, void *userdata), void *userdata);

/* Something was done about a finding to this instance as a whole, or was not. subject: makes it
 * another finding; title and why: safe to show. */
int detect_response(struct detect *detect, const char *subject, const char *title, const char *why,
		    enum severity severity, uint64_t now,
		    int (*found)(const struct finding *finding, void *userdata), void *userdata);

/* An exception of the policy is over, or will be at time until: one finding for each of the two. A
 * later end is another. why: safe to show. */
int detect_exception(struct detect *detect, bool over, const char *policy, const char *rule,
		     uint64_t until, const char *why, uint64_t now,
		     int (*found)(const struct finding *finding, void *userdata), void *userdata);

/* An update of the indicators was held back or refused; the one before stays in force. why: safe to
 * show. */
int detect_update(struct detect *detect, bool held, const char *why, uint64_t now,
		  int (*found)(const struct finding *finding, void *userdata), void *userdata);

/* So many findings were owed to sinks, and will not be told there. */
int detect_dropped(struct detect *detect, uint64_t findings, uint64_t now,
		   int (*found)(const struct finding *finding, void *userdata), void *userdata);
