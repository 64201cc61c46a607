/* SPDX-License-Identifier: Apache-2.0
 *
 * The chained hash of probes/table.h, over names in wire form in plain memory. The kernel side has
 * its own loop, over packets; a test holds the two together.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "base/domain_name.h"
#include "intel/cuckoo.h"

/* Takes a run (wire form of one label, or of the last two together) into the chain. */
static inline uint64_t domain_hash_run(uint64_t hash, const uint8_t *run, size_t length,
				       uint64_t multiplier)
{
	uint64_t word;
	size_t at = 0;

	for (; at + 8 <= length; at += 8) {
		memcpy(&word, run + at, 8);
		hash = table_mix(hash, word, multiplier);
	}
	if (at < length) {
		if (length >= 8) {
			memcpy(&word, run + length - 8, 8);
		} else {
			word = 0;
			memcpy(&word, run, length);
		}
		hash = table_mix(hash, word, multiplier);
	}
	return table_end(hash, length, multiplier);
}

/* Hashes of the suffixes of a name: ret[i] is that of its last i labels. */
struct domain_hashes {
	size_t labels; /* of the whole name */
	size_t walked; /* labels, from the right, that have a hash here */
	uint8_t starts[DOMAIN_NAME_LABELS];
	uint64_t of[TABLE_LABELS_MAX + 1];
};

/* Where the suffix of so many labels starts in the name's wire form. */
static inline size_t domain_hashes_start(const struct domain_hashes *hashes, size_t labels)
{
	return hashes->starts[hashes->labels - labels];
}

static inline void domain_hashes_compute(const struct domain_name *name,
					 const struct table_key *key, struct domain_hashes *ret)
{
	size_t end = name->length > 0 ? (size_t)name->length - 1 : 0;
	uint64_t hash = key->seed;

	ret->labels = domain_name_labels(name, ret->starts);
	ret->walked = ret->labels < TABLE_LABELS_MAX ? ret->labels : TABLE_LABELS_MAX;
	for (size_t labels = 1; labels <= ret->walked; labels++) {
		size_t start = domain_hashes_start(ret, labels);

		/* The second label's run holds the last label as well, so it starts anew. */
		hash = domain_hash_run(labels <= 2 ? key->seed : hash, name->wire + start,
				       end - start, key->multiplier);
		ret->of[labels] = hash;
		if (labels >= 2)
			end = start;
	}
}
