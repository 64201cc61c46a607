/* SPDX-License-Identifier: Apache-2.0
 *
 * A regular expression while it is read: what pattern_compile.c (its steps) and pattern_bytes.c
 * (what one byte may be) share.
 */
#pragma once

#include <stdbool.h>

#include "policy/pattern_step.h"

struct pattern_reader {
	const char *at;
	struct pattern *pattern;
	const char *why; /* of the first error; NULL: none */
	bool fold;	 /* case */
	unsigned depth;
};

/* -EINVAL; the first reason counts. */
int pattern_fail(struct pattern_reader *reader, const char *why);

void byte_set_add(struct byte_set *set, unsigned byte);
void byte_set_add_range(struct byte_set *set, unsigned first, unsigned last);
/* Both cases of the letters in it. */
void byte_set_fold(struct byte_set *set);
/* \d and others; false: it is none. */
bool byte_set_add_escape(struct byte_set *set, char letter);
/* The byte that an escape stands for, after its backslash. */
int pattern_escape_byte(struct pattern_reader *reader);
/* After the "[". */
int pattern_bracket_read(struct pattern_reader *reader, struct byte_set *set);
