/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes sightings for the journal: finds or makes the finding in memory, has its document rendered
 * when that is another one by now, and has it committed when nobody may go on before that. Used
 * by the daemon's pipeline; journal.c writes what is held here.
 */
#include "journal/journal_private.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

/* One more finding must fit into memory: the least recently used one with nothing to write goes. */
static int journal_make_room(struct journal *journal)
{
	struct open_finding *finding;

	if (journal->table.count < journal->table.max)
		return 0;
	for (int attempt = 0; attempt < 2; attempt++) {
		TAILQ_FOREACH(finding, &journal->table.by_use, by_use)
		if (!finding->dirty) {
			open_table_remove(&journal->table, finding);
			return 0;
		}
		if (journal->flush_failed || journal_flush(journal) < 0)
			break;
	}
	return journal->table.count < journal->table.max ? 0 : -ENOBUFS;
}

/* The finding in memory, from the file if need be: 1 when it is known, 0 when it is new. */
int journal_find(struct journal *journal, const struct journal_input *input,
		 struct open_finding **ret)
{
	struct open_finding *finding = open_table_find(&journal->table, input->uid);
	struct store_row row = { 0 };
	int known;

	*ret = finding;
	if (finding)
		return 1;
	known = journal_make_room(journal);
	if (known < 0)
		return known;
	known = store_lookup(&journal->store, input->uid, &row);
	if (known == -EBADMSG || known == -ESTALE)
		known = journal_replace(journal, known);
	if (known < 0)
		return known;
	finding =
		open_table_add(&journal->table, input->uid, known ? row.detector : input->detector);
	store_done(&journal->store);
	if (!finding)
		return -ENOMEM;
	if (known)
		open_table_set_row(&journal->table, finding, row.id);
	finding->first_seen = known ? row.first_seen : input->time;
	finding->last_seen = row.last_seen;
	finding->count = finding->told = row.count;
	finding->noted = row.noted;
	finding->sequence = row.sequence;
	finding->severity = known ? row.severity : input->severity;
	finding->state = known ? row.state : input->state;
	finding->fresh = !known;
	finding->life = known ? row.life : JOURNAL_LIFE_OPEN;
	finding->sinks = row.sinks;
	finding->closing.quiet = row.quiet;
	finding->closing.when = row.closing;
	finding->changes = row.changes;
	*ret = finding;
	return known;
}

/* The finding as the callbacks of journal_input see it, with the document that it has by now. */
struct journal_entry journal_entry_before(struct journal *journal,
					  const struct open_finding *finding)
{
	struct journal_entry entry = journal_entry_of(finding);

	if (!entry.document && finding->id)
		(void)store_get_document(&journal->store, finding->id, &entry.document);
	return entry;
}

/* Asks for the document of what the finding has become, and holds it. */
static int finding_render(struct journal *journal, struct open_finding *finding,
			  const struct journal_input *input, const char **ret_document)
{
	struct journal_entry entry = journal_entry_before(journal, finding);
	const char *document;
	int r;

	entry.severity = input->severity;
	entry.life = finding->life;
	document = input->document(&entry, input->userdata);
	store_done(&journal->store);
	if (!document)
		return -ENOMEM;
	if (strlen(document) > JOURNAL_DOCUMENT_MAX)
		return -E2BIG;
	r = open_finding_hold_document(&journal->table, finding, document);
	if (r < 0)
		return r;
	finding->severity = input->severity;
	finding->state = input->state;
	*ret_document = document;
	return 0;
}

static bool witness_known(const struct open_finding *finding, uint64_t witness)
{
	if (witness == 0 || finding->witness_count == JOURNAL_WITNESSES)
		return true;
	for (size_t i = 0; i < finding->witness_count; i++)
		if (finding->witnesses[i] == witness)
			return true;
	return false;
}

/* Asks for the document with what was seen this time in it, and holds it when it is another one.
 * One that cannot be held is let go: the finding is there without it. */
static void finding_amend(struct journal *journal, struct open_finding *finding,
			  const struct journal_input *input)
{
	struct journal_entry entry = journal_entry_before(journal, finding);
	const char *document = NULL;

	if (entry.document)
		document = input->amend(&entry, input->userdata);
	store_done(&journal->store);
	if (document && strlen(document) <= JOURNAL_DOCUMENT_MAX)
		(void)open_finding_hold_document(&journal->table, finding, document);
}

