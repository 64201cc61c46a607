/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns nothing: it is given the text, which anybody may have written, and where it is in it.
 */
#include "scan/yara_lexer.h"

#include <ctype.h>
#include <string.h>

bool yara_lexer_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

char yara_lexer_byte(const struct yara_lexer *lexer, size_t at)
{
	return at < lexer->size ? lexer->text[at] : '\0';
}

static void blank_skip(struct yara_lexer *lexer)
{
	while (lexer->at < lexer->size) {
		char c = lexer->text[lexer->at], next = yara_lexer_byte(lexer, lexer->at + 1);

		if (c == '/' && next == '/') {
			while (lexer->at < lexer->size && lexer->text[lexer->at] != '\n')
				lexer->at++;
		} else if (c == '/' && next == '*') {
			lexer->at += 2;
			while (lexer->at < lexer->size &&
			       !(lexer->text[lexer->at] == '*' &&
				 yara_lexer_byte(lexer, lexer->at + 1) == '/'))
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
static bool quoted_skip(struct yara_lexer *lexer, char mark)
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

static enum yara_token_kind token_scan(struct yara_lexer *lexer)
{
	char c = lexer->text[lexer->at];

	if (c == '"')
		return quoted_skip(lexer, '"') ? YARA_TOKEN_TEXT : YARA_TOKEN_BROKEN;
	/* Division is a backslash, so this can be nothing else. */
	if (c == '/')
		return quoted_skip(lexer, '/') ? YARA_TOKEN_REGEX : YARA_TOKEN_BROKEN;
	if (isdigit((unsigned char)c)) {
		while (yara_lexer_word(yara_lexer_byte(lexer, lexer->at)))
			lexer->at++;
		return YARA_TOKEN_NUMBER;
	}
	if (yara_lexer_word(c)) {
		while (yara_lexer_word(yara_lexer_byte(lexer, lexer->at)))
			lexer->at++;
		return YARA_TOKEN_WORD;
	}
	lexer->at++;
	if (c == '$' ||
	    ((c == '#' || c == '@' || c == '!') && yara_lexer_byte(lexer, lexer->at) != '=' &&
	     yara_lexer_word(yara_lexer_byte(lexer, lexer->at)))) {
		while (yara_lexer_word(yara_lexer_byte(lexer, lexer->at)) ||
		       yara_lexer_byte(lexer, lexer->at) == '*')
			lexer->at++;
		return YARA_TOKEN_STRING;
	}
	if (c == '=' && yara_lexer_byte(lexer, lexer->at) == '=')
		lexer->at++;
	return YARA_TOKEN_SIGN;
}

struct yara_token yara_lexer_next(struct yara_lexer *lexer)
{
	struct yara_token token;

	blank_skip(lexer);
	token = (struct yara_token){ YARA_TOKEN_END, lexer->at, lexer->at, lexer->line };
	if (lexer->at >= lexer->size)
		return token;
	token.kind = token_scan(lexer);
	if (lexer->at > lexer->size)
		lexer->at = lexer->size;
	token.end = lexer->at;
	return token;
}

bool yara_lexer_is(const struct yara_lexer *lexer, const struct yara_token *token, const char *text)
{
	size_t length = strlen(text);

	return token->end - token->start == length &&
	       memcmp(lexer->text + token->start, text, length) == 0;
}
