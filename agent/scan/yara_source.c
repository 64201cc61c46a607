/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the cutting of YARA source text. Gets it from rule_compile.c, in a worker's cage. The lexer
 * follows libyara's: comments, texts with escapes, regular expressions, hexadecimal strings.
 */
#include "scan/yara_source.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Tokens of one condition that are looked at; a longer one is not told apart. */
#define CONDITION_TOKENS_MAX 4096

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* identifier or keyword */
	TOKEN_STRING, /* $a, #a, @a, !a, with what follows */
	TOKEN_NUMBER,
	TOKEN_TEXT,
	TOKEN_REGEX,
	TOKEN_SIGN, /* one character, or == */
	TOKEN_BROKEN,
};

struct token {
	enum token_kind kind;
	size_t start, end;
	unsigned line;
};

struct lexer {
	const char *text;
	size_t size, at;
	unsigned line;
};

static bool word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static char byte_at(const struct lexer *lexer, size_t at)
{
	return at < lexer->size ? lexer->text[at] : '\0';
}

static void blank_skip(struct lexer *lexer)
{
	while (lexer->at < lexer->size) {
		char c = lexer->text[lexer->at], next = byte_at(lexer, lexer->at + 1);

		if (c == '/' && next == '/') {
			while (lexer->at < lexer->size && lexer->text[lexer->at] != '\n')
				lexer->at++;
		} else if (c == '/' && next == '*') {
			lexer->at += 2;
			while (lexer->at < lexer->size && !(lexer->text[lexer->at] == '*' &&
							    byte_at(lexer, lexer->at + 1) == '/'))
				lexer->line += lexer->text[lexer->at++] == '\n';
			lexer->at += 2;
		} else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			lexer->line += c == '\n';
			lexer->at++;
		} else {
			return;
		}
	}
}

/* Up to the closing mark, over escapes. False: the line or the text ended before. */
static bool quoted_skip(struct lexer *lexer, char mark)
{
	for (lexer->at++; lexer->at < lexer->size; lexer->at++) {
		char c = lexer->text[lexer->at];

		if (c == '\n')
			return false;
		if (c == '\\')
			lexer->at++;
		if (c == mark) {
			lexer->at++;
			return true;
		}
	}
	return false;
}

static enum token_kind token_scan(struct lexer *lexer)
{
	char c = lexer->text[lexer->at];

	if (c == '"')
		return quoted_skip(lexer, '"') ? TOKEN_TEXT : TOKEN_BROKEN;
	/* Division is a backslash, so this can be nothing else. */
	if (c == '/')
		return quoted_skip(lexer, '/') ? TOKEN_REGEX : TOKEN_BROKEN;
	if (isdigit((unsigned char)c)) {
		while (word_byte(byte_at(lexer, lexer->at)))
			lexer->at++;
		return TOKEN_NUMBER;
	}
	if (word_byte(c)) {
		while (word_byte(byte_at(lexer, lexer->at)))
			lexer->at++;
		return TOKEN_WORD;
	}
	lexer->at++;
	if (c == '$' || ((c == '#' || c == '@' || c == '!') && byte_at(lexer, lexer->at) != '=' &&
			 word_byte(byte_at(lexer, lexer->at)))) {
		while (word_byte(byte_at(lexer, lexer->at)) || byte_at(lexer, lexer->at) == '*')
			lexer->at++;
		return TOKEN_STRING;
	}
	if (c == '=' && byte_at(lexer, lexer->at) == '=')
		lexer->at++;
	return TOKEN_SIGN;
}

static struct token token_next(struct lexer *lexer)
{
	struct token token;

	blank_skip(lexer);
	token = (struct token){ TOKEN_END, lexer->at, lexer->at, lexer->line };
	if (lexer->at >= lexer->size)
		return token;
	token.kind = token_scan(lexer);
	if (lexer->at > lexer->size)
		lexer->at = lexer->size;
	token.end = lexer->at;
	return token;
}

static bool token_is(const struct lexer *lexer, const struct token *token, const char *text)
{
	size_t length = strlen(text);

	return token->end - token->start == length &&
	       memcmp(lexer->text + token->start, text, length) == 0;
}

/* ---- what a condition demands of a file's first bytes ---- */

struct condition {
	const struct lexer *lexer;
	const struct token *tokens;
	size_t count;
};

