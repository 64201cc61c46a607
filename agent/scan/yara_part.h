/* SPDX-License-Identifier: Apache-2.0
 *
 * A compilation is in parts, each with the rules that match only files of one beginning. What of a
 * text goes into a part, for yara_compile.c.
 */
#pragma once

#include "scan/yara_compile.h"

#define YARA_PARTS_BY_KEY_MAX  8
/* Includes in includes; libyara has the same limit. */
#define YARA_INCLUDE_DEPTH_MAX 16

/* Which rules of a text are compiled. */
struct yara_choice {
	bool all; /* whatever their key */
	uint32_t key;
};

struct yara_build {
	struct yara_compile *compile;
	uint32_t keys[YARA_PARTS_BY_KEY_MAX];
	size_t keys_count;
	uint64_t left_out;
	/* Of the text that is being compiled. */
	struct yara_text *top, *text;
	unsigned errors;
	bool isolating; /* errors leave rules out; else they only count */
	char *blank;	/* a copy of the text */
	size_t blank_size;
};

/* Which beginnings have a part of their own. */
int yara_part_keys(struct yara_build *build);
/* Into build->blank. Everything that is not between start and end is blank, and so are rules that
 * are not chosen, includes, and imports that nobody needs. */
int yara_part_cut(struct yara_build *build, const struct yara_text *text, struct yara_choice choice,
		  size_t start, size_t end);
bool yara_part_span_has(const char *text, struct yara_span span, const char *word, size_t length);
