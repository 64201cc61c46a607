/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the operators on texts: how their patterns are read, and how they compare. Used by match.c.
 * Patterns are whoever wrote the policy's, texts are an attacker's.
 */
#include "policy/match_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "policy/glance.h"
#include "policy/glob.h"
#include "policy/pattern.h"

#define PATTERN_MAX 512 /* bytes: no path or name that is compared is longer */

struct text_pattern {
	char *text; /* never empty */
	size_t length;
	struct pattern *regex;
	uint64_t number;
};

static int out_of_memory(struct document *document)
{
	(void)document_fail(document, NULL, "out of memory");
	return -ENOMEM;
}

static void text_lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
}

static int pattern_add(struct document *document, const struct document_node *node,
		       struct text_test *test, struct text_pattern **ret)
{
	const char *text = mapping_scalar(document, node, "text");
	struct text_pattern *patterns;

	if (!text)
		return -EINVAL;
	if (!*text || node->length > PATTERN_MAX)
		return document_fail(document, node, "expected 1 to %d bytes of text, found %zu",
				     PATTERN_MAX, node->length);
	patterns = reallocarray(test->patterns, test->count + 1, sizeof(*patterns));
	if (!patterns)
		return out_of_memory(document);
	test->patterns = patterns;
	patterns[test->count] =
		(struct text_pattern){ .text = strdup(text), .length = node->length };
	if (!patterns[test->count].text)
		return out_of_memory(document);
	*ret = &patterns[test->count++];
	return 0;
}

static int text_read(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	struct text_pattern *pattern;

	(void)key;
	return pattern_add(document, node, field, &pattern);
}

static int number_read(struct document *document, const struct document_node *node,
		       const struct mapping_key *key, void *field)
{
	struct text_pattern *pattern;
	int r = pattern_add(document, node, field, &pattern);

	(void)key;
	if (r == 0 && parse_u64(pattern->text, UINT64_MAX, &pattern->number) < 0)
		return mapping_expected(document, node, "a number");
	return r;
}

static int regex_read(struct document *document, const struct document_node *node,
		      const struct mapping_key *key, void *field)
{
	struct text_pattern *pattern;
	const char *why;
	int r = pattern_add(document, node, field, &pattern);

	(void)key;
	if (r < 0)
		return r;
	r = pattern_compile(pattern->text, &pattern->regex, &why);
	if (r == -EINVAL)
		return document_fail(document, node, "no regular expression: %s", why);
	return r == -ENOMEM ? out_of_memory(document) : r;
}

static int known_read(struct document *document, const struct document_node *node,
		      const struct mapping_key *key, void *field)
{
	struct text_tests *tests = field;

	tests->known_asked = true;
	return mapping_boolean(document, node, key, &tests->known);
}

static int texts_read(struct document *document, const struct document_node *node,
		      const struct mapping_key *key, void *field)
{
	return mapping_each(document, node, text_read, key, field);
}

static int numbers_read(struct document *document, const struct document_node *node,
			const struct mapping_key *key, void *field)
{
	return number_read(document, node, key, field);
}

static int regexes_read(struct document *document, const struct document_node *node,
			const struct mapping_key *key, void *field)
{
	return mapping_each(document, node, regex_read, key, field);
}

#define SCHEMA_TEXTS                                                                               \
	"{\"oneOf\":[{\"$ref\":\"#/$defs/text\"},"                                                 \
	"{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/$defs/text\"}}]}"
#define TEST(operator) offsetof(struct text_tests, tests[operator])
static const struct mapping_key operator_keys[] = {
	{ "is", texts_read, .offset = TEST(TEXT_IS), .schema = SCHEMA_TEXTS },
	{ "prefix", texts_read, .offset = TEST(TEXT_PREFIX), .schema = SCHEMA_TEXTS },
	{ "suffix", texts_read, .offset = TEST(TEXT_SUFFIX), .schema = SCHEMA_TEXTS },
	{ "contains", texts_read, .offset = TEST(TEXT_CONTAINS), .schema = SCHEMA_TEXTS },
	{ "glob", texts_read, .offset = TEST(TEXT_GLOB), .schema = SCHEMA_TEXTS },
	{ "regex", regexes_read, .offset = TEST(TEXT_REGEX), .schema = SCHEMA_TEXTS },
	{ "min", numbers_read, .offset = TEST(TEXT_MIN), .schema = "{\"type\":\"integer\"}" },
	{ "max", numbers_read, .offset = TEST(TEXT_MAX), .schema = "{\"type\":\"integer\"}" },
	{ "known", known_read, .schema = "{\"type\":\"boolean\"}" },
};
const struct mapping_table text_tests_table = { "an operator", operator_keys,
						ELEMENTS(operator_keys) };

