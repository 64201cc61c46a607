/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings as OCSF 1.8.0 Detection Finding (class 2004) objects.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "detect/finding.h"
#include "policy/policy.h"

/* The host as findings name it. Strings are borrowed; "" when not known. */
struct ocsf_host {
	const char *hostname;
	const char *machine_id; /* /etc/machine-id */
	const char *boot_id;
	const char *kernel; /* uname -r */
	const char *os_name, *os_version;
	const char *instance_id, *region, *zone, *account; /* of the EC2 instance, when known */
	const char *image_id;
};

/* Reads them from the system; instance data stays "". Every string is from malloc(), so whoever
 * learns more (the instance) frees the old one and puts its own. Free with ocsf_host_free(). */
int ocsf_host_read(struct ocsf_host *ret);
void ocsf_host_free(struct ocsf_host *host);

struct ocsf_finding {
	const struct finding *finding;
	const struct verdict *verdict;
	const struct ocsf_host *host;
	uint64_t count, first_seen, last_seen;
	bool enforce; /* mode: else what would have been done is told as such */
};

/* A new reference, or NULL when memory is short. activity: 1 create, 2 update, 3 close. */
json_t *ocsf_finding(const struct ocsf_finding *input, int activity_id);

/* What the object says besides counts and times and severity, as a number: when it differs from
 * the last sighting's, the object must be made anew (struct journal_input, state). */
unsigned ocsf_finding_state(const struct ocsf_finding *input);

/* Sets count and last time of an object made above, or read back from its line, and makes it an
 * update (2) when the count is over 1. -EINVAL: it is no Detection Finding; -ENOMEM. */
int ocsf_finding_amend(json_t *object, uint64_t count, uint64_t last_seen);

/* Makes an object read back from its line the end of its finding: activity close, status resolved.
 * why: a rule's closing, or what somebody wrote (then comment is true). -EINVAL, -ENOMEM. */
int ocsf_finding_close(json_t *object, uint64_t time, const char *why, bool comment);

/* What the scan of its process says of the finding: how severe it is by now, and why.
 * -EINVAL, -ENOMEM. */
int ocsf_finding_scanned(json_t *object, uint64_t time, int severity, const char *why);

/* Most evidences of one finding: the first sighting's, and those of other names asked. */
#define OCSF_EVIDENCES_MAX 8
/* Adds what was seen to an object made above, when it is of a name that none of its evidences has
 * and there is room: 1, else 0. -ENOMEM. */
int ocsf_finding_witness(json_t *object, const struct event *event);
/* The same with the evidences that the finding's line had before it was made anew. 0, -EINVAL: it
 * is no finding's line; -ENOMEM. */
int ocsf_finding_inherit(json_t *object, const char *before);

/* A sighting in short (struct journal_sighting, summary): a new reference, or NULL. */
json_t *ocsf_sighting(const struct ocsf_finding *input);

/* Network Remediation Activity (class 7004): this lookup was blocked (or was to be, and was not:
 * status Failure). A new reference, or NULL when memory is short. */
json_t *ocsf_block_activity(const struct ocsf_finding *input);

enum ocsf_containment_outcome {
	OCSF_CONTAINMENT_DONE,
	OCSF_CONTAINMENT_FAILED,
	OCSF_CONTAINMENT_PARTIAL, /* something is not closed, or not held open */
	OCSF_CONTAINMENT_AUDIT,	  /* would have been, but for the mode */
};

/* Strings are borrowed; "" when there is nothing to say. */
struct ocsf_containment {
	const struct ocsf_host *host;
	uint64_t time; /* ns since the epoch */
	bool lifted;   /* or begun */
	enum ocsf_containment_outcome outcome;
	const char *reason, *finding, *problem; /* reason: anybody's text; finding: its uid */
	uint64_t until;				/* ns since the epoch; 0: no end */
	bool provisional;
};

/* Network Remediation Activity (class 7004): the host was contained, or is open again. A new
 * reference, or NULL when memory is short. */
json_t *ocsf_containment(const struct ocsf_containment *input);

/* File and Process Remediation Activity (classes 7002, 7003): what the finding's verdict does. A
 * new reference, or NULL when memory is short. ocsf_remedy_end() says how it ended: error 0 or a
 * negative errno; quarantine: its id there, or NULL. */
enum ocsf_remedy {
	OCSF_REMEDY_QUARANTINE,
	OCSF_REMEDY_REFUSE, /* of an execution */
	OCSF_REMEDY_KILL,
	OCSF_REMEDY_STOP,
	OCSF_REMEDY_FREEZE,
};
json_t *ocsf_remedy_activity(const struct ocsf_finding *input, enum ocsf_remedy remedy);
void ocsf_remedy_end(json_t *object, int error, const char *quarantine);

/* What was done to the instance as a whole. Texts are borrowed. */
struct ocsf_isolation {
	uint64_t time; /* ns since the epoch */
	const char *uid, *state, *finding, *reason;
	const char *title, *why;
	enum severity severity;
	bool done, restored;
};
/* Network Remediation Activity (class 7004): Isolate, or Restore. A new reference, or NULL when
 * memory is short. */
json_t *ocsf_isolation_activity(const struct ocsf_isolation *input, const struct ocsf_host *host);

/* DNS Activity (class 4003): a lookup that is no finding. A new reference, or NULL when memory is
 * short. */
json_t *ocsf_dns_activity(const struct event *event, const struct ocsf_host *host);

/* One line of text without the newline; free it. Keys in a stable order. */
char *ocsf_line(const json_t *object);
