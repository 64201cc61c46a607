/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of STIX 2.1 (section 9): comparisons of one property with a value, and those that are
 * alternatives (OR, IN). Of several hashes of one file one is enough. What else holds only together
 * with something else (AND, FOLLOWEDBY, WITHIN, REPEATS), other operators and other properties are
 * told, not guessed.
 *
 * A pattern is read whole before any of it is taken: one that is not valid gives nothing.
 */
#include "intel/list_document.h"

#include <string.h>

#include "base/cleanup.h"

/* Parentheses and brackets in each other; feeds have two. */
#define DEPTH_MAX 8
/* Alternatives of one pattern: more do not fit in its bytes, but for very short ones. */
#define TERMS_MAX 1024

struct property {
	const char *path; /* without quotes */
	unsigned kinds;	  /* 0: a URL */
};

/* What kind of value dst_ref.value is; by itself it says nothing. */
#define TRAFFIC_TYPE  "network-traffic:dst_ref.type"
#define TRAFFIC_VALUE "network-traffic:dst_ref.value"

static const struct property properties[] = {
	{ "domain-name:value", LIST_KIND(INDICATOR_DOMAIN) },
	{ "ipv4-addr:value", LIST_KIND(INDICATOR_ADDRESS) },
	{ "ipv6-addr:value", LIST_KIND(INDICATOR_ADDRESS) },
	{ TRAFFIC_VALUE, LIST_KIND(INDICATOR_DOMAIN) | LIST_KIND(INDICATOR_ADDRESS) },
	{ TRAFFIC_TYPE, 0 },
	{ "url:value", 0 },
	{ "file:hashes.MD5", LIST_KIND(INDICATOR_HASH) },
	{ "file:hashes.SHA-1", LIST_KIND(INDICATOR_HASH) },
	{ "file:hashes.SHA1", LIST_KIND(INDICATOR_HASH) },
	{ "file:hashes.SHA-256", LIST_KIND(INDICATOR_HASH) },
	{ "file:hashes.SHA256", LIST_KIND(INDICATOR_HASH) },
};

struct term {
	const struct property *property; /* NULL: another one */
	bool usable;			 /* an operator and a literal that we match by */
	uint32_t group;			 /* 0: stands alone; else the terms that hold together */
	struct span text;		 /* of the literal, escapes in it */
};

struct pattern {
	struct span rest;
	unsigned depth;
	size_t count;
	uint32_t groups;
	struct term terms[TERMS_MAX];
};

static void blanks_skip(struct pattern *pattern)
{
	while (pattern->rest.size > 0 &&
	       (span_blank(pattern->rest.text[0]) || pattern->rest.text[0] == '\n'))
		pattern->rest = span_from(pattern->rest, 1);
}

static bool mark_take(struct pattern *pattern, const char *mark)
{
	blanks_skip(pattern);
	if (!span_starts(pattern->rest, mark))
		return false;
	pattern->rest = span_from(pattern->rest, strlen(mark));
	return true;
}

static bool word_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* A keyword, which are in upper case. */
static bool word_take(struct pattern *pattern, const char *word)
{
	size_t size = strlen(word);

	blanks_skip(pattern);
	if (!span_starts(pattern->rest, word) ||
	    (pattern->rest.size > size && word_character(pattern->rest.text[size])))
		return false;
	pattern->rest = span_from(pattern->rest, size);
	return true;
}

/* 'text', with \' and \\ in it. */
static bool string_take(struct pattern *pattern, struct span *ret)
{
	size_t i = 0;

	if (!mark_take(pattern, "'"))
		return false;
	while (i < pattern->rest.size && pattern->rest.text[i] != '\'')
		i += pattern->rest.text[i] == '\\' ? 2 : 1;
	if (i >= pattern->rest.size)
		return false;
	*ret = (struct span){ pattern->rest.text, i };
	pattern->rest = span_from(pattern->rest, i + 1);
	return true;
}

/* A string, or another literal: h'ff', b'AA==', t'2027-...', a number, true. */
static bool literal_take(struct pattern *pattern, struct span *ret, bool *ret_string)
{
	size_t i = 0;

	blanks_skip(pattern);
	*ret_string = span_starts(pattern->rest, "'");
	if (*ret_string)
		return string_take(pattern, ret);
	if (pattern->rest.size > 1 && pattern->rest.text[1] == '\'' &&
	    memchr("hbt", pattern->rest.text[0], 3)) {
		pattern->rest = span_from(pattern->rest, 1);
		return string_take(pattern, ret);
	}
	while (i < pattern->rest.size &&
	       (word_character(pattern->rest.text[i]) || memchr("+-.", pattern->rest.text[i], 3)))
		i++;
	*ret = (struct span){ pattern->rest.text, i };
	pattern->rest = span_from(pattern->rest, i);
	return i > 0;
}

/* "file:hashes.'SHA-256'": to the end of the path, quotes left out. The longest that we know is
 * far shorter than out; what does not fit is another one. */