static void tests_lower(struct text_tests *tests)
{
	static const enum text_operator plain[] = { TEXT_IS, TEXT_PREFIX, TEXT_SUFFIX,
						    TEXT_CONTAINS, TEXT_GLOB };

	for (size_t i = 0; i < ELEMENTS(plain); i++)
		for (size_t j = 0; j < tests->tests[plain[i]].count; j++)
			text_lower(tests->tests[plain[i]].patterns[j].text);
}

int text_tests_read(struct document *document, const struct document_node *node, bool lower,
		    struct text_tests *ret)
{
	int r;

	*ret = (struct text_tests){ .lower = lower };
	if (!node->first)
		return document_fail(document, node, "operators expected, found none");
	r = mapping_read(document, node, &text_tests_table, ret);
	if (r == 0 && lower)
		tests_lower(ret);
	for (unsigned i = 0; i < TEXT_PATTERNS; i++)
		ret->asked |= (ret->tests[i].count > 0 ? 1u : 0u) << i;
	return r;
}

void text_tests_clear(struct text_tests *tests)
{
	for (size_t i = 0; i < ELEMENTS(tests->tests); i++) {
		for (size_t j = 0; j < tests->tests[i].count; j++) {
			free(tests->tests[i].patterns[j].text);
			pattern_free(tests->tests[i].patterns[j].regex);
		}
		free(tests->tests[i].patterns);
	}
	*tests = (struct text_tests){ 0 };
}

bool text_tests_presence_only(const struct text_tests *tests)
{
	return tests->asked == 0;
}

static bool pattern_passes(enum text_operator operator, const struct text_pattern * pattern,
			   const char *text)
{
	uint64_t number;
	size_t length;

	switch (operator) {
	case TEXT_IS:
		return strcmp(text, pattern->text) == 0;
	case TEXT_PREFIX:
		return strncmp(text, pattern->text, pattern->length) == 0;
	case TEXT_SUFFIX:
		length = strlen(text);
		return length >= pattern->length &&
		       strcmp(text + length - pattern->length, pattern->text) == 0;
	case TEXT_CONTAINS:
		return strstr(text, pattern->text);
	case TEXT_GLOB:
		return glob_match(pattern->text, text);
	case TEXT_REGEX:
		return pattern_search(pattern->regex, text, strlen(text));
	case TEXT_MIN:
		return parse_u64(text, UINT64_MAX, &number) == 0 && number >= pattern->number;
	case TEXT_MAX:
		return parse_u64(text, UINT64_MAX, &number) == 0 && number <= pattern->number;
	default:
		return false;
	}
}

static bool test_passes(enum text_operator operator, const struct text_test * test,
			const char *text)
{
	for (size_t i = 0; i < test->count; i++)
		if (pattern_passes(operator, & test->patterns[i], text))
			return true;
	return false;
}

bool text_tests_pass(const struct text_tests *tests, const char *text)
{
	for (unsigned asked = tests->asked; asked; asked &= asked - 1) {
		enum text_operator operator=(enum text_operator) __builtin_ctz(asked);

		if (!test_passes(operator, & tests->tests[operator], text))
			return false;
	}
	return true;
}

/* What all patterns of one operator need: any of them will do. */
static void test_glance(enum text_operator operator, const struct text_test * test,
			struct glance *glance)
{
	struct glance common = { 0 };

	for (size_t i = 0; i < test->count; i++) {
		const struct text_pattern *pattern = &test->patterns[i];
		struct glance one = { 0 };

		if (operator== TEXT_REGEX)
			pattern_glance(pattern->regex, &one);
		else if (operator== TEXT_GLOB)
			glance_add_glob(&one, pattern->text);
		else if (operator<= TEXT_CONTAINS)
			glance_add(&one, pattern->text, pattern->length);
		for (size_t j = 0; j < GLANCE_WORDS; j++)
			common.words[j] = i == 0 ? one.words[j] : common.words[j] & one.words[j];
	}
	for (size_t j = 0; j < GLANCE_WORDS; j++)
		glance->words[j] |= common.words[j];
}

void text_tests_glance(const struct text_tests *tests, struct glance *ret)
{
	*ret = (struct glance){ 0 };
	for (unsigned asked = tests->asked; asked; asked &= asked - 1) {
		enum text_operator operator=(enum text_operator) __builtin_ctz(asked);

		test_glance(operator, & tests->tests[operator], ret);
	}
}

size_t text_tests_count(const struct text_tests *tests, enum text_operator operator)
{
	return tests->tests[operator].count;
}

const char *text_tests_text(const struct text_tests *tests, enum text_operator operator, size_t i)
{
	return tests->tests[operator].patterns[i].text;
}
