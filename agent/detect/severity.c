/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the names of severities. Their numbers are OCSF's severity_id.
 */
#include "detect/finding.h"

#include <errno.h>
#include <stddef.h>
#include <strings.h>

#include "base/cleanup.h"

static const char *const names[] = {
	[SEVERITY_NONE] = "unknown", [SEVERITY_INFORMATIONAL] = "informational",
	[SEVERITY_LOW] = "low",	     [SEVERITY_MEDIUM] = "medium",
	[SEVERITY_HIGH] = "high",    [SEVERITY_CRITICAL] = "critical",
};

const char *severity_name(enum severity severity)
{
	return severity < ELEMENTS(names) ? names[severity] : names[SEVERITY_NONE];
}

int severity_parse(const char *text, enum severity *ret)
{
	for (unsigned i = SEVERITY_INFORMATIONAL; i < ELEMENTS(names); i++) {
		if (strcasecmp(text, names[i]) != 0)
			continue;
		*ret = (enum severity)i;
		return 0;
	}
	if (strcasecmp(text, "info") != 0)
		return -EINVAL;
	*ret = SEVERITY_INFORMATIONAL;
	return 0;
}
