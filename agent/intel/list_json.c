/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON (RFC 8259) as feeds use it, read from the bytes as they come, so that a list in one piece
 * costs no more memory than one in lines: objects with one indicator each, in lines or in an array
 * (Spamhaus DROP, abuse.ch), arrays of strings, and MISP warninglists, which are objects with the
 * names of known-good things in "list" and so are allow lists.
 */
#include "intel/list_reader.h"

#include "base/cleanup.h"

/* Deeper nesting than any feed has is not followed. */
#define DEPTH_MAX   16
/* A URL around a name fits; what is longer is no indicator. */
#define STRING_SIZE 2048

enum token {
	TOKEN_END,
	TOKEN_STRING,
	TOKEN_LITERAL, /* a number, true, false, null */
	TOKEN_PUNCTUATION,
	TOKEN_BAD,
};

struct json {
	struct list_reader *reader;
	enum token token;
	char punctuation;
	int pushed_back; /* a byte read too far, or -1 */
	int last;	 /* byte that was read */
	unsigned depth;
	struct span string;
	char buffer[STRING_SIZE];
};

/* An object with one indicator, as it is put together from its members. */
struct json_record {
	struct list_attributes attributes;
	uint64_t line;
	struct span indicator;
	bool told;	   /* a list inside it was read, or it is metadata */
	bool type_unknown; /* not of a kind that we match */
	char buffer[STRING_SIZE];
};

bool list_json_ahead(struct span ahead)
{
	bool array = span_starts(ahead, "[");
	size_t i = 1;

	if (span_starts(ahead, "{"))
		return true;
	/* "[Adblock Plus 2.0]" and "[2001:db8::1]:80" are none. */
	while (array && i < ahead.size && (span_blank(ahead.text[i]) || ahead.text[i] == '\n'))
		i++;
	return array && i < ahead.size && (ahead.text[i] == '{' || ahead.text[i] == '"');
}

static int json_byte(struct json *json)
{
	int c = json->pushed_back;

	json->pushed_back = -1;
	if (c < 0)
		c = list_source_byte(&json->reader->source);
	json->last = c;
	return c;
}

