/* SPDX-License-Identifier: Apache-2.0
 *
 * What answers teach: an innocent name that leads to a listed one, and the addresses that listed
 * names have, so that a later connection can be told by its name. Gets events from detect.c; gives
 * addresses to whoever puts them into the kernel. Whoever answers chooses names and addresses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "detect/finding.h"
#include "sensor/event.h"

struct learnt;
struct pack;
struct pack_match;

/* Addresses kept; the one that was learnt or met longest ago makes room. */
#define LEARNT_MAX 16384

/* How long an address counts: as long as the answer says, within these. A name that is used is
 * asked for again, and programs keep addresses longer than they should. */
#define LEARNT_TTL_MIN (60 * UINT64_C(1000000000))
#define LEARNT_TTL_MAX (24 * 3600 * UINT64_C(1000000000))

/* An address was learnt, or counts for longer: until expires, on the boot clock. indicator: the
 * entry that its name matched; borrowed. */
typedef void (*learnt_callback)(const struct address *address, uint64_t expires,
				const struct indicator *indicator, void *userdata);

struct learnt_statistics {
	uint64_t addresses; /* kept now */
	uint64_t learnt;    /* new ones, ever */
	uint64_t evicted;
};

int learnt_new(struct learnt **ret);
void learnt_free(struct learnt *learnt);
void learnt_listen(struct learnt *learnt, learnt_callback callback, void *userdata);
void learnt_statistics(const struct learnt *learnt, struct learnt_statistics *ret);

/* An answer: learns the addresses of a listed name, asked for or led to. True, with title, why,
 * entry and severity filled in, when a name that is not listed itself leads to a listed one. match
 * holds the entry. now: ns since the epoch. */
bool learnt_answer(struct learnt *learnt, const struct event *event, const struct pack *pack,
		   uint64_t now, struct pack_match *match, struct finding *finding);

/* A connection to a learnt address: likewise true. One severity lower than the entry's, for others
 * may live at the address, too; where the flow itself names the name, that is a finding of its own.
 */
bool learnt_connection(struct learnt *learnt, const struct event *event, const struct pack *pack,
		       uint64_t now, struct pack_match *match, struct finding *finding);
