/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the cutting of YARA source text. Gets it from rule_compiler.c, in a worker's cage, and its
 * tokens from yara_lexer.c.
 */
#include "scan/yara_source.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/yara_lexer.h"

/* Tokens of one condition that are looked at; a longer one is not told apart. */
#define CONDITION_TOKENS_MAX 4096

/* ---- what a condition demands of a file's first bytes ---- */

struct condition {
	const struct yara_lexer *lexer;
	const struct yara_token *tokens;
	size_t count;
};

static bool condition_is(const struct condition *condition, size_t at, const char *text)
{
	return at < condition->count &&
	       yara_lexer_is(condition->lexer, &condition->tokens[at], text);
}

/* uint16(0) == 0x5A4D and its sisters, as all of the tokens. */
static uint32_t key_of_comparison(const struct condition *condition)
{
	static const struct {
		const char *name;
		unsigned bytes;
		bool big;
	} functions[] = { { "uint16", 2, false },
			  { "uint32", 4, false },
			  { "uint16be", 2, true },
			  { "uint32be", 4, true } };
	const struct yara_token *number = &condition->tokens[5];
	char digits[20] = "", *end;
	unsigned long value;

	if (condition->count != 6 || !condition_is(condition, 1, "(") ||
	    !condition_is(condition, 2, "0") || !condition_is(condition, 3, ")") ||
	    !condition_is(condition, 4, "==") || number->kind != YARA_TOKEN_NUMBER ||
	    number->end - number->start >= sizeof(digits))
		return YARA_KEY_NONE;
	memcpy(digits, condition->lexer->text + number->start, number->end - number->start);
	/* A leading zero is no octal number in YARA. */
	value = strtoul(digits, &end, digits[0] == '0' && digits[1] == 'x' ? 16 : 10);
	if (*end)
		return YARA_KEY_NONE;
	for (size_t i = 0; i < ELEMENTS(functions); i++) {
		if (!condition_is(condition, 0, functions[i].name))
			continue;
		if (value >> (8 * functions[i].bytes - 1) > 1)
			return YARA_KEY_NONE;
		if (functions[i].big)
			return (uint32_t)(value >> (8 * functions[i].bytes - 16)) & 0xffff;
		return (uint32_t)((value & 0xff) << 8 | (value >> 8 & 0xff));
	}
	return YARA_KEY_NONE;
}

/* Takes away parentheses around all of it. */
static void parentheses_strip(struct condition *condition)
{
	while (condition->count >= 2 && condition_is(condition, 0, "(")) {
		size_t depth = 0, i;

		for (i = 0; i < condition->count; i++) {
			depth += condition_is(condition, i, "(");
			if (condition_is(condition, i, ")") && --depth == 0)
				break;
		}
		if (i != condition->count - 1)
			return;
		condition->tokens++;
		condition->count -= 2;
	}
}

/* What holds of all files that the condition holds of. Only "or" binds weaker than "and"; with one
 * of them outside of parentheses, nothing is certain. */
static uint32_t key_of_condition(struct condition condition)
{
	size_t begin = 0, depth = 0;

	parentheses_strip(&condition);
	for (size_t i = 0; i < condition.count; i++) {
		depth += condition_is(&condition, i, "(");
		if (condition_is(&condition, i, ")") && depth-- == 0)
			return YARA_KEY_NONE;
		if (depth == 0 && condition_is(&condition, i, "or"))
			return YARA_KEY_NONE;
	}
	for (size_t i = 0; i <= condition.count; i++) {
		struct condition part = { condition.lexer, condition.tokens + begin, i - begin };
		uint32_t key;

		if (i < condition.count) {
			depth += condition_is(&condition, i, "(");
			depth -= condition_is(&condition, i, ")");
			if (depth > 0 || !condition_is(&condition, i, "and"))
				continue;
		}
		parentheses_strip(&part);
		key = part.count == 6 ? key_of_comparison(&part) : YARA_KEY_NONE;
		if (key != YARA_KEY_NONE)
			return key;
		begin = i + 1;
	}
	return YARA_KEY_NONE;
}

/* ---- parts ---- */

static int rule_place(struct yara_source *source, struct yara_rule_text **ret)
{
	if ((source->rules_count & (source->rules_count - 1)) == 0) {
		size_t room = source->rules_count ? source->rules_count * 2 : 1;
		struct yara_rule_text *rules = reallocarray(source->rules, room, sizeof(*rules));

		if (!rules)
			return -ENOMEM;
		source->rules = rules;
	}
	*ret = &source->rules[source->rules_count++];
	**ret = (struct yara_rule_text){ .key = YARA_KEY_NONE };
	return 0;
}

