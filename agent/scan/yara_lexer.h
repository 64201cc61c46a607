/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens of YARA source text, as libyara's lexer tells them apart: comments, texts with
 * escapes, regular expressions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum yara_token_kind {
	YARA_TOKEN_END,
	YARA_TOKEN_WORD,   /* identifier or keyword */
	YARA_TOKEN_STRING, /* $a, #a, @a, !a, with what follows */
	YARA_TOKEN_NUMBER,
	YARA_TOKEN_TEXT,
	YARA_TOKEN_REGEX,
	YARA_TOKEN_SIGN, /* one character, or == */
	YARA_TOKEN_BROKEN,
};

struct yara_token {
	enum yara_token_kind kind;
	size_t start, end;
	unsigned line;
};

struct yara_lexer {
	const char *text;
	size_t size, at;
	unsigned line;
};

struct yara_token yara_lexer_next(struct yara_lexer *lexer);
bool yara_lexer_is(const struct yara_lexer *lexer, const struct yara_token *token,
		   const char *text);
/* The byte there; behind the end it is 0. */
char yara_lexer_byte(const struct yara_lexer *lexer, size_t at);
/* Whether it may stand in a word. */
bool yara_lexer_word(char c);
