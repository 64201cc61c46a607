/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon says of itself: the reply to "status", and what `cordon status` shows. Takes a
 * struct that the daemon fills, gives JSON; touches nothing. Names of feeds and files in it are
 * from packs and configuration.
 *
 * {
 *   "version": "0.1.0", "mode": "audit" or "enforce",
 *   "mode_lock": "audit" or null, "pid": N,
 *   "started": "2026-11-21T02:24:05.123456Z", "uptime": SECONDS, "cgroup": PATH,
 *   "programs": [ { "name", "hook", "attached": BOOLEAN, "verified_instructions": N,
 *       "run_time_ns": N, "run_count": N } ],
 *   "pack": { "path", "loaded": BOOLEAN, "error": TEXT or null,
 *       and when it is loaded: "created", "age": SECONDS, "sha256", "never_block": BOOLEAN,
 *       "domains": N, "addresses": N, "hashes": N, "allows": N, "bytes": N, "table_bytes": N,
 *       "feed_count": N, "feeds": [ { "name", "entries": N } ] },     the first STATUS_FEEDS_MAX
 *   "policy": { "rules": N, "file_count": N, "files": [ PATH ] },     the first STATUS_FILES_MAX
 *   "ledger": { "balances": BOOLEAN,
 *       "probes": { "egress": { "seen": N, one key for each of ledger_counter_name() } },
 *       "flows": { "seen": N, one key for each of ledger_flow_name() },
 *       "read": N, "events": N, "rejected": N, "waiting": N, "table_missing": N,
 *       "process_notes": N, "process_failed": N, "unattended_passed": N },
 *   "pins": { "dir": PATH or null, "pinned": BOOLEAN, "error": TEXT or null,
 *       "taken_over": BOOLEAN,
 *       "unattended": null, or what happened until this daemon took over
 *           { "seconds": N, "blocked": N, "passed": N, "lost": N } },
 *   "settings": { KEY: TEXT },                 in force; those that count from a start on
 *   "settings_waiting": [ KEY ],               others in the file: for the next start
 *   "findings": { the members of struct journal_statistics, "excepted": N },
 *   "sinks": [ { "name", "delivered": N, "failed": N, "held": N,
 *       "error": TEXT or null } ],                                    of the last delivery
 *   "block": { the members of struct block_statistics },
 *   "cut": { the members of struct cut_statistics },
 *   "contain": { of host_cut.h },
 *   "workers": null, or { the members of struct pool_statistics, "user", "reason": TEXT or null,
 *       of the last one that was replaced, "table": { the members of struct
 *       flow_table_statistics }, "processes": [ { "pid": N, "uid": N } ],
 *       "cage": [ { "layer", "purpose", "on": BOOLEAN, "error": TEXT or null } ] },  of the first
 *   "answers": { "addresses": N, "learnt": N, "evicted": N,           of listed names
 *       "names": N, "names_evicted": N },                             seen with public addresses
 *   "deliveries": null, or { "dropped": N,     findings that sinks of AWS will not hear of
 *       "reports": [ { "name", "delivered": N, "failed": N, "error": TEXT or null } ],
 *       "preflight": { "running": BOOLEAN, "runs": N, "time": TEXT or null, "calls": [ { "call",
 *           "used_by", "state": "allowed", "denied", "open" or "untried", "found": TEXT,
 *           "statement": {...}, of a policy, where it is denied } ] },
 *       "log": null, or { "delivered": N, "dropped": N, "waiting": N, "error": TEXT or null },
 *       "sinks": [ { "name", "delivered": N, "failed": N, "waiting": N, "bytes": N, "oldest":
 *           SECONDS, "poison": N, set aside, "paused": SECONDS, "error": TEXT or null } ],
 *       "process": null, or { "pid", "uid", "user", "replaced": N, "reason": TEXT or null, "calls",
 *           "succeeded", "retries", "throttled", "clock_skew_ms", "held": N, "cage": [ as above,
 *           without purpose ] } },
 *   "isolation": null, or { "state", "phase", "uid", "started", "instance", "reason", "finding",
 *       "note": TEXT or null, "original_groups": { INTERFACE: GROUPS },
 *       "released_unless_confirmed_by": TIME or null, "end": "stop", "terminate" or null,
 *       "ready": null, or { "ready": BOOL or null, "why", "time", "runs": N },
 *       "quarantine_security_group": TEXT or null },
 *   "control": { the members of struct control_statistics },
 *   "tables": [ { "name", "capacity": N, "entries": N, "evicted": N } ],    in the kernel
 *   "memory": { "rss": BYTES, "maps": BYTES, "table": BYTES },
 *   "cpu": { "user_us": N, "system_us": N },
 *   "problems": [ { "problem": TEXT, "count": N, "remedy": TEXT } ]   empty: all is fine
 * }
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/config.h"
#include "daemon/control.h"
#include "detect/detect.h"
#include "intel/pack.h"
#include "journal/journal.h"
#include "report/sink.h"
#include "response/block.h"
#include "response/cut.h"
#include "scan/flow_table.h"
#include "scan/pool.h"
#include "sensor/ledger.h"
#include "sensor/sensor.h"

