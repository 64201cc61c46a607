/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/json_token.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"

static int json_byte(struct json *json)
{
	int c = json->pushed_back;

	json->pushed_back = -1;
	if (c < 0)
		c = list_source_byte(json->source);
	json->last = c;
	return c;
}

static void string_put(struct json *json, unsigned byte)
{
	/* One more than fits is kept as a mark that it was too long. */
	if (json->string.size < JSON_STRING_SIZE)
		json->buffer[json->string.size++] = (char)byte;
}

static void string_put_utf8(struct json *json, unsigned code)
{
	if (code < 0x80) {
		string_put(json, code);
	} else if (code < 0x800) {
		string_put(json, 0xc0 | code >> 6);
		string_put(json, 0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		string_put(json, 0xe0 | code >> 12);
		string_put(json, 0x80 | (code >> 6 & 0x3f));
		string_put(json, 0x80 | (code & 0x3f));
	} else {
		string_put(json, 0xf0 | code >> 18);
		string_put(json, 0x80 | (code >> 12 & 0x3f));
		string_put(json, 0x80 | (code >> 6 & 0x3f));
		string_put(json, 0x80 | (code & 0x3f));
	}
}

static bool hex_quad(struct json *json, unsigned *ret)
{
	*ret = 0;
	for (int i = 0; i < 4; i++) {
		int c = json_byte(json), digit = c > 0 ? parse_hex_digit((char)c) : -EINVAL;

		if (digit < 0)
			return false;
		*ret = *ret << 4 | (unsigned)digit;
	}
	return true;
}

/* "\u1234", both halves of a surrogate pair together. */
static bool string_unicode(struct json *json)
{
	unsigned code, low;

	if (!hex_quad(json, &code))
		return false;
	if (code >= 0xd800 && code < 0xdc00) {
		if (json_byte(json) != '\\' || json_byte(json) != 'u' || !hex_quad(json, &low) ||
		    low < 0xdc00 || low > 0xdfff)
			return false;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	} else if (code >= 0xdc00 && code < 0xe000) {
		return false;
	}
	string_put_utf8(json, code);
	return true;
}

static bool string_escape(struct json *json)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = json_byte(json);
	const char *at;

	if (c == 'u')
		return string_unicode(json);
	at = c > 0 ? strchr(from, c) : NULL;
	if (!at)
		return false;
	string_put(json, (unsigned char)to[at - from]);
	return true;
}

static enum json_token string_read(struct json *json)
{
	json->string = (struct span){ json->buffer, 0 };
	for (;;) {
		int c = json_byte(json);

		if (c == '"')
			return TOKEN_STRING;
		/* A line end inside a string is a quote that is missing. */
		if (c < 0x20 || (c == '\\' && !string_escape(json)))
			return TOKEN_BAD;
		if (c != '\\')
			string_put(json, (unsigned)c);
	}
}

static bool literal_character(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '-' || c == '.';
}

static enum json_token token_read(struct json *json)
{
	int c = json_byte(json);

	while (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		c = json_byte(json);
	if (c < 0)
		return TOKEN_END;
	if (c == '"')
		return string_read(json);
	if (strchr("{}[],:", c) && c != '\0') {
		json->punctuation = (char)c;
		return TOKEN_PUNCTUATION;
	}
	if (!literal_character(c))
		return TOKEN_BAD;
	json->string = (struct span){ json->buffer, 0 };
	for (; literal_character(c); c = json_byte(json))
		string_put(json, (unsigned)c);
	json->pushed_back = c;
	return TOKEN_LITERAL;
}

void json_next(struct json *json)
{
	json->token = token_read(json);
}

bool json_at(const struct json *json, char punctuation)
{
	return json->token == TOKEN_PUNCTUATION && json->punctuation == punctuation;
}

int json_more(struct json *json, char close)
{
	if (json_at(json, close))
		return 0;
	if (!json_at(json, ','))
		return -1;
	json_next(json);
	return 1;
}
