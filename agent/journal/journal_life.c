/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a finding: open, suppressed, closed, reopened, and the history of it. Changes come
 * with sightings (journal_record.c) and by journal_change(); they are written with the finding.
 */
#include "journal/journal_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const char *journal_life_name(enum journal_life life)
{
	static const char *const names[] = { "open", "suppressed", "closed" };

	return (size_t)life < ELEMENTS(names) ? names[life] : "unknown";
}

const char *journal_event_name(enum journal_event event)
{
	static const char *const names[] = { "opened",	 "suppressed", "severity",
					     "reopened", "closed",     "comment" };

	return (size_t)event < ELEMENTS(names) ? names[event] : "unknown";
}

static int change_hold(struct journal *journal, struct open_finding *finding,
		       enum journal_event event, uint64_t time, int severity, const char *text)
{
	return open_finding_hold_change(&journal->table, finding,
					&(struct journal_change_note){ .time = time,
								       .event = event,
								       .severity = severity,
								       .text = text ? text : "" });
}

int journal_note_change(struct journal *journal, struct open_finding *finding,
			enum journal_event event, const struct journal_input *input)
{
	return change_hold(journal, finding, event, input->time, input->severity, input->because);
}

void journal_note_closing(struct journal *journal, struct open_finding *finding,
			  const struct journal_input *input)
{
	finding->closing.quiet = input->closing.quiet;
	finding->closing.when = input->closing.when;
	/* The last one that did it is the one to be waited for. */
	if (input->closing.when && input->watched)
		(void)open_finding_hold_watched(&journal->table, finding,
						input->watched(input->userdata));
}

/* Within the transaction that writes the finding. */
int journal_write_life(struct journal *journal, struct open_finding *finding, int64_t id)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < finding->change_count; i++) {
		const struct held_change *held = &finding->held_changes[i];
		const struct journal_change_note note = { .time = held->time,
							  .event = held->event,
							  .severity = held->severity,
							  .text = held->text };
		uint64_t number = finding->changes + i;

		r = store_set_change(&journal->store, id, number % JOURNAL_CHANGES, number, &note);
	}
	if (r == 0 && finding->watched)
		r = store_set_watched(&journal->store, id, finding->watched);
	return r;
}

/* The finding, when there is one of that uid: what is not known is no new one. */
static int change_find(struct journal *journal, const struct journal_change *change,
		       struct open_finding **ret)
{
	const struct journal_input input = { .uid = change->uid, .detector = "" };
	struct store_row row;
	int r;

	if (strlen(change->uid) >= JOURNAL_UID_SIZE)
		return -ENOENT;
	if (!open_table_find(&journal->table, change->uid)) {
		r = store_lookup(&journal->store, change->uid, &row);
		store_done(&journal->store);
		if (r <= 0)
			return r < 0 ? r : -ENOENT;
	}
	r = journal_find(journal, &input, ret);
	return r < 0 ? r : 0;
}

static int change_render(struct journal *journal, struct open_finding *finding,
			 const struct journal_change *change)
{
	struct journal_entry entry = journal_entry_before(journal, finding);
	const char *document;
	int r;

	if (change->severity)
		entry.severity = change->severity;
	else
		entry.life = change->life;
	document = entry.document ? change->document(&entry, change->userdata) : NULL;
	store_done(&journal->store);
	if (!document)
		return -ENOMEM;
	r = strlen(document) <= JOURNAL_DOCUMENT_MAX
		    ? open_finding_hold_document(&journal->table, finding, document)
		    : -E2BIG;
	return r;
}

int journal_change(struct journal *journal, const struct journal_change *change,
		   struct journal_entry *ret_entry)
{
	static const enum journal_event events[] = { [JOURNAL_LIFE_OPEN] = JOURNAL_REOPENING,
						     [JOURNAL_LIFE_SUPPRESSED] =
							     JOURNAL_SUPPRESSING,
						     [JOURNAL_LIFE_CLOSED] = JOURNAL_CLOSING };
	struct open_finding *finding;
	int r = change_find(journal, change, &finding);

	if (r < 0)
		return r;
	if (change->severity ? finding->life == JOURNAL_LIFE_CLOSED : finding->life == change->life)
		return -EALREADY;
	r = change_render(journal, finding, change);
	if (r < 0)
		return r;
	if (change->severity) {
		finding->severity = change->severity;
	} else {
		finding->life = change->life;
		finding->told_life = true;
	}
	(void)change_hold(journal, finding,
			  change->severity ? JOURNAL_SEVERITY : events[change->life], change->time,
			  finding->severity, change->text);
	open_table_mark(&journal->table, finding);
	open_table_set_due(&journal->table, finding, true);
	if (ret_entry)
		*ret_entry = journal_entry_of(finding);
	/* What it says now, in memory of the caller's: the commit lets go of ours. */
	return journal->batch ? 0 : journal_commit_due(journal);
}