/* So that the reply stays far below a frame (CHANNEL_FRAME_MAX): what is over is counted only. */
#define STATUS_FEEDS_MAX 128
#define STATUS_FILES_MAX 64
#define STATUS_TEXT_MAX	 256 /* bytes of a name or path, escaped; longer ones are cut */

/* Strings are borrowed, none is NULL unless said here. */
struct status {
	const char *version;
	bool enforce;
	pid_t pid;
	uint64_t now, started; /* ns since the epoch */
	const char *cgroup;    /* that the probes are attached to */

	struct sensor_program programs[SENSOR_PROGRAMS_MAX];
	size_t program_count;
	struct sensor_table tables[LEDGER_TABLES];
	size_t table_count;
	struct ledger ledger;
	struct sensor_pins pins;
	uint64_t ring_full_before; /* of the ledger's: lost under daemons before */

	const char *pack_path;
	const char *pack_error;	 /* why the last one was refused; NULL: it was not */
	const struct pack *pack; /* in force; NULL: none */

	const char *const *policy_files;
	size_t policy_file_count;
	uint64_t policy_rules;

	const struct config *config; /* in force */
	uint64_t config_waiting;     /* config_keep_fixed() */

	struct journal_statistics findings;
	uint64_t excepted; /* sightings that an exception of the policy kept back */
	struct sink_statistics sinks[SINK_TYPES_MAX];
	size_t sink_count;
	struct block_statistics block;
	struct cut_statistics cut;
	struct detect_statistics detect;
	struct control_statistics control;

	struct pool_statistics pool;
	struct flow_table_statistics flows;
	struct pool_cage cages[POOL_WORKERS_MAX];
	size_t cage_count;
	const char *worker_user; /* NULL: there are no workers */
	const char *worker_reason;

	json_t *feeds;	    /* borrowed; NULL: there is no folder for them */
	json_t *deliveries; /* borrowed; NULL: no sink of AWS is configured */
	json_t *contain;    /* borrowed */
	json_t *isolation;  /* borrowed; NULL: there is none */
	uint64_t deliveries_failing, deliveries_dropped, deliveries_poison;

	uint64_t rss, maps, table; /* bytes */
	uint64_t cpu_user_us, cpu_system_us;
};

/* Fills pid, now, rss and the CPU times from the system. */
void status_measure(struct status *status);

/* What there is to say of workers; borrows texts of the pool. */
void status_workers(struct status *status, const struct pool *pool, const struct flow_table *flows);

/* A new reference, or NULL when memory is short. */
json_t *status_json(const struct status *status);

/* status_problems.c: what is wrong, [ { "problem", "count", "remedy" } ]. A new reference, or NULL
 * without memory. */
json_t *status_problems(const struct status *status);
