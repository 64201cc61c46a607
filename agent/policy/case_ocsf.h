/* SPDX-License-Identifier: Apache-2.0
 *
 * A finding that was recorded, read back out of its OCSF object: what a policy would say of it. For
 * policy tests, `cordon policy explain` and `cordon policy test --against-journal`.
 */
#pragma once

#include <jansson.h>

#include "policy/case_finding.h"

/* Fills ret, whose texts are the object's, or its own: free with case_ocsf_clear(). -EINVAL: it is
 * no Detection Finding of ours. Anything else may be missing; it is not known then. */
int case_ocsf_read(const json_t *object, struct case_event *ret);
void case_ocsf_clear(struct case_event *event);
/* The same as a finding, whose parts point to each other: it may not be moved. Borrows from event.
 * -EINVAL: a field is not what it should be; ret_error says which. */
int case_ocsf_make(const struct case_event *event, struct case_finding *ret,
		   struct document_error *ret_error);
