/* SPDX-License-Identifier: Apache-2.0
 *
 * YARA source text cut into its parts without understanding them: imports, includes, rules. Serves
 * two ends. A rule that does not compile can be left out while the lines of the others stay what
 * they are. And rules that can only match files which begin with two certain bytes (PE, ELF) are
 * told apart, so that no other file is searched for them.
 *
 * The text is whoever's wrote the rules. What is not understood stands as a rule, about which the
 * compiler has the last word.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A rule that may match any file. */
#define YARA_KEY_NONE UINT32_MAX

struct yara_span {
	size_t start, end; /* bytes of the text */
};

struct yara_rule_text {
	struct yara_span span, condition; /* condition: behind its colon, without the brace */
	struct yara_span name;
	unsigned line;
	uint32_t key; /* the two bytes that a file must begin with (first in the high byte), or
		       * YARA_KEY_NONE */
	bool global, left_out;
	bool broken;  /* it could not be cut: perhaps it is no rule at all */
	bool tangled; /* it names another rule, or another names it: they must stay together */
};

struct yara_directive {
	struct yara_span span, text; /* text: between the quotes */
	bool include;		     /* else an import */
};

struct yara_source {
	struct yara_rule_text *rules;
	size_t rules_count;
	struct yara_directive *directives;
	size_t directives_count;
};

/* Borrows nothing. 0 or -ENOMEM. */
int yara_source_read(const char *text, size_t size, struct yara_source *ret);
void yara_source_clear(struct yara_source *source);

/* The rule that stands in that line, or the next one before it; NULL: none. */
struct yara_rule_text *yara_source_rule_at(struct yara_source *source, unsigned line);
