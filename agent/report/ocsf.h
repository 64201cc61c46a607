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

/* Reads them from the system; instance data stays "". Free with ocsf_host_free(). */
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

/* Sets count, times and activity of an object made above; evidence of a later sighting may be
 * added (at most OCSF_EVIDENCES_MAX: the first and the last ones are kept). */
#define OCSF_EVIDENCES_MAX 8
int ocsf_finding_amend(json_t *object, uint64_t count, uint64_t last_seen);

/* One line of text without the newline; free it. Keys in a stable order. */
char *ocsf_line(const json_t *object);