static bool condition_is(const struct condition *condition, size_t at, const char *text)
{
	return at < condition->count && token_is(condition->lexer, &condition->tokens[at], text);
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
	const struct token *number = &condition->tokens[5];
	char digits[20] = "", *end;
	unsigned long value;

	if (condition->count != 6 || !condition_is(condition, 1, "(") ||
	    !condition_is(condition, 2, "0") || !condition_is(condition, 3, ")") ||
	    !condition_is(condition, 4, "==") || number->kind != TOKEN_NUMBER ||
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
static bool body_read(struct lexer *lexer, struct yara_rule_text *rule)
{
	struct token before = { .kind = TOKEN_END };
	unsigned depth = 1;

	for (;;) {
		struct token token = token_next(lexer);

		if (token.kind == TOKEN_END || token.kind == TOKEN_BROKEN)
			return false;
		if (token_is(lexer, &token, ":") && token_is(lexer, &before, "condition") &&
		    depth == 1 && rule->condition.start == 0)
			rule->condition.start = token.end;
		depth += token_is(lexer, &token, "{");
		if (token_is(lexer, &token, "}") && --depth == 0) {
			rule->condition.end = token.start;
			rule->span.end = token.end;
			return rule->condition.start > 0;
		}
		before = token;
	}
}

/* Behind "rule": its name, tags, and body. */
static bool rule_read(struct lexer *lexer, struct yara_rule_text *rule)
{
	struct token token = token_next(lexer);

	if (token.kind != TOKEN_WORD)
		return false;
	rule->name = (struct yara_span){ token.start, token.end };
	do {
		token = token_next(lexer);
		if (token.kind != TOKEN_WORD && token.kind != TOKEN_SIGN)
			return false;
	} while (!token_is(lexer, &token, "{"));
	return body_read(lexer, rule);
}

static void condition_key(const struct lexer *lexer, struct yara_rule_text *rule,
			  struct token *tokens)
{
	struct lexer inner = { lexer->text, rule->condition.end, rule->condition.start, 1 };
	size_t count = 0;

	for (;;) {
		struct token token = token_next(&inner);

		if (token.kind == TOKEN_END)
			break;
		if (count == CONDITION_TOKENS_MAX)
			return;
		tokens[count++] = token;
	}
	rule->key = key_of_condition((struct condition){ &inner, tokens, count });
}

/* Where a line begins that looks like the next part; the end of the text when none does. */
static size_t part_find(const struct lexer *lexer, size_t from, unsigned *line)
{
	static const char *const words[] = { "rule", "private", "global", "import", "include" };

	for (size_t at = from; at < lexer->size; at++) {
		size_t word;

		if (lexer->text[at] != '\n')
			continue;
		++*line;
		word = at + 1;
		while (byte_at(lexer, word) == ' ' || byte_at(lexer, word) == '\t')
			word++;
		for (size_t i = 0; i < ELEMENTS(words); i++) {
			size_t length = strlen(words[i]);

			if (lexer->size - word > length &&
			    memcmp(lexer->text + word, words[i], length) == 0 &&
			    !word_byte(lexer->text[word + length]))
				return at + 1;
		}
	}
	return lexer->size;
}

/* What is no rule stands as one, so that the compiler says what is wrong with it, and it alone is
 * left out. */
static int rule_broken(struct lexer *lexer, struct yara_source *source, struct token first)
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

static int directive_read(struct lexer *lexer, struct yara_source *source, struct token first)
{
	struct yara_directive directive = { .include = token_is(lexer, &first, "include") };
	struct token token = token_next(lexer);
	int r;

	if (token.kind != TOKEN_TEXT)
		return rule_broken(lexer, source, first);
	directive.span = (struct yara_span){ first.start, token.end };
	directive.text = (struct yara_span){ token.start + 1, token.end - 1 };
	r = directive_add(source, &directive);
	return r < 0 ? r : 1;
}

/* 1: goes on; 0: the end; -ENOMEM. */
static int part_read(struct lexer *lexer, struct yara_source *source, struct token *tokens)
{
	struct token token = token_next(lexer), first = token;
	struct yara_rule_text rule = { .key = YARA_KEY_NONE }, *place;
	int r;

	if (token.kind == TOKEN_END)
		return 0;
	if (token_is(lexer, &token, "import") || token_is(lexer, &token, "include"))
		return directive_read(lexer, source, first);
	while (token_is(lexer, &token, "global") || token_is(lexer, &token, "private")) {
		rule.global |= token_is(lexer, &token, "global");
		token = token_next(lexer);
	}
	if (!token_is(lexer, &token, "rule") || !rule_read(lexer, &rule))
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
	struct lexer lexer = { text, rule->condition.end, rule->condition.start, 1 };
	struct token token;

	while ((token = token_next(&lexer)).kind != TOKEN_END) {
		struct name key = { text + token.start, token.end - token.start, 0 };
		const struct name *found;

		if (token.kind == TOKEN_BROKEN)
			rule->tangled = true;
		if (token.kind != TOKEN_WORD)
			continue;
		/* A set of rules by a pattern, "any of (a*)", or a product; this costs little. */
		if (byte_at(&lexer, token.end) == '*' &&
		    strchr(",) ", byte_at(&lexer, token.end + 1)))
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
	CLEANUP(free_cleanup) struct token *tokens = calloc(CONDITION_TOKENS_MAX, sizeof(*tokens));
	struct lexer lexer = { text, size, 0, 1 };
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
