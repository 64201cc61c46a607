/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/ledger.h"

#include "base/cleanup.h"
#include "probes/record.h"

_Static_assert((int)LEDGER_COUNTERS == (int)COUNTERS, "both sides count the same things");
_Static_assert((int)LEDGER_PROBES == (int)COUNTER_PROBES, "both sides have the same probes");
_Static_assert((int)LEDGER_FLOWS == (int)COUNTER_FLOWS, "both sides count the same of flows");
_Static_assert((int)LEDGER_TABLES == (int)COUNTER_TABLES, "both sides have the same tables");

static const char *const probe_names[] = {
	[LEDGER_EGRESS] = "egress",
	[LEDGER_INGRESS] = "ingress",
	[LEDGER_CONNECT] = "connect",
	[LEDGER_SEND] = "send",
};

static const char *const counter_names[] = {
	[LEDGER_CLEAN] = "clean",
	[LEDGER_ALLOWED] = "allowed",
	[LEDGER_MATCHED] = "matched",
	[LEDGER_OBSERVED] = "observed",
	[LEDGER_RESPONSE] = "response",
	[LEDGER_EMPTY] = "empty",
	[LEDGER_PARTIAL] = "partial",
	[LEDGER_UNREAD] = "unread",
	[LEDGER_MALFORMED] = "malformed",
	[LEDGER_FRAGMENT] = "fragment",
	[LEDGER_GAP] = "gap",
	[LEDGER_WATCHED] = "watched",
	[LEDGER_SUBMITTED] = "submitted",
	[LEDGER_RING_FULL] = "ring_full",
	[LEDGER_LIMITED] = "limited",
	[LEDGER_BLOCKED] = "blocked",
};

static const char *const flow_names[] = {
	[LEDGER_FLOW_TLS] = "tls",
	[LEDGER_FLOW_HTTP] = "http",
	[LEDGER_FLOW_QUIC] = "quic",
	[LEDGER_FLOW_OTHER] = "other",
	[LEDGER_FLOW_LATE] = "late",
	[LEDGER_FLOW_PIECES] = "pieces",
	[LEDGER_FLOW_SUBMITTED] = "submitted",
	[LEDGER_FLOW_RING_FULL] = "ring_full",
	[LEDGER_FLOW_LIMITED] = "limited",
	[LEDGER_FLOW_CUT] = "cut",
	[LEDGER_FLOW_CLEAN] = "clean",
	[LEDGER_FLOW_LISTED] = "listed",
};

const char *ledger_probe_name(enum ledger_probe probe)
{
	return (size_t)probe < ELEMENTS(probe_names) ? probe_names[probe] : "unknown";
}

const char *ledger_counter_name(enum ledger_counter counter)
{
	return (size_t)counter < ELEMENTS(counter_names) ? counter_names[counter] : "unknown";
}

const char *ledger_flow_name(enum ledger_flow counter)
{
	return (size_t)counter < ELEMENTS(flow_names) ? flow_names[counter] : "unknown";
}

uint64_t ledger_seen(const struct ledger *ledger, enum ledger_probe probe)
{
	uint64_t seen = 0;

	for (int i = 0; i < LEDGER_OUTCOMES; i++)
		seen += ledger->counters[probe][i];
	return seen;
}

uint64_t ledger_sum(const struct ledger *ledger, enum ledger_counter counter)
{
	uint64_t sum = 0;

	for (int probe = 0; probe < LEDGER_PROBES; probe++)
		sum += ledger->counters[probe][counter];
	return sum;
}

uint64_t ledger_flows_seen(const struct ledger *ledger)
{
	uint64_t seen = 0;

	for (int i = 0; i < LEDGER_FLOW_OUTCOMES; i++)
		seen += ledger->flows[i];
	return seen;
}

uint64_t ledger_submitted(const struct ledger *ledger)
{
	return ledger->flows[LEDGER_FLOW_SUBMITTED] + ledger_sum(ledger, LEDGER_SUBMITTED);
}

uint64_t ledger_lost(const struct ledger *ledger)
{
	return ledger->flows[LEDGER_FLOW_RING_FULL] + ledger->flows[LEDGER_FLOW_LIMITED] +
	       ledger_sum(ledger, LEDGER_RING_FULL);
}

bool ledger_balances(const struct ledger *ledger)
{
	const uint64_t *flows = ledger->flows;

	for (int probe = 0; probe < LEDGER_PROBES; probe++) {
		const uint64_t *counters = ledger->counters[probe];

		if (counters[LEDGER_MATCHED] + counters[LEDGER_OBSERVED] + counters[LEDGER_UNREAD] +
			    counters[LEDGER_MALFORMED] + counters[LEDGER_WATCHED] !=
		    counters[LEDGER_SUBMITTED] + counters[LEDGER_RING_FULL] +
			    counters[LEDGER_LIMITED])
			return false;
	}
	if (flows[LEDGER_FLOW_PIECES] != flows[LEDGER_FLOW_SUBMITTED] +
						 flows[LEDGER_FLOW_RING_FULL] +
						 flows[LEDGER_FLOW_LIMITED])
		return false;
	return ledger_submitted(ledger) == ledger->read + ledger->waiting &&
	       ledger->read == ledger->events + ledger->rejected;
}
