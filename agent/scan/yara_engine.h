/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled rule set, and the search of bytes with it, in a worker's cage. Nothing of libyara
 * shows here, so that another engine can stand in. The set is read once, in the process that forks
 * the workers; what a worker needs for itself is made by yara_engine_ready().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/yara_externals.h"

struct yara_engine;

int yara_engine_new(struct yara_engine **ret);
/* set: as yara_compile() wrote it; copied. -EBADMSG: it is none; -ENOMEM. */
int yara_engine_load(struct yara_engine *engine, const void *set, size_t size);
int yara_engine_ready(struct yara_engine *engine);

/* What a rule that matches says of itself; borrowed for the call. */
struct yara_hit {
	const char *rule, *namespace_, *reference, *description; /* "": none */
	unsigned severity;					 /* 1 to 5; 0: not said */
	uint64_t score;
};
/* 0, or what ends the search. */
typedef int (*yara_hit_met)(const struct yara_hit *hit, void *userdata);

struct yara_region {
	const uint8_t *bytes;
	uint64_t base;
	size_t size;
};

struct yara_search {
	const char *externals[YARA_EXTERNALS]; /* none is NULL */
	unsigned seconds;		       /* of time; 0: no limit */
	yara_hit_met met;
	void *userdata;
};

/* 0; -ETIMEDOUT; -ENOMEM; -EOVERFLOW: too many matches of one string; what met said; -EIO. */
int yara_engine_search(struct yara_engine *engine, const struct yara_search *search,
		       const uint8_t *bytes, size_t size);
/* The same in the memory of a process, piece by piece. next: fills ret, or returns false at the
 * end; what it gives must stay until it is called again. first: begins anew. */
struct yara_regions {
	void (*first)(void *userdata);
	bool (*next)(struct yara_region *ret, void *userdata);
	void *userdata;
};
int yara_engine_search_memory(struct yara_engine *engine, const struct yara_search *search,
			      const struct yara_regions *regions);

/* After a search that took long: which rule it was, by searching again with ever fewer of them. 1:
 * found; 0: no single one. Takes ten seconds or so. */
struct yara_blame {
	const char *rule, *namespace_;
	uint64_t time; /* ns, of a search with it alone, which was ended after a second */
};
int yara_engine_blame(struct yara_engine *engine, const struct yara_search *search,
		      const uint8_t *bytes, size_t size, struct yara_blame *ret);

uint64_t yara_engine_rules(const struct yara_engine *engine);