/* History may be missing a sighting when memory is short; the count is not. */
static void finding_note(struct journal *journal, struct open_finding *finding,
			 const struct journal_input *input)
{
	const char *summary = NULL;

	if (journal->limits.sightings > 0 && input->summary &&
	    finding->held_count < JOURNAL_SIGHTINGS_HELD)
		summary = input->summary(input->userdata);
	if (summary)
		(void)open_finding_hold_sighting(&journal->table, finding, input->time, summary);
}

/* Commits a finding that is new or raised before anything is done about it, or has it committed
 * with its batch. */
static int finding_record_now(struct journal *journal, struct open_finding *finding,
			      const char *document, int outcome, struct journal_entry *ret_entry)
{
	int r = 0;

	finding->told = finding->count;
	open_table_set_due(&journal->table, finding, true);
	if (!journal->batch)
		r = journal_commit_due(journal);
	if (r < 0)
		return r;
	if (ret_entry) {
		*ret_entry = journal_entry_of(finding);
		ret_entry->document = document;
		ret_entry->fresh = outcome == JOURNAL_NEW;
	}
	if (!journal->batch)
		journal_prune_in_time(journal);
	return outcome;
}

/* What the repeat (or first sighting) adds up to. */
static void finding_count(struct open_finding *finding, uint64_t time)
{
	finding->count++;
	if (time < finding->first_seen)
		finding->first_seen = time;
	if (time > finding->last_seen)
		finding->last_seen = time;
}

/* Whether the document must be rendered, because what it says has changed. One that waits already
 * is let go out first, so that a state that goes to and fro costs one rendering a flush. */
static bool finding_differs(const struct open_finding *finding, const struct journal_input *input)
{
	return !finding->document &&
	       (input->life != finding->life || input->severity != finding->severity ||
		input->state != finding->state);
}

/* What the sighting makes of the finding's life, before its document is rendered. */
static int finding_live(struct journal *journal, struct open_finding *finding,
			const struct journal_input *input, bool known)
{
	enum journal_life before = finding->life;

	finding->sinks = input->sinks;
	if (known && before == input->life && input->severity != finding->severity)
		return journal_note_change(journal, finding, JOURNAL_SEVERITY, input);
	if (known && before == input->life)
		return 0;
	finding->life = input->life;
	finding->told_life = known;
	if (known && before == JOURNAL_LIFE_CLOSED)
		return journal_note_change(journal, finding, JOURNAL_REOPENING, input);
	return journal_note_change(journal, finding,
				   input->life == JOURNAL_LIFE_SUPPRESSED ? JOURNAL_SUPPRESSING
									  : JOURNAL_OPENING,
				   input);
}

int journal_record(struct journal *journal, const struct journal_input *input,
		   struct journal_entry *ret_entry)
{
	struct open_finding *finding = NULL;
	enum journal_outcome outcome = JOURNAL_REPEATED;
	const char *document = NULL;
	int known, r = 0;

	journal->statistics.recorded++;
	known = strlen(input->uid) < JOURNAL_UID_SIZE ? journal_find(journal, input, &finding)
						      : -EINVAL;
	if (known < 0) {
		journal->statistics.failed++;
		return known;
	}
	if (!known)
		outcome = JOURNAL_NEW;
	else if (finding->life == JOURNAL_LIFE_CLOSED)
		outcome = JOURNAL_REOPENED;
	else if (input->severity > finding->severity)
		outcome = JOURNAL_RAISED;
	finding_count(finding, input->time);
	if (outcome != JOURNAL_REPEATED || finding_differs(finding, input)) {
		/* History may be missing a change when memory is short. */
		(void)finding_live(journal, finding, input, known);
		r = finding_render(journal, finding, input, &document);
	} else if (input->amend && !witness_known(finding, input->witness)) {
		finding_amend(journal, finding, input);
	}
	if (!witness_known(finding, input->witness))
		finding->witnesses[finding->witness_count++] = input->witness;
	if (!known && r < 0) {
		open_table_remove(&journal->table, finding);
		journal->statistics.failed++;
		return r;
	}
	journal_note_closing(journal, finding, input);
	finding_note(journal, finding, input);
	open_table_mark(&journal->table, finding);
	if (known)
		journal->statistics.repeated++;
	else
		journal->statistics.fresh++;
	if (document && outcome != JOURNAL_REPEATED)
		return finding_record_now(journal, finding, document, (int)outcome, ret_entry);
	if (ret_entry)
		*ret_entry = journal_entry_of(finding);
	return JOURNAL_REPEATED;
}
