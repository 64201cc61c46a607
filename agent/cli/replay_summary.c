/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay_summary.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#include "base/cleanup.h"

void replay_summary_add(struct replay_summary *summary, const struct capture_counters *counters)
{
	summary->files++;
	summary->capture.frames += counters->frames;
	summary->capture.packets += counters->packets;
	summary->capture.other += counters->other;
	summary->capture.broken += counters->broken;
	summary->capture.skipped += counters->skipped;
	summary->capture.cut += counters->cut;
	summary->capture.tunnel += counters->tunnel;
}

static uint64_t both_probes(const struct ledger *ledger, enum ledger_counter counter)
{
	return ledger->counters[LEDGER_EGRESS][counter] + ledger->counters[LEDGER_INGRESS][counter];
}

struct row {
	const char *key, *text;
	uint64_t value;
	bool always; /* told in text even when it is zero */
};

#define ROWS_MAX 24

static size_t rows_fill(const struct replay_summary *summary, struct row rows[static ROWS_MAX])
{
	const struct capture_counters *capture = &summary->capture;
	const struct ledger *ledger = &summary->ledger;
	uint64_t seen = ledger_seen(ledger, LEDGER_EGRESS) + ledger_seen(ledger, LEDGER_INGRESS);
	const struct row all[] = {
		{ "files", "files", summary->files, true },
		{ "damaged_files", "damaged files, read up to the damage", summary->damaged_files,
		  false },
		{ "frames", "frames", capture->frames, true },
		{ "packets", "IP packets", capture->packets, true },
		{ "other", "frames of other protocols", capture->other, false },
		{ "broken", "frames whose headers are cut off or nonsense", capture->broken,
		  false },
		{ "skipped", "frames of a link type that is not read", capture->skipped, false },
		{ "cut", "packets that were not recorded whole", capture->cut, false },
		{ "tunnel", "packets in tunnels, not looked into", capture->tunnel, false },
		{ "failed", "packets that the probes could not be run on", summary->failed, false },
		{ "messages", "packets to or from DNS ports, or parts of such", seen, true },
		{ "fragment", "IP fragments without a question",
		  both_probes(ledger, LEDGER_FRAGMENT), false },
		{ "partial", "TCP segments that end within a message, kept until the rest came",
		  both_probes(ledger, LEDGER_PARTIAL), false },
		{ "gap", "TCP segments after a gap in the stream", both_probes(ledger, LEDGER_GAP),
		  false },
		{ "unread", "unusual messages, read in user space",
		  both_probes(ledger, LEDGER_UNREAD) + both_probes(ledger, LEDGER_MALFORMED),
		  false },
		{ "unreadable", "messages without a readable question", summary->unreadable,
		  false },
		{ "rejected", "records that made no event", ledger->rejected, false },
		{ "lost", "records lost",
		  both_probes(ledger, LEDGER_RING_FULL) + both_probes(ledger, LEDGER_LIMITED),
		  false },
		{ "questions", "questions", summary->questions, true },
		{ "unread_flows", "flows over which a worker was lost", summary->unread_flows,
		  false },
		{ "excepted", "sightings excepted by the policy", summary->excepted, false },
		{ "unkept", "sightings of findings beyond what is kept", summary->unkept, false },
		{ "findings", "findings", summary->findings, true },
	};

	_Static_assert(ELEMENTS(all) <= ROWS_MAX, "the rows fit");
	for (size_t i = 0; i < ELEMENTS(all); i++)
		rows[i] = all[i];
	return ELEMENTS(all);
}

static int json_print(const struct row *rows, size_t count, bool balanced, FILE *out)
{
	CLEANUP(free_cleanup) char *line = NULL;
	json_t *object = json_object();
	bool failed = !object;

	for (size_t i = 0; i < count && !failed; i++)
		failed = json_object_set_new(object, rows[i].key,
					     json_integer((json_int_t)rows[i].value)) < 0;
	failed = failed || json_object_set_new(object, "balanced", json_boolean(balanced)) < 0;
	line = failed ? NULL : json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	if (!line)
		return -ENOMEM;
	(void)fprintf(out, "%s\n", line);
	return 0;
}

int replay_summary_print(const struct replay_summary *summary, bool json, FILE *out)
{
	struct row rows[ROWS_MAX];
	size_t count = rows_fill(summary, rows);
	bool balanced = ledger_balances(&summary->ledger);

	if (json)
		return json_print(rows, count, balanced, out);
	for (size_t i = 0; i < count; i++)
		if (rows[i].always || rows[i].value > 0)
			(void)fprintf(out, "%10" PRIu64 "  %s\n", rows[i].value, rows[i].text);
	if (!balanced)
		(void)fputs("The counters do not add up: this is an error in cordon.\n", out);
	return 0;
}
