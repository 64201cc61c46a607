/* SPDX-License-Identifier: Apache-2.0
 *
 * What of the status is wrong, as a table: whoever adds a part of the status says here when it is
 * not well, and what to do then.
 */
#include <stdint.h>

#include "base/cleanup.h"
#include "daemon/config_fixed.h"
#include "daemon/status.h"

CLEANUP_DEFINE(json_t *, json_decref)

static uint64_t ring_full(const struct status *status)
{
	return ledger_lost(&status->ledger) - status->ring_full_before;
}

static uint64_t pins_missing(const struct status *status)
{
	return status->pins.error != NULL;
}

static uint64_t detached(const struct status *status)
{
	uint64_t count = 0;

	for (size_t i = 0; i < status->program_count; i++)
		count += !status->programs[i].attached;
	return count;
}

static uint64_t settings_wait(const struct status *status)
{
	uint64_t count = 0;

	for (size_t i = 0; config_fixed_name(i); i++)
		count += status->config_waiting >> i & 1;
	return count;
}

static uint64_t unbalanced(const struct status *status)
{
	return !ledger_balances(&status->ledger);
}

static uint64_t pack_missing(const struct status *status)
{
	return !status->pack;
}

static uint64_t pack_refused(const struct status *status)
{
	return status->pack && status->pack_error;
}

static uint64_t findings_lost(const struct status *status)
{
	return status->findings.failed;
}

static uint64_t journal_damaged(const struct status *status)
{
	return status->findings.damaged;
}

/* Deliveries, to sinks that failed the last time. */
static uint64_t sinks_failing(const struct status *status)
{
	uint64_t count = 0;

	for (size_t i = 0; i < status->sink_count; i++)
		if (status->sinks[i].error < 0)
			count += status->sinks[i].failed;
	return count;
}

static uint64_t block_failed(const struct status *status)
{
	return status->block.failed;
}

static uint64_t contain_problem(const struct status *status)
{
	return json_is_true(json_object_get(status->contain, "partial"));
}

static uint64_t contain_missing(const struct status *status)
{
	return status->enforce && json_is_false(json_object_get(status->contain, "available"));
}

static uint64_t workers_missing(const struct status *status)
{
	return !status->worker_user;
}

static uint64_t payload_unread(const struct status *status)
{
	return status->pool.dropped + status->pool.lost;
}

static uint64_t deliveries_failing(const struct status *status)
{
	return status->deliveries_failing;
}

static uint64_t deliveries_dropped(const struct status *status)
{
	return status->deliveries_dropped;
}

static uint64_t deliveries_poison(const struct status *status)
{
	return status->deliveries_poison;
}

/* What is wrong, how many times, and what to do. */
static const struct problem {
	uint64_t (*found)(const struct status *status); /* 0: all is well */
	const char *problem, *remedy;
} problems[] = {
	{ unbalanced, "the ledger does not balance",
	  "ask again; if it stays so, a probe miscounts: report it" },
	{ ring_full, "records lost because the ring buffer was full",
	  "raise sensor.ring_size, or find out who floods: cordon findings" },
	{ detached, "programs not attached", "see cordon doctor" },
	{ pins_missing, "nothing is pinned: nothing is blocked or seen while the daemon is down",
	  "see pins.error and cordon doctor, or set sensor.pin: no" },
	{ pack_missing, "no indicators are loaded", "cordon intel compile -o PACK LIST..." },
	{ pack_refused, "the last pack was refused, an older one is in force",
	  "see pack.error; compile it anew" },
	{ findings_lost, "findings could not be written to the journal",
	  "free disk space below state_dir" },
	{ journal_damaged, "a damaged journal was set aside",
	  "keep it as evidence; check the disk" },
	{ sinks_failing, "findings do not reach a sink; the journal has them",
	  "see sinks, error; what did not reach it: cordon findings" },
	{ deliveries_failing, "sinks of AWS cannot be reached; what they are owed waits",
	  "see deliveries: sinks, reports, preflight; cordon doctor" },
	{ deliveries_dropped, "findings will not reach sinks of AWS; the journal has them",
	  "see deliveries.sinks, error; raise report.outbox.max_entries or max_size" },
	{ deliveries_poison, "findings are refused by a sink of AWS, and set aside",
	  "see the log of cordond; they are tried again at its next start" },
	{ settings_wait, "settings in the file are others than those in force",
	  "see settings_waiting; they count from the next start on" },
	{ workers_missing, "no workers: what TLS, QUIC and HTTP name is not read",
	  "see the log of cordond: cordon-scan could not be run" },
	{ payload_unread, "payload that no worker read",
	  "workers.reason says why one was replaced; if they are too slow, raise scan.workers" },
	{ contain_problem, "the host is contained, but not all of it, or not as it should be",
	  "contain.problem says what" },
	{ contain_missing, "this host cannot be contained", "see the log of cordond" },
	{ block_failed, "programs could not be told that their lookup was blocked",
	  "give cordond CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_ADMIN and CAP_SYS_PTRACE" },
};

json_t *status_problems(const struct status *status)
{
	CLEANUP(json_decref_cleanup) json_t *array = json_array();

	for (size_t i = 0; i < ELEMENTS(problems) && array; i++) {
		uint64_t count = problems[i].found(status);

		if (count == 0)
			continue;
		if (json_array_append_new(array,
					  json_pack("{s:s, s:I, s:s}", "problem",
						    problems[i].problem, "count", (json_int_t)count,
						    "remedy", problems[i].remedy)) < 0)
			return NULL;
	}
	return take_ptr(array);
}
