/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what an isolation does about the process it was begun for, and when its evidence is
 * gathered: never before the host is cut off and the swap has been tried, and nothing waits for it.
 * What was done is in the record, so that a daemon that comes after does what is left, once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/parse.h"
#include "response/isolate_private.h"

static const struct isolation_undo *kind_find(const struct isolation_record *record,
					      const char *kind)
{
	for (size_t i = 0; i < record->undo_count; i++)
		if (strcmp(record->undo[i].kind, kind) == 0)
			return &record->undo[i];
	return NULL;
}

/* What is kept never changes, as what is touched. */
static int row_keep(struct isolation_record *record, const char *kind, const char *resource,
		    const char *value)
{
	struct isolation_undo *row;
	int r = isolation_undo_add(record, kind, resource, value);

	row = r < 0 ? NULL : isolation_undo_find(record, kind, resource);
	if (row)
		row->touched = true;
	return r;
}

void culprit_note(struct isolate *isolate, const struct isolate_request *request)
{
	char pid[16], start[24];

	if (request->pid <= 0)
		return;
	(void)snprintf(pid, sizeof(pid), "%d", (int)request->pid);
	(void)snprintf(start, sizeof(start), "%" PRIu64, request->start);
	(void)row_keep(&isolate->record, ISOLATION_CULPRIT, pid, start);
}

int isolate_culprit(const struct isolation_record *record, pid_t *ret_pid, uint64_t *ret_start)
{
	const struct isolation_undo *culprit = kind_find(record, ISOLATION_CULPRIT);
	uint64_t pid, start;

	if (!culprit || parse_u64(culprit->resource, INT32_MAX, &pid) < 0 ||
	    parse_u64(culprit->value, UINT64_MAX, &start) < 0)
		return -ENOENT;
	*ret_pid = (pid_t)pid;
	*ret_start = start;
	return 0;
}

void culprit_hold(struct isolate *isolate)
{
	struct isolation_record *record = &isolate->record;
	uint64_t start;
	char text[16];
	pid_t pid;
	int r;

	if (!isolate->ports.hold || kind_find(record, ISOLATION_HELD) ||
	    isolate_culprit(record, &pid, &start) < 0)
		return;
	r = isolate->ports.hold(pid, start, isolate->userdata);
	if (r == 0)
		return;
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	(void)row_keep(record, ISOLATION_HELD, text, r > 0 ? "yes" : strerror(-r));
	(void)state_set(isolate, record->state);
}

void evidence_begin(struct isolate *isolate)
{
	if (isolate->ports.evidence)
		isolate->ports.evidence(&isolate->record, isolate->userdata);
}

json_t *ask_evidence(struct isolate *isolate)
{
	evidence_begin(isolate);
	return NULL;
}

void isolate_kept(struct isolate *isolate, const char *uid, const char *kind, const char *value)
{
	struct isolation_record *record = &isolate->record;
	char fitting[ISOLATION_VALUE_SIZE];

	if (strcmp(record->uid, uid) != 0)
		return;
	(void)snprintf(fitting, sizeof(fitting), "%s", value);
	if (row_keep(record, kind, uid, fitting) < 0)
		log_warning("isolation: what became of its evidence cannot be written down");
	else
		(void)state_set(isolate, record->state);
}