static bool path_take(struct pattern *pattern, const struct property **ret)
{
	char path[64];
	size_t used = 0, i = 0;
	bool quoted = false, colon = false, index = false;

	blanks_skip(pattern);
	for (; i < pattern->rest.size; i++) {
		char c = pattern->rest.text[i];

		if (c == '\'')
			quoted = !quoted;
		else if (!quoted && !word_character(c) && !memchr("-:.*", c, 4) &&
			 !(c == '[' && used > 0 && !index) && !(c == ']' && index))
			break;
		/* "list[*]": any other bracket closes the observation. */
		index = c == '[' || (index && c != ']');
		colon |= c == ':';
		if (c != '\'' && used < sizeof(path) - 1)
			path[used++] = c;
	}
	path[used] = '\0';
	pattern->rest = span_from(pattern->rest, i);
	*ret = NULL;
	for (size_t k = 0; k < ELEMENTS(properties); k++)
		if (strcmp(path, properties[k].path) == 0)
			*ret = &properties[k];
	return colon && !quoted;
}

static bool term_add(struct pattern *pattern, const struct term *term)
{
	if (pattern->count == TERMS_MAX)
		return false;
	pattern->terms[pattern->count++] = *term;
	return true;
}

static bool set_take(struct pattern *pattern, struct term *term)
{
	bool string;

	if (!mark_take(pattern, "("))
		return false;
	do {
		bool usable = term->usable;

		if (!literal_take(pattern, &term->text, &string))
			return false;
		term->usable = usable && string;
		if (!term_add(pattern, term))
			return false;
		term->usable = usable;
	} while (mark_take(pattern, ","));
	return mark_take(pattern, ")");
}

/* The operators that are not equality: true when one was there. */
static bool other_operator_take(struct pattern *pattern)
{
	static const char *const marks[] = { "!=", "<>", "<=", ">=", "<", ">" };
	static const char *const words[] = { "LIKE", "MATCHES", "ISSUPERSET" };

	for (size_t i = 0; i < ELEMENTS(marks); i++)
		if (mark_take(pattern, marks[i]))
			return true;
	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (word_take(pattern, words[i]))
			return true;
	return false;
}

static bool comparison_take(struct pattern *pattern)
{
	struct term term = { .usable = true };
	bool string, address;

	if (word_take(pattern, "EXISTS")) {
		term.usable = false;
		return path_take(pattern, &term.property) && term_add(pattern, &term);
	}
	if (!path_take(pattern, &term.property))
		return false;
	address = term.property && term.property->kinds == LIST_KIND(INDICATOR_ADDRESS);
	term.usable = !word_take(pattern, "NOT");
	if (word_take(pattern, "IN"))
		return set_take(pattern, &term);
	if (word_take(pattern, "ISSUBSET"))
		term.usable &= address;
	else if (other_operator_take(pattern))
		term.usable = false;
	else if (!mark_take(pattern, "==") && !mark_take(pattern, "="))
		return false;
	if (!literal_take(pattern, &term.text, &string))
		return false;
	term.usable &= string;
	return term_add(pattern, &term);
}

/* The terms from the first on hold only together. */
static void terms_group(struct pattern *pattern, size_t first)
{
	pattern->groups++;
	for (size_t i = first; i < pattern->count; i++)
		pattern->terms[i].group = pattern->groups;
}

/* Two hashes of one file are of the same file: the longest says as much as all of them. */
static bool terms_are_hashes(const struct pattern *pattern, size_t first, size_t *ret_best)
{
	*ret_best = first;
	for (size_t i = first; i < pattern->count; i++) {
		const struct term *term = &pattern->terms[i];

		if (!term->property || term->property->kinds != LIST_KIND(INDICATOR_HASH) ||
		    !term->usable || term->group)
			return false;
		if (term->text.size > pattern->terms[*ret_best].text.size)
			*ret_best = i;
	}
	return true;
}

/* "dst_ref.type = 'ipv4-addr' AND dst_ref.value = '192.0.2.1'", in any order. */
static bool terms_are_traffic(const struct pattern *pattern, size_t first, size_t *ret_value)
{
	static const char *const types[] = { "ipv4-addr", "ipv6-addr", "domain-name" };
	const struct term *terms = &pattern->terms[first];
	size_t type =
		terms[0].property && strcmp(terms[0].property->path, TRAFFIC_TYPE) == 0 ? 0 : 1;
	bool known = false;

	if (pattern->count - first != 2 || !terms[type].property || !terms[!type].property ||
	    !terms[0].usable || !terms[1].usable ||
	    strcmp(terms[type].property->path, TRAFFIC_TYPE) != 0 ||
	    strcmp(terms[!type].property->path, TRAFFIC_VALUE) != 0)
		return false;
	for (size_t i = 0; i < ELEMENTS(types); i++)
		known |= span_is(terms[type].text, types[i]);
	*ret_value = first + !type;
	return known;
}

