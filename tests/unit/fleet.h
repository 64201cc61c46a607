/* SPDX-License-Identifier: Apache-2.0
 *
 * A fleet of instances for tests: an isolation in each, one EC2 for all of them in memory, and a
 * clock that stands until the next thing happens. EC2 shows tags and groups some time after they
 * were set, as the real one does. An instance can be killed at any call and at any write, and
 * comes up again with what was on its disk.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "response/isolate.h"

#define FLEET_INTERFACES 2
#define FLEET_HISTORY	 8
/* Whom requests are to name, if anybody. */
#define FLEET_CULPRIT	 77
#define FLEET_START	 99

struct fleet;

struct fleet_value {
	uint64_t at;
	char text[160];
};

struct fleet_instance {
	struct fleet *fleet;
	char id[32];
	struct isolate *isolate;
	struct fleet_value groups[FLEET_INTERFACES][FLEET_HISTORY], mark[FLEET_HISTORY];
	/* The disk: what was saved last. */
	struct isolation_record disk;
	/* The call on its way. */
	char *call;
	uint64_t number, carried_at, answered_at;
	bool carried;
	char *reply;
	uint64_t wake_at;
	bool cut;
	uint64_t lifted_at;
	unsigned told[ISOLATE_NEWS];
	char told_uid[ISOLATE_NEWS][JOURNAL_UID_SIZE];
	unsigned writes, calls, snapshots, bundles, stopped, terminated;
	char bundle[JOURNAL_UID_SIZE];	  /* on its disk */
	bool held;			  /* the process behind it */
	bool protected;			  /* from termination */
	char confirmed[JOURNAL_UID_SIZE]; /* a tag */
	bool wrong;			  /* something that must never happen */
};

struct fleet {
	struct fleet_instance *instances;
	size_t count;
	uint64_t now;	       /* boot clock; the wall clock is START ahead */
	uint64_t lag, latency; /* ns, at most */
	uint64_t random;
	struct isolation_options options;
	/* The crash: the first instance dies at this write, or at this call before or after it was
	 * carried out; 0: never. */
	unsigned die_at_write, die_at_call;
	bool die_after;
	bool died, release;
	bool no_ec2; /* nobody answers */
};

void fleet_begin(struct fleet *fleet, size_t count, const struct isolation_options *options);
void fleet_end(struct fleet *fleet);
/* Until nothing happens before that time. */
void fleet_run(struct fleet *fleet, uint64_t until);
/* The groups that the interface has, whatever EC2 shows. */
const char *fleet_groups(const struct fleet_instance *instance, size_t interface);
