/* SPDX-License-Identifier: Apache-2.0
 *
 * The probes as their tests use them: loaded by the sensor, run over a packet at a time, and what
 * they said of it. Asserts inside: for cmocka tests only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/domain_name.h"
#include "packet_build.h"
#include "sensor/sensor.h"

struct pack;

/* Loads the smallest program there is. 0: tests may go on. Else what main() returns after a line
 * that says why: 77 (skipped), or 1 when CI is set, where a test that does not run is a failure. */
int probe_privilege(void);

/* Of each event that a packet led to. */
struct probe_event {
	enum event_kind kind;
	size_t answers; /* values in it */
	bool matched, blocked, unreadable;
	enum event_watch watch;
	const char *reason;
	struct domain_name qname;
};

#define PROBE_EVENTS_MAX 64

struct probe {
	struct sensor *sensor;
	int program; /* run: the first one of egress, unless the test puts ingress there */
	int ingress; /* the first one of ingress; not in replay */
	size_t count;
	struct probe_event events[PROBE_EVENTS_MAX];
};

enum probe_verdict {
	PROBE_DROPPED = 0,
	PROBE_PASSED = 1,
};

/* Attaches nothing when options say replay. */
void probe_open(struct probe *probe, const struct sensor_options *options);
void probe_close(struct probe *probe);

/* Runs the packet through the egress programs; probe->events are then those of this packet. */
enum probe_verdict probe_run(struct probe *probe, const struct packet *packet);
/* The same; they stand behind those that were there. */
enum probe_verdict probe_run_more(struct probe *probe, const struct packet *packet);
/* The same; its records stay in the ring. */
enum probe_verdict probe_run_unread(struct probe *probe, const struct packet *packet);

/* Takes the programs away that the first one goes on to. */
void probe_tails_clear(struct probe *probe);
/* Whether the first program sees a packet's bytes here as it does when it is attached: kernels
 * before 6.13 do not set data and data_end for BPF_PROG_TEST_RUN. */
bool probe_sees_packet_memory(void);

struct ledger probe_ledger(struct probe *probe);

/* A list of names to block and one of names to allow (NULL: none), one a line, compiled; every line
 * has to be taken. The caller's to close. */
struct pack *probe_pack(const char *block, const char *allow);

/* A generator of its own for each test, so that a failure can be repeated. */
struct probe_random {
	uint64_t state;
};
unsigned probe_pick(struct probe_random *random, unsigned below);