/* What holds together is one term where one of them says all of it. */
static void terms_together(struct pattern *pattern, size_t first, bool plain)
{
	size_t kept;

	if (!plain || (!terms_are_hashes(pattern, first, &kept) &&
		       !terms_are_traffic(pattern, first, &kept))) {
		terms_group(pattern, first);
		return;
	}
	pattern->terms[first] = pattern->terms[kept];
	pattern->count = first + 1;
}

static bool alternatives_take(struct pattern *pattern, bool inside);

/* One comparison, or several in parentheses; outside of the brackets: an observation. */
static bool operand_take(struct pattern *pattern, bool inside)
{
	bool good, group = mark_take(pattern, "(");

	if (!group && inside)
		return comparison_take(pattern);
	if (!group && !mark_take(pattern, "["))
		return false;
	if (pattern->depth == DEPTH_MAX)
		return false;
	pattern->depth++;
	good = alternatives_take(pattern, inside || !group) &&
	       mark_take(pattern, group ? ")" : "]");
	pattern->depth--;
	return good;
}

struct qualifier {
	const char *word, *unit;
	bool second; /* a literal behind the unit, too */
};

/* "WITHIN 5 SECONDS", "REPEATS 3 TIMES", "START t'...' STOP t'...'", any number of them: 1 when
 * there were some, -1 when they are not valid. */
static int qualifiers_take(struct pattern *pattern)
{
	static const struct qualifier qualifiers[] = {
		{ "WITHIN", "SECONDS", false },
		{ "REPEATS", "TIMES", false },
		{ "START", "STOP", true },
	};
	struct span literal;
	bool string;
	int any = 0;

	for (size_t i = 0; i < ELEMENTS(qualifiers); i++) {
		if (!word_take(pattern, qualifiers[i].word))
			continue;
		if (!literal_take(pattern, &literal, &string) ||
		    !word_take(pattern, qualifiers[i].unit) ||
		    (qualifiers[i].second && !literal_take(pattern, &literal, &string)))
			return -1;
		any = 1;
		/* In any order. */
		i = (size_t)-1;
	}
	return any;
}

/* Operands that hold only together are one group. */
static bool conjunction_take(struct pattern *pattern, bool inside)
{
	size_t first = pattern->count, operands = 0;
	bool together = false;
	int qualified;

	for (;;) {
		if (!operand_take(pattern, inside))
			return false;
		operands++;
		qualified = inside ? 0 : qualifiers_take(pattern);
		if (qualified < 0)
			return false;
		together |= qualified > 0;
		if (!word_take(pattern, "AND") && (inside || !word_take(pattern, "FOLLOWEDBY")))
			break;
		together = true;
	}
	/* Of one object, and without alternatives in it. */
	if (together)
		terms_together(pattern, first, inside && pattern->count - first == operands);
	return true;
}

static bool alternatives_take(struct pattern *pattern, bool inside)
{
	do
		if (!conjunction_take(pattern, inside))
			return false;
	while (word_take(pattern, "OR"));
	return true;
}

/* The literal without its escapes. */
static bool literal_read(struct span text, char *out, size_t size, struct span *ret)
{
	size_t used = 0;

	for (size_t i = 0; i < text.size; i++) {
		if (text.text[i] == '\\')
			i++;
		if (used == size)
			return false;
		out[used++] = text.text[i];
	}
	*ret = (struct span){ out, used };
	return true;
}

static void term_tell(struct list_reader *reader, const struct term *term,
		      const struct list_attributes *attributes)
{
	char buffer[LIST_TEXT_SIZE];
	struct span value;

	if (!term->property || strcmp(term->property->path, TRAFFIC_TYPE) == 0)
		list_reader_reject(reader, LIST_UNSUPPORTED_TYPE, term->text);
	else if (!term->usable)
		list_reader_reject(reader, LIST_UNSUPPORTED_RULE, term->text);
	else if (!literal_read(term->text, buffer, sizeof(buffer), &value))
		list_reader_reject(reader, LIST_VALUE_TOO_LONG, term->text);
	else if (term->property->kinds == 0)
		list_reader_url(reader, value, attributes);
	else
		list_reader_typed(reader, value, term->property->kinds, attributes);
}

void list_stix_pattern(struct list_reader *reader, struct span text,
		       const struct list_attributes *attributes)
{
	struct pattern pattern;
	uint32_t told = 0;

	pattern.rest = text;
	pattern.depth = 0;
	pattern.count = 0;
	pattern.groups = 0;
	if (!alternatives_take(&pattern, false) || (blanks_skip(&pattern), pattern.rest.size > 0)) {
		list_reader_reject(reader, LIST_BAD_PATTERN, text);
		return;
	}
	for (size_t i = 0; i < pattern.count; i++) {
		const struct term *term = &pattern.terms[i];

		if (term->group == 0) {
			term_tell(reader, term, attributes);
		} else if (term->group != told) {
			list_reader_reject(reader, LIST_COMBINED, text);
			told = term->group;
		}
	}
}