static int directive_add(struct yara_source *source, const struct yara_directive *directive)
{
	struct yara_directive *directives =
		reallocarray(source->directives, source->directives_count + 1, sizeof(*directives));

	if (!directives)
		return -ENOMEM;
	source->directives = directives;
	directives[source->directives_count++] = *directive;
	return 0;
}

/* Up to the brace that closes the rule's body; the lexer stands behind the one that opens it. In
 * the strings section a brace may also open a hexadecimal string. */
static bool body_read(struct yara_lexer *lexer, struct yara_rule_text *rule)
{
	struct yara_token before = { .kind = YARA_TOKEN_END };
	unsigned depth = 1;

	for (;;) {
		struct yara_token token = yara_lexer_next(lexer);

		if (token.kind == YARA_TOKEN_END || token.kind == YARA_TOKEN_BROKEN)
			return false;
		if (yara_lexer_is(lexer, &token, ":") &&
		    yara_lexer_is(lexer, &before, "condition") && depth == 1 &&
		    rule->condition.start == 0)
			rule->condition.start = token.end;
		depth += yara_lexer_is(lexer, &token, "{");
		if (yara_lexer_is(lexer, &token, "}") && --depth == 0) {
			rule->condition.end = token.start;
			rule->span.end = token.end;
			return rule->condition.start > 0;
		}
		before = token;
	}
}

/* Behind "rule": its name, tags, and body. */
static bool rule_read(struct yara_lexer *lexer, struct yara_rule_text *rule)
{
	struct yara_token token = yara_lexer_next(lexer);

	if (token.kind != YARA_TOKEN_WORD)
		return false;
	rule->name = (struct yara_span){ token.start, token.end };
	do {
		token = yara_lexer_next(lexer);
		if (token.kind != YARA_TOKEN_WORD && token.kind != YARA_TOKEN_SIGN)
			return false;
	} while (!yara_lexer_is(lexer, &token, "{"));
	return body_read(lexer, rule);
}

static void condition_key(const struct yara_lexer *lexer, struct yara_rule_text *rule,
			  struct yara_token *tokens)
{
	struct yara_lexer inner = { lexer->text, rule->condition.end, rule->condition.start, 1 };
	size_t count = 0;

	for (;;) {
		struct yara_token token = yara_lexer_next(&inner);

		if (token.kind == YARA_TOKEN_END)
			break;
		if (count == CONDITION_TOKENS_MAX)
			return;
		tokens[count++] = token;
	}
	rule->key = key_of_condition((struct condition){ &inner, tokens, count });
}

/* Where a line begins that looks like the next part; the end of the text when none does. */
static size_t part_find(const struct yara_lexer *lexer, size_t from, unsigned *line)
{
	static const char *const words[] = { "rule", "private", "global", "import", "include" };

	for (size_t at = from; at < lexer->size; at++) {
		size_t word;

		if (lexer->text[at] != '\n')
			continue;
		++*line;
		word = at + 1;
		while (yara_lexer_byte(lexer, word) == ' ' || yara_lexer_byte(lexer, word) == '\t')
			word++;
		for (size_t i = 0; i < ELEMENTS(words); i++) {
			size_t length = strlen(words[i]);

			if (lexer->size - word > length &&
			    memcmp(lexer->text + word, words[i], length) == 0 &&
			    !yara_lexer_word(lexer->text[word + length]))
				return at + 1;
		}
	}
	return lexer->size;
}

/* What is no rule stands as one, so that the compiler says what is wrong with it, and it alone is
 * left out. */
static int rule_broken(struct yara_lexer *lexer, struct yara_source *source,
		       struct yara_token first)
{
	struct yara_rule_text *rule;
	int r = rule_place(source, &rule);

	if (r < 0)
		return r;
	lexer->line = first.line;
	lexer->at = part_find(lexer, first.start, &lexer->line);
	rule->line = first.line;
	rule->broken = true;
	rule->span = (struct yara_span){ first.start, lexer->at };
	return 1;
}

static int directive_read(struct yara_lexer *lexer, struct yara_source *source,
			  struct yara_token first)
{
	struct yara_directive directive = { .include = yara_lexer_is(lexer, &first, "include") };
	struct yara_token token = yara_lexer_next(lexer);
	int r;

	if (token.kind != YARA_TOKEN_TEXT)
		return rule_broken(lexer, source, first);
	directive.span = (struct yara_span){ first.start, token.end };
	directive.text = (struct yara_span){ token.start + 1, token.end - 1 };
	r = directive_add(source, &directive);
	return r < 0 ? r : 1;
}

