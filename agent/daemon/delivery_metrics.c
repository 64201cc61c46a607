/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon says of itself once a minute, as metrics: that it lives, what it saw, and what
 * waits. Counts are those since the line before, so that they can be added up over hosts.
 */
#include "base/clock.h"
#include "base/cleanup.h"
#include "daemon/agent.h"
#include "daemon/file_guard.h"
#include "daemon/isolation_private.h"
#include "report/emf.h"

static uint64_t since(uint64_t *before, uint64_t now)
{
	uint64_t difference = now > *before ? now - *before : 0;

	*before = now;
	return difference;
}

static uint64_t events_seen(const struct ledger *ledger)
{
	uint64_t seen = 0;

	for (int probe = 0; probe < LEDGER_PROBES; probe++)
		seen += ledger_seen(ledger, (enum ledger_probe)probe);
	return seen;
}

/* Seconds from a time to now; 0: there is none. */
static uint64_t age(uint64_t now, uint64_t time)
{
	return time && now > time ? (now - time) / NS_PER_SECOND : 0;
}

/* From the swap on, until it is released. */
static bool is_isolated(const struct agent *agent)
{
	return agent->isolation &&
	       isolation_is_admitted(isolate_record(agent->isolation->isolate)->state);
}

static char *text_make(struct agent *agent, bool form, const struct outbox_statistics *owed,
		       const struct ledger *ledger, const struct pack_info *pack,
		       const struct file_guard_counts *files)
{
	struct delivery_counted *before = &agent->counted;
	const uint64_t *found = agent->found;
	uint64_t now = clock_realtime();
	char why[ISOLATION_NOTE_SIZE];
	const struct emf_metric metrics[] = {
		{ "Heartbeat", "Count", 1 },
		{ "FindingsCritical", "Count",
		  since(&before->found[SEVERITY_CRITICAL], found[SEVERITY_CRITICAL]) },
		{ "FindingsHigh", "Count",
		  since(&before->found[SEVERITY_HIGH], found[SEVERITY_HIGH]) },
		{ "FindingsMedium", "Count",
		  since(&before->found[SEVERITY_MEDIUM], found[SEVERITY_MEDIUM]) },
		{ "FindingsLow", "Count",
		  since(&before->found[SEVERITY_LOW], found[SEVERITY_LOW]) },
		{ "FindingsInformational", "Count",
		  since(&before->found[SEVERITY_INFORMATIONAL], found[SEVERITY_INFORMATIONAL]) },
		{ "EventsSeen", "Count", since(&before->seen, events_seen(ledger)) },
		{ "EventsMatched", "Count",
		  since(&before->matched, ledger_sum(ledger, LEDGER_MATCHED)) },
		{ "EventsBlocked", "Count",
		  since(&before->blocked, ledger_sum(ledger, LEDGER_BLOCKED)) },
		{ "EventsLost", "Count",
		  since(&before->lost, ledger_sum(ledger, LEDGER_RING_FULL)) },
		{ "FilesScanned", "Count", since(&before->files_scanned, files->scanned) },
		{ "FilesMatched", "Count", since(&before->files_matched, files->matched) },
		{ "FilesMissed", "Count", since(&before->files_missed, files->missed) },
		{ "PackAge", "Seconds", age(now, pack->created * NS_PER_SECOND) },
		{ "IsolationNotReady", "Count", !isolation_ready(agent, why, sizeof(why)) },
		{ "Isolated", "Count", is_isolated(agent) },
		{ "Contained", "Count", agent->contain && contain_on(agent->contain) },
		{ "OutboxWaiting", "Count", owed->waiting },
		{ "OutboxAge", "Seconds", age(now, owed->oldest) },
	};

	if (form)
		return emf_form(now, metrics, ELEMENTS(metrics));
	return emf_line(now, agent->host.instance_id, metrics, ELEMENTS(metrics));
}

char *delivery_metrics(struct agent *agent, bool form)
{
	struct outbox_statistics owed = { 0 };
	struct pack_info pack = { 0 };
	struct ledger ledger = { 0 };
	struct file_guard_counts files;

	file_guard_counts(agent, &files);
	(void)outbox_statistics(agent->journal, 0, &owed);
	(void)sensor_ledger(agent->sensor, &ledger);
	if (agent->pack)
		pack_info(agent->pack, &pack);
	return text_make(agent, form, &owed, &ledger, &pack, &files);
}
