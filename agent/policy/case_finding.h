/* SPDX-License-Identifier: Apache-2.0
 *
 * The finding that a policy test describes, for cases.c.
 */
#pragma once

#include "detect/finding.h"
#include "policy/document.h"
#include "sensor/file_facts.h"
#include "sensor/flow_facts.h"

#define UNSAID	    (-1)
#define UNSAID_PORT UINT64_MAX
#define NOBODY	    UINT32_MAX /* a uid that no rule can name by mistake */

/* As it was read; texts are NULL where nothing was said. */
struct case_event {
	char *domain, *detector, *indicator, *feed, *exe, *comm, *user, *unit, *container, *cgroup;
	char *tags; /* joined by commas */
	char *source, *address;
	enum severity severity;
	int direction;
	uint64_t uid, time;
	char *sni, *host, *ja4, *alpn, *method;
	int kind, protocol; /* UNSAID: by the other keys */
	uint64_t port, source_port;
	bool stub, foreign, blocked;
	char *args, *qtype, *title;
	char *path, *rule, *namespace_, *sha256; /* of a file */
	char *uid_text;				 /* of the finding; stands for "the same again" */
	char *ancestors[PROCESS_ANCESTORS_MAX];	 /* executables, the parent's first */
	size_t ancestors_count;
};
#define CASE_EVENT_UNSAID                                                                          \
	{                                                                                          \
		.direction = EVENT_DIRECTION_OUT, .uid = NOBODY, .kind = UNSAID,                   \
		.protocol = UNSAID, .port = UNSAID_PORT, .source_port = UNSAID_PORT                \
	}

/* A finding and all that it points to. */
struct case_finding {
	struct finding finding;
	struct event event;
	struct process process, ancestors[PROCESS_ANCESTORS_MAX];
	struct indicator indicator;
	struct flow_facts flow;
	struct file_facts file;
	struct file_match match;
};

/* Fills ret, whose parts point to each other: it may not be moved. Texts of from are borrowed.
 * Errors are told at node. */
int case_finding_make(struct document *document, const struct document_node *node,
		      const struct case_event *from, struct case_finding *ret);
