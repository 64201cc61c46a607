/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens of JSON (RFC 8259), read from a list's bytes as they come: a document of any size
 * takes the memory of its longest string that is looked at. Whoever wrote the list chose the bytes.
 */
#pragma once

#include <stdbool.h>

#include "intel/list_source.h"

/* A URL around a name fits, and a STIX pattern of some hundred alternatives. What is longer is cut
 * off here, which json->string.size of this says. */
#define JSON_STRING_SIZE 32768

enum json_token {
	TOKEN_END,
	TOKEN_STRING,
	TOKEN_LITERAL, /* a number, true, false, null */
	TOKEN_PUNCTUATION,
	TOKEN_BAD,
};

struct json {
	struct list_source *source; /* borrowed */
	enum json_token token;
	char punctuation;
	int pushed_back;    /* a byte read too far, or -1: to begin with */
	int last;	    /* byte that was read */
	unsigned depth;	    /* the caller's */
	struct span string; /* of a string, its escapes read; of a literal, as it stands */
	char buffer[JSON_STRING_SIZE];
};

/* Reads the next token. */
void json_next(struct json *json);
/* Whether the token is that punctuation. */
bool json_at(const struct json *json, char punctuation);
/* Steps over a comma, or to the closing bracket: 1 when another item follows, 0 at the end, -1
 * when it is neither. */
int json_more(struct json *json, char close);
