/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a compiled expression: what pattern_compile.c makes, and pattern.c walks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/pattern.h"

enum pattern_kind {
	STEP_BYTE,	/* one byte of the set */
	STEP_SPLIT,	/* go on at both */
	STEP_JUMP,	/* go on at the first */
	STEP_BEGIN,	/* ^ */
	STEP_END,	/* $ */
	STEP_WORD_EDGE, /* \b */
	STEP_NO_EDGE,	/* \B */
	STEP_FOUND,
};

struct byte_set {
	uint64_t words[4];
};

/* Where it goes on is told relative to the step itself, so that a run of steps can be moved and
 * copied as it is. */
struct pattern_step {
	enum pattern_kind kind;
	int16_t first, second;
	uint16_t set; /* of STEP_BYTE: number of its set */
};

struct pattern {
	struct pattern_step *steps; /* within the same block of memory, as sets are */
	struct byte_set *sets;
	size_t count, sets_count;
	/* A match must begin with one of these bytes; not used when one may be empty, or depends on
	 * what stands before it. */
	struct byte_set begins;
	bool begins_known;
};

static inline bool byte_set_has(const struct byte_set *set, uint8_t byte)
{
	return set->words[byte / 64] >> (byte % 64) & 1;
}
