/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rule asks of a text beyond the plain form of its key:
 *
 *   exe: { prefix: /opt/, suffix: [.sh, .py] }   # all keys must hold; of a list, any
 *   domain: { regex: "^[a-z0-9]{24,}\\." }
 *   container: { known: yes }
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/mapping.h"

enum text_operator {
	TEXT_IS,
	TEXT_PREFIX,
	TEXT_SUFFIX,
	TEXT_CONTAINS,
	TEXT_GLOB,
	TEXT_REGEX,
	TEXT_MIN, /* a number, and at least so much */
	TEXT_MAX,
	TEXT_PATTERNS, /* how many have patterns */
	TEXT_KNOWN = TEXT_PATTERNS,
	TEXT_OPERATORS,
};

struct text_pattern;

struct text_test {
	struct text_pattern *patterns; /* any of them */
	size_t count;
};

struct text_tests {
	struct text_test tests[TEXT_PATTERNS]; /* all that have patterns */
	unsigned asked;			       /* bit n: operator n has patterns */
	bool known_asked, known;
	bool lower; /* what is compared is in lower case: patterns are made so */
};

/* Reads the mapping; 0 or the first error. ret is owned by the caller also on failure. */
int text_tests_read(struct document *document, const struct document_node *node, bool lower,
		    struct text_tests *ret);
void text_tests_clear(struct text_tests *tests);

/* Whether only presence is asked for. */
bool text_tests_presence_only(const struct text_tests *tests);
/* Whether this text passes; presence is the caller's to look at. */
/* What a text must have in it to pass. */
struct glance;
void text_tests_glance(const struct text_tests *tests, struct glance *ret);
bool text_tests_pass(const struct text_tests *tests, const char *text);
/* The patterns of an operator: how many, and each. */
size_t text_tests_count(const struct text_tests *tests, enum text_operator operator);
const char *text_tests_text(const struct text_tests *tests, enum text_operator operator, size_t i);

/* The operators, for the schema. */
extern const struct mapping_table text_tests_table;