static void string_put(struct json *json, unsigned byte)
{
	/* One more than fits is kept as a mark that it was too long. */
	if (json->string.size < STRING_SIZE)
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
	static const char digits[] = "0123456789abcdef";

	*ret = 0;
	for (int i = 0; i < 4; i++) {
		int c = json_byte(json);
		const char *digit =
			c > 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

		if (!digit)
			return false;
		*ret = *ret << 4 | (unsigned)(digit - digits);
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

static enum token string_read(struct json *json)
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

static enum token token_read(struct json *json)
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
	while (literal_character(c))
		c = json_byte(json);
	json->pushed_back = c;
	return TOKEN_LITERAL;
}

static void json_next(struct json *json)
{
	json->token = token_read(json);
}

static bool json_at(const struct json *json, char punctuation)
{
	return json->token == TOKEN_PUNCTUATION && json->punctuation == punctuation;
}

/* Steps over a comma, or to the closing bracket: 1 when another item follows, 0 at the end, -1
 * when it is neither. */
static int json_more(struct json *json, char close)
{
	if (json_at(json, close))
		return 0;
	if (!json_at(json, ','))
		return -1;
	json_next(json);
	return 1;
}

/* The line that the source is in the middle of. */
static uint64_t json_line(const struct json *json)
{
	return json->reader->source.line + 1;
}

static bool json_array(struct json *json, const char *key, struct json_record *record);
static bool json_object(struct json *json, bool wanted);

/* Moves over the value at hand, its last token included; false when it is not well formed. Values
 * of a known key are used. */
static bool json_value(struct json *json, struct span key, struct json_record *record)
{
	bool list = record && span_is(key, "list"), tags = record && span_is(key, "tags");

	if (json_at(json, '[') || json_at(json, '{')) {
		bool array = json_at(json, '['), good;

		if (json->depth == DEPTH_MAX)
			return false;
		json->depth++;
		good = array ? json_array(json,
					  list	 ? "list"
					  : tags ? "tags"
						 : "",
					  record)
			     : json_object(json, false);
		json->depth--;
		return good;
	}
	return json->token == TOKEN_STRING || json->token == TOKEN_LITERAL;
}

static void member_string(struct json *json, struct json_record *record, struct span key)
{
	enum list_csv_role role = list_csv_role(key);
	struct span value = json->string;

	if (role == LIST_CSV_INDICATOR && !record->indicator.text) {
		memcpy(record->buffer, value.text, value.size);
		record->indicator = (struct span){ record->buffer, value.size };
	} else if (role == LIST_CSV_TYPE) {
		record->told |= span_is(value, "metadata");
		record->type_unknown |= !list_csv_type_known(value);
	} else if (role == LIST_CSV_SEVERITY) {
		(void)list_attributes_severity(&record->attributes, value);
	} else if (role == LIST_CSV_TAGS) {
		list_attributes_add_tag(&record->attributes, value);
	} else if (role == LIST_CSV_EXPIRES) {
		(void)list_attributes_expires(&record->attributes, value);
	}
}

/* The value of a member is at hand. */
static bool json_member(struct json *json, struct json_record *record, struct span key)
{
	if (json->token == TOKEN_STRING) {
		member_string(json, record, key);
		return true;
	}
	return json_value(json, key, record);
}

static void record_tell(struct list_reader *reader, struct json_record *record)
{
	struct span shown = record->indicator.text ? record->indicator : (struct span){ "{}", 2 };

	if (record->told)
		return;
	reader->line = record->line;
	if (!record->indicator.text || record->type_unknown)
		list_reader_reject(reader, LIST_UNSUPPORTED_TYPE, shown);
	else
		list_reader_token(reader, record->indicator, &record->attributes);
}

/* From the opening brace to the closing one. wanted: it is an entry. */
static bool json_object(struct json *json, bool wanted)
{
	struct json_record record = { .attributes = json->reader->attributes,
				      .line = json_line(json) };
	char key[LIST_FEED_SIZE];
	int more;

	json_next(json);
	if (json_at(json, '}')) {
		more = 0;
	} else {
		do {
			/* A key that does not fit is none that we know. */
			if (json->token != TOKEN_STRING)
				return false;
			if (!span_copy(json->string, key, sizeof(key)))
				key[0] = '\0';
			json_next(json);
			if (!json_at(json, ':'))
				return false;
			json_next(json);
			if (!json_member(json, &record, (struct span){ key, strlen(key) }))
				return false;
			json_next(json);
			more = json_more(json, '}');
		} while (more > 0);
	}
	if (more == 0 && wanted)
		record_tell(json->reader, &record);
	return more == 0;
}

/* A string in an array: an entry of a warninglist (or of an array at the top), or a tag. */
static void element_string(struct json *json, const char *key, struct json_record *record)
{
	struct list_reader *reader = json->reader;
	struct list_attributes attributes = reader->attributes;

	if (record && strcmp(key, "tags") == 0) {
		list_attributes_add_tag(&record->attributes, json->string);
		return;
	}
	if (record && strcmp(key, "list") != 0)
		return;
	if (record) {
		attributes.action = INDICATOR_ALLOW;
		record->told = true;
	}
	reader->line = json_line(json);
	list_reader_token(reader, span_trim(json->string), &attributes);
}

/* From the opening bracket to the closing one. record: NULL for an array at the top. */
static bool json_array(struct json *json, const char *key, struct json_record *record)
{
	int more;

	if (record && strcmp(key, "list") == 0)
		record->told = true;
	json_next(json);
	if (json_at(json, ']'))
		return true;
	do {
		bool good = true;

		if (json->token == TOKEN_STRING)
			element_string(json, key, record);
		else if (!record && json_at(json, '{'))
			good = json_object(json, true);
		else
			good = json_value(json, (struct span){ "", 0 }, record);
		if (!good)
			return false;
		json_next(json);
		more = json_more(json, ']');
	} while (more > 0);
	return more == 0;
}

/* What is left of the line after a value: a comma, or another value, which is left for the next
 * step. */
static void json_line_end(struct list_reader *reader)
{
	struct span ahead, rest;

	for (;;) {
		if (list_source_peek(&reader->source, &ahead) < 0)
			return;
		if (ahead.size == 0) {
			/* A last line without its end is a line. */
			reader->source.line++;
			return;
		}
		if (!span_blank(ahead.text[0]) && ahead.text[0] != ',')
			break;
		(void)list_source_byte(&reader->source);
	}
	if (ahead.text[0] == '{')
		return;
	if (list_source_line(&reader->source, &rest) <= 0 || rest.size == 0)
		return;
	reader->line = reader->source.line;
	list_reader_reject(reader, LIST_BAD_JSON, rest);
}

void list_json_read(struct list_reader *reader)
{
	struct json json = { .reader = reader, .pushed_back = -1 };
	struct span skipped;
	bool good;

	json_next(&json);
	good = json_at(&json, '[') ? json_array(&json, "", NULL) : json_object(&json, true);
	if (good) {
		json_line_end(reader);
		return;
	}
	/* It broke off at a line's end, or the rest of the line goes, too. */
	if (json.last != '\n' && list_source_line(&reader->source, &skipped) == LIST_SOURCE_END)
		reader->source.line++;
	reader->line = reader->source.line;
	list_reader_reject(reader, LIST_BAD_JSON, (struct span){ "", 0 });
}
