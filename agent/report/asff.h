/* SPDX-License-Identifier: Apache-2.0
 *
 * A finding in the AWS Security Finding Format, for Security Hub: made of its OCSF object. The same
 * finding has the same Id for good; UpdatedAt rises with every state of it.
 */
#pragma once

#include <jansson.h>

/* Where a finding is reported: the region and account that are called. Borrowed; all known. */
struct asff_place {
	const char *partition, *region, *account;
	const char *instance_id; /* "": not on EC2 */
	const char *hostname;
};

/* As text, the caller's to free. object: an OCSF Detection Finding; one that is closed is archived.
 * NULL: it is none, or memory is short. */
char *asff_finding(const json_t *object, const struct asff_place *place);
