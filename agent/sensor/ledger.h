/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: what became of every message, connection and datagram that a probe saw. Each is
 * counted under exactly one outcome, so
 *
 *	seen = sum of outcomes                  for each probe
 *	matched + observed + unread + malformed + watched = submitted + ring_full + limited
 *	submitted = read + waiting in the ring
 *	read = events + rejected
 *
 * Beside that, what became of every new flow whose first bytes are looked at: each is counted under
 * exactly one outcome, and
 *
 *	seen = tls + http + quic + other
 *	pieces = submitted + ring_full + limited
 *
 * submitted being among the records of the equation above.
 *
 * With pinned maps all of it goes on where the last daemon left off, also when that was killed. The
 * kernel side's counters are in a pinned map. What user space counts is in one, too, written anew
 * at the end of each turn together with the place in the ring that it got to (pin_state.h): after
 * the findings are on disk, before the ring is told that its records are taken. Records that were
 * counted, but still stand in the ring, are not read a second time. Those that became findings, but
 * were not counted, are: the counts of these findings are too high then, the ledger's are not. When
 * a new version lays counters out differently, it begins with new ones, and what the old ones came
 * to is added (counters.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ledger_probe {
	LEDGER_EGRESS,
	LEDGER_INGRESS,
	LEDGER_CONNECT, /* connections begun: clean, allowed, matched, watched */
	LEDGER_SEND, /* datagrams without a connection, and packets of other protocols: likewise */
	LEDGER_PROBES,
};

/* Outcomes and what followed from them: names in ledger_counter_name(). The kernel side's record.h
 * has the same order. */
enum ledger_counter {
	/* outcomes of a message */
	LEDGER_CLEAN,	  /* a question whose name is not listed */
	LEDGER_ALLOWED,	  /* an allow entry overrode a block entry, or stood alone */
	LEDGER_MATCHED,	  /* a listed name */
	LEDGER_OBSERVED,  /* recorded for another reason: never-seen names, replay; answers that are
			   * for a listed name, lead on, lead inside, or are of an unusual shape */
	LEDGER_RESPONSE,  /* an answer: not looked at, or nothing but plain addresses */
	LEDGER_EMPTY,	  /* no payload (TCP's own segments) */
	LEDGER_PARTIAL,	  /* part of a message over TCP: kept until the rest comes */
	LEDGER_UNREAD,	  /* unusual: handed up whole to be read in user space */
	LEDGER_MALFORMED, /* no DNS message: truncated, or not DNS at all */
	LEDGER_FRAGMENT,  /* a later fragment: it has no ports and no question */
	LEDGER_GAP,	  /* bytes missing in a TCP stream: out of step until a new connection */
	LEDGER_WATCHED,	  /* not listed, but told: a foreign resolver, encrypted DNS */
	LEDGER_OUTCOMES,
	/* what followed */
	LEDGER_SUBMITTED = LEDGER_OUTCOMES, /* records written */
	LEDGER_RING_FULL,		    /* records that found no room: lost, but counted */
	LEDGER_LIMITED,			    /* not recorded: never-seen names or answers over
					     * the rate, the same datagram or watched connection
					     * told of lately, or a tail call that failed */
	LEDGER_BLOCKED,			    /* packets dropped, connections refused */
	LEDGER_COUNTERS,
};

enum ledger_flow {
	/* outcomes of a flow */
	LEDGER_FLOW_TLS, /* begins like it; whether it is, user space finds out */
	LEDGER_FLOW_HTTP,
	LEDGER_FLOW_QUIC,
	LEDGER_FLOW_OTHER, /* TCP that begins with none of these: not handed up, unless LATE */
	LEDGER_FLOW_OUTCOMES,
	/* what followed */
	LEDGER_FLOW_LATE = LEDGER_FLOW_OUTCOMES, /* of other: TLS or HTTP after something else */
	LEDGER_FLOW_PIECES,			 /* parts of flows that were wanted */
	LEDGER_FLOW_SUBMITTED,			 /* records written */
	LEDGER_FLOW_RING_FULL,			 /* lost, but counted */
	LEDGER_FLOW_LIMITED, /* lost: half of the ring was full, and the rest is for matches */
	LEDGER_FLOW_CUT,     /* packets dropped of flows that were cut */
	LEDGER_FLOW_CLEAN,   /* names that were read in the kernel, and are not listed */
	LEDGER_FLOW_LISTED,  /* names that were, and are */
	LEDGER_FLOWS,
};

/* Tables of the kernel side whose least recently used entries make room for new ones. */
enum ledger_table {
	LEDGER_TABLE_PROCESSES, /* what was noted of each */
	LEDGER_TABLE_LEARNT,	/* addresses that listed names resolved to */
	LEDGER_TABLE_TOLD,	/* what was told lately, so that it is not told again */
	LEDGER_TABLE_DATAGRAMS, /* flows of QUIC */
	LEDGER_TABLE_CUTS,	/* sockets that may send nothing more */
	LEDGER_TABLE_NAMES,	/* names seen before, where never-seen ones are recorded */
	LEDGER_TABLES,
};

struct ledger {
	uint64_t counters[LEDGER_PROBES][LEDGER_COUNTERS];
	uint64_t flows[LEDGER_FLOWS];
	uint64_t table_missing; /* packets seen while no table was loaded; counted as clean, too */
	/* user space */
	uint64_t read;	   /* records taken from the ring */
	uint64_t events;   /* that became events */
	uint64_t rejected; /* that did not: malformed, and not a question after all */
	uint64_t waiting;  /* records in the ring by now, not read yet */
	uint64_t process_notes, process_failed; /* processes noted in the kernel; map full or odd */
	uint64_t unattended_passed; /* would have been refused, but nobody attended for too long */
	uint64_t tables[LEDGER_TABLES]; /* entries put in, less those taken out again */
};

const char *ledger_probe_name(enum ledger_probe probe);
const char *ledger_counter_name(enum ledger_counter counter);
const char *ledger_flow_name(enum ledger_flow counter);

/* Sum of the outcomes of one probe. */
uint64_t ledger_seen(const struct ledger *ledger, enum ledger_probe probe);
/* One counter over all probes. */
uint64_t ledger_sum(const struct ledger *ledger, enum ledger_counter counter);
uint64_t ledger_flows_seen(const struct ledger *ledger);
/* Records that the kernel side wrote, and those that were lost because there was no room. */
uint64_t ledger_submitted(const struct ledger *ledger);
uint64_t ledger_lost(const struct ledger *ledger);
/* Whether the equations hold (the ring quiet, or waiting exact). */
bool ledger_balances(const struct ledger *ledger);
