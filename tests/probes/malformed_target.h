/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets through the probes under several settings, each held against the strict parser. Asserts
 * inside: for cmocka tests only.
 */
#pragma once

#include "match_reference.h"
#include "probe_run.h"
#include "strict_parser.h"

/* What is listed: evil.test and a.b.c.deep.test to be dropped, kept.test to be seen only;
 * good.evil.test is allowed. */
#define TARGET_ENTRIES 4

/* The same probes under other settings. */
enum target_kind {
	TARGET_AUDIT,
	TARGET_ENFORCE,
	TARGET_LIVE, /* enforce as it runs on a host: answers are not read, clean names not told */
	TARGETS,
};

struct target {
	struct probe probe;
	struct strict_rules rules;
	bool enforce;
};

struct targets {
	struct probe_random random;
	struct match_entry entries[TARGET_ENTRIES];
	struct match_reference reference;
	struct target each[TARGETS];
	char *cgroup;			  /* of the live one: nobody is in it */
	uint32_t client;		  /* of the last packet */
	size_t outcomes[LEDGER_OUTCOMES]; /* of all packets so far */
};

enum shape {
	SHAPE_UDP,
	SHAPE_ANSWER, /* from a resolver */
	SHAPE_TCP,
	SHAPES,
};

/* cmocka setup and teardown: *state is a struct targets. */
int targets_open(void **state);
int targets_close(void **state);

/* The pack they have: the caller's to close. */
struct pack *targets_pack(void);

/* Runs the packet through each of them. Verdict, outcomes, records and matches have to be what the
 * strict parser says. */
void targets_run(struct targets *targets, const struct packet *packet);
/* Ledgers balance, and nothing was lost. */
void targets_check(struct targets *targets);

/* Streams are told apart by address and port: each packet is the first of its own. */
struct flow targets_flow(struct targets *targets, bool answer);
/* A query for the name in that shape. */
void targets_packet(struct targets *targets, struct packet *packet, enum shape shape,
		    enum packet_ip ip, const char *name);

/* A query for the name; over TCP, behind its length. */
void targets_query(struct message *message, const char *name);
void targets_stream(struct message *stream, const char *name);