/* 1: goes on; 0: the end; -ENOMEM. */
static int part_read(struct yara_lexer *lexer, struct yara_source *source,
		     struct yara_token *tokens)
{
	struct yara_token token = yara_lexer_next(lexer), first = token;
	struct yara_rule_text rule = { .key = YARA_KEY_NONE }, *place;
	int r;

	if (token.kind == YARA_TOKEN_END)
		return 0;
	if (yara_lexer_is(lexer, &token, "import") || yara_lexer_is(lexer, &token, "include"))
		return directive_read(lexer, source, first);
	while (yara_lexer_is(lexer, &token, "global") || yara_lexer_is(lexer, &token, "private")) {
		rule.global |= yara_lexer_is(lexer, &token, "global");
		token = yara_lexer_next(lexer);
	}
	if (!yara_lexer_is(lexer, &token, "rule") || !rule_read(lexer, &rule))
		return rule_broken(lexer, source, first);
	r = rule_place(source, &place);
	if (r < 0)
		return r;
	rule.span.start = first.start;
	rule.line = first.line;
	*place = rule;
	condition_key(lexer, place, tokens);
	return 1;
}

/* ---- rules that name each other ---- */

struct name {
	const char *text;
	size_t length, rule;
};

static int name_compare(const void *a, const void *b)
{
	const struct name *left = a, *right = b;
	size_t length = left->length < right->length ? left->length : right->length;
	int r = memcmp(left->text, right->text, length);

	return r != 0 ? r : (left->length > right->length) - (left->length < right->length);
}

static void rule_tangle(struct yara_source *source, const char *text, const struct name *names,
			struct yara_rule_text *rule)
{
	struct yara_lexer lexer = { text, rule->condition.end, rule->condition.start, 1 };
	struct yara_token token;

	while ((token = yara_lexer_next(&lexer)).kind != YARA_TOKEN_END) {
		struct name key = { text + token.start, token.end - token.start, 0 };
		const struct name *found;

		if (token.kind == YARA_TOKEN_BROKEN)
			rule->tangled = true;
		if (token.kind != YARA_TOKEN_WORD)
			continue;
		/* A set of rules by a pattern, "any of (a*)", or a product; this costs little. */
		if (yara_lexer_byte(&lexer, token.end) == '*' &&
		    strchr(",) ", yara_lexer_byte(&lexer, token.end + 1)))
			for (size_t i = 0; i < source->rules_count; i++)
				source->rules[i].tangled = true;
		found = bsearch(&key, names, source->rules_count, sizeof(*names), name_compare);
		if (!found)
			continue;
		rule->tangled = true;
		source->rules[found->rule].tangled = true;
	}
}

static int rules_tangle(struct yara_source *source, const char *text)
{
	CLEANUP(free_cleanup) struct name *names = calloc(source->rules_count + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < source->rules_count; i++)
		names[i] =
			(struct name){ text + source->rules[i].name.start,
				       source->rules[i].name.end - source->rules[i].name.start, i };
	qsort(names, source->rules_count, sizeof(*names), name_compare);
	for (size_t i = 0; i < source->rules_count; i++)
		rule_tangle(source, text, names, &source->rules[i]);
	return 0;
}

int yara_source_read(const char *text, size_t size, struct yara_source *ret)
{
	CLEANUP(free_cleanup)
	struct yara_token *tokens = calloc(CONDITION_TOKENS_MAX, sizeof(*tokens));
	struct yara_lexer lexer = { text, size, 0, 1 };
	struct yara_source source = { 0 };
	int r;

	if (!tokens)
		return -ENOMEM;
	do
		r = part_read(&lexer, &source, tokens);
	while (r > 0);
	if (r == 0)
		r = rules_tangle(&source, text);
	if (r < 0) {
		yara_source_clear(&source);
		return r;
	}
	*ret = source;
	return 0;
}

void yara_source_clear(struct yara_source *source)
{
	free(source->rules);
	free(source->directives);
	*source = (struct yara_source){ 0 };
}

struct yara_rule_text *yara_source_rule_at(struct yara_source *source, unsigned line)
{
	struct yara_rule_text *found = NULL, *before = NULL;

	for (size_t i = 0; i < source->rules_count; i++) {
		if (source->rules[i].line > line || source->rules[i].left_out)
			continue;
		before = found;
		found = &source->rules[i];
	}
	/* A text that does not end in its line is told with the next. */
	return found && found->line == line && before && before->broken ? before : found;
}
