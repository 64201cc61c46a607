/* SPDX-License-Identifier: Apache-2.0
 *
 * A finding as a message to people, for SNS: a subject, a text for mail, a line for telephones, and
 * the finding itself for programs that subscribe.
 */
#pragma once

#include <jansson.h>

/* As SNS takes it (API reference, Publish): under 100 characters, ASCII, no line end. */
#define NOTICE_SUBJECT_SIZE 100

/* What cordon-cloud publishes (cloud/sns.c), as text, the caller's to free: "subject", "message"
 * (of MessageStructure json), "severity" (in lower case) and "detector" for filter policies, "uid"
 * and "delivery" of the finding and of this state of it. object: an OCSF Detection Finding; line:
 * the same as text. NULL: it is none, or memory is short. */
char *notice_finding(const json_t *object, const char *line);
