/* SPDX-License-Identifier: Apache-2.0
 *
 * The scanned file of a policy test's finding, for case_finding.c.
 */
#pragma once

#include "policy/case_finding.h"

/* Whether the test speaks of a file. */
bool case_file_is(const struct case_event *from);
/* Fills file and match of ret, and the event that has them. Texts are borrowed. */
int case_file_make(struct document *document, const struct document_node *node,
		   const struct case_event *from, struct case_finding *ret);
