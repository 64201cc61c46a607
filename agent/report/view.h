/* SPDX-License-Identifier: Apache-2.0
 *
 * The plain fields of a finding, taken out of its OCSF object: so a finding that was just made and
 * one that was read back from the journal are shown by the same code. What was done about one (a
 * Remediation Activity) has the same fields, as far as it tells them.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Strings are borrowed from the object; "" when it has none. They are text, but not to be trusted
 * on a terminal unless escaped: the object may come from somebody else's file. */
struct view {
	const char *uid, *title, *why, *detector, *feed, *indicator, *rule, *policy;
	const char *qname, *qtype;
	const char *kind, *sni, *host, *ja4; /* kind: event_kind_name(), "" for a lookup's */
	const char *severity, *disposition, *would_have, *missed;
	const char *comm, *exe, *arguments, *user, *unit, *container;
	const char *attribution, *process_role, *source, *destination, *hostname;
	int severity_id;
	bool blocked, excepted;
	bool activity; /* what was done about the finding uid, not the finding */
	long long pid; /* 0: not known */
	uint16_t destination_port;
	uint64_t count, frame;
	uint64_t time, first_seen; /* ns; time: last seen */
};

/* Anything may be missing, or of another type: it then counts as not known. */
void view_read(const json_t *object, struct view *ret);
