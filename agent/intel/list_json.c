/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON (RFC 8259) as feeds use it, read from the bytes as they come, so that a list in one piece
 * costs no more memory than one in lines: objects with one indicator each, in lines or in an array
 * (Spamhaus DROP, abuse.ch), arrays of strings, MISP warninglists, which are objects with the names
 * of known-good things in "list" and so are allow lists, STIX bundles and MISP events.
 */
#include "intel/list_reader.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "intel/json_token.h"
#include "intel/list_document.h"

/* Deeper nesting than any feed has is not followed. */
#define DEPTH_MAX 16
#define KEY_SIZE  64

/* What the arrays of a document hold, by the key that they stand under. */
enum holds {
	HOLDS_OTHER,
	HOLDS_ENTRIES,	  /* strings: known-good things */
	HOLDS_TAGS,	  /* strings, or objects with a name */
	HOLDS_OBJECTS,	  /* of STIX */
	HOLDS_ATTRIBUTES, /* of MISP */
	HOLDS_PARTS,	  /* of a MISP event: attributes are somewhere below */
};

struct holds_row {
	const char *key;
	enum holds holds;
};

static const struct holds_row holds_rows[] = {
	{ "list", HOLDS_ENTRIES },
	{ "tags", HOLDS_TAGS },
	{ "labels", HOLDS_TAGS },
	{ "indicator_types", HOLDS_TAGS },
	{ "Tag", HOLDS_TAGS },
	{ "objects", HOLDS_OBJECTS },
	{ "Attribute", HOLDS_ATTRIBUTES },
	{ "response", HOLDS_PARTS },
	{ "Event", HOLDS_PARTS },
	{ "Object", HOLDS_PARTS },
};

struct document {
	struct json json;
	struct list_reader *reader;
	struct list_record records[2]; /* of the object at the top, and of one inside */
	bool inside;		       /* the second is being read: there is no third */
	struct list_record *tagged;    /* whose tags are objects with a name; NULL: none is read */
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

static enum holds holds_of(const char *key)
{
	for (size_t i = 0; i < ELEMENTS(holds_rows); i++)
		if (strcmp(key, holds_rows[i].key) == 0)
			return holds_rows[i].holds;
	return HOLDS_OTHER;
}

/* The line that the source is in the middle of. */
static uint64_t json_line(const struct document *document)
{
	return document->reader->source.line + 1;
}

static bool json_array(struct document *document, enum holds holds, struct list_record *record);
static bool json_members(struct document *document, struct list_record *record);
static bool json_entry(struct document *document, enum list_record_kind kind, size_t place);

/* Moves over the array or object at hand, its last token included; false when it is not well
 * formed. record: of the object that it is in, or NULL. */
static bool json_nested(struct document *document, enum holds holds, struct list_record *record)
{
	struct json *json = &document->json;
	bool good;

	if (json->depth == DEPTH_MAX)
		return false;
	json->depth++;
	if (json_at(json, '['))
		good = json_array(document, holds, record);
	else if (holds == HOLDS_PARTS)
		good = json_members(document, record);
	else
		good = json_members(document, NULL);
	json->depth--;
	return good;
}

static void flag_set(uint8_t *flag, struct span value)
{
	if (span_is(value, "true") || span_is(value, "1"))
		*flag = LIST_FLAG_TRUE;
	else if (span_is(value, "false") || span_is(value, "0"))
		*flag = LIST_FLAG_FALSE;
}

static bool text_keep(struct list_text *text, struct span value)
{
	if (text->given || value.size >= sizeof(text->bytes))
		return text->given;
	memcpy(text->bytes, value.text, value.size);
	text->size = value.size;
	text->given = true;
	return true;
}

static void pattern_keep(struct list_record *record, struct span value)
{
	record->pattern_given = true;
	record->pattern_size = value.size;
	memcpy(record->pattern, value.text, value.size);
}

static void time_keep(uint64_t *seconds, struct span value)
{
	char text[KEY_SIZE];
	uint64_t ns;

	/* A duration is none here: "24h" is not a time. */
	if (span_has(value, '-') && span_copy(value, text, sizeof(text)) &&
	    parse_time(text, &ns) == 0)
		*seconds = ns / NS_PER_SECOND;
}

/* What a member says of the record by its name alone. */
static void member_role(struct list_record *record, enum list_csv_role role, struct span value)
{
	if (role == LIST_CSV_INDICATOR)
		record->too_long |= !text_keep(&record->indicator, value);
	else if (role == LIST_CSV_TYPE)
		(void)text_keep(&record->type, value);
	else if (role == LIST_CSV_SEVERITY)
		(void)list_attributes_severity(&record->attributes, value);
	else if (role == LIST_CSV_TAGS)
		list_attributes_add_tag(&record->attributes, value);
	else if (role == LIST_CSV_EXPIRES)
		(void)list_attributes_expires(&record->attributes, value);
}

static void member_string(struct list_record *record, struct span key, struct span value)
{
	if (span_is(key, "pattern") && record->kind != LIST_RECORD_MISP)
		pattern_keep(record, value);
	else if (span_is(key, "pattern_type"))
		record->other_pattern = !span_is(value, "stix");
	else if (span_is(key, "asname"))
		record->network_number = true;
	else if (span_is(key, "valid_from"))
		time_keep(&record->valid_from, value);
	else
		member_role(record, list_csv_role(key), value);
}

/* A number, true, false or null. */
static void member_literal(struct list_record *record, struct span key, struct span value)
{
	if (span_is(key, "to_ids"))
		flag_set(&record->to_ids, value);
	else if (span_is(key, "revoked") || span_is(key, "deleted"))
		flag_set(&record->withdrawn, value);
}

/* The value of a member is at hand. */
static bool json_member(struct document *document, struct list_record *record, const char *key)
{
	struct json *json = &document->json;
	struct span name = { key, strlen(key) };
	enum holds holds = holds_of(key);

	if (json_at(json, '[') || json_at(json, '{')) {
		if (document->inside ? holds != HOLDS_TAGS : !record && holds < HOLDS_OBJECTS)
			holds = HOLDS_OTHER;
		if (record && (holds == HOLDS_OBJECTS || holds == HOLDS_ATTRIBUTES))
			record->container = true;
		return json_nested(document, holds, record);
	}
	if (document->tagged && json->token == TOKEN_STRING && strcmp(key, "name") == 0)
		list_record_tag(document->tagged, json->string);
	if (record && json->token == TOKEN_STRING)
		member_string(record, name, json->string);
	/* Some exports have booleans as strings. */
	if (record && (json->token == TOKEN_LITERAL || json->token == TOKEN_STRING))
		member_literal(record, name, json->string);
	return json->token == TOKEN_STRING || json->token == TOKEN_LITERAL;
}

/* From the opening brace to the closing one. record: what is made of its members, or NULL. */
static bool json_members(struct document *document, struct list_record *record)
{
	struct json *json = &document->json;
	char key[KEY_SIZE];
	int more;

	json_next(json);
	if (json_at(json, '}'))
		return true;
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
		if (!json_member(document, record, key))
			return false;
		json_next(json);
		more = json_more(json, '}');
	} while (more > 0);
	return more == 0;
}

/* An object that is an entry, or says that it is something else. */
static bool json_entry(struct document *document, enum list_record_kind kind, size_t place)
{
	struct list_record *record = &document->records[place];

	bool good;

	list_record_begin(record, kind, &document->reader->attributes, json_line(document));
	document->inside = place > 0;
	good = json_members(document, record);
	document->inside = false;
	if (good)
		list_record_tell(document->reader, record);
	return good;
}

static void allow_string(struct document *document, struct list_record *record)
{
	struct list_attributes attributes = document->reader->attributes;

	attributes.action = INDICATOR_ALLOW;
	record->container = true;
	document->reader->line = json_line(document);
	list_reader_token(document->reader, span_trim(document->json.string), &attributes);
}

/* A string in an array: an entry of a warninglist (or of an array at the top), or a tag. */
static void element_string(struct document *document, enum holds holds, struct list_record *record)
{
	struct list_reader *reader = document->reader;

	if (record && holds == HOLDS_TAGS) {
		list_record_tag(record, document->json.string);
	} else if (record && holds == HOLDS_ENTRIES) {
		allow_string(document, record);
	} else if (!record && holds == HOLDS_ENTRIES) {
		reader->line = json_line(document);
		list_reader_token(reader, span_trim(document->json.string), &reader->attributes);
	}
}

static bool tag_object(struct document *document, struct list_record *record)
{
	bool good;

	document->tagged = record;
	good = json_members(document, NULL);
	document->tagged = NULL;
	return good;
}

/* An object in an array; its brace is at hand. */
static bool element_object(struct document *document, enum holds holds, struct list_record *record)
{
	struct json *json = &document->json;
	bool good;

	if (json->depth == DEPTH_MAX)
		return false;
	json->depth++;
	if (holds == HOLDS_ENTRIES && !record)
		good = json_entry(document, LIST_RECORD_PLAIN, 0);
	else if (holds == HOLDS_OBJECTS)
		good = json_entry(document, LIST_RECORD_STIX, 1);
	else if (holds == HOLDS_ATTRIBUTES)
		good = json_entry(document, LIST_RECORD_MISP, 1);
	else if (holds == HOLDS_TAGS)
		good = tag_object(document, record);
	else
		good = json_members(document, holds == HOLDS_PARTS ? record : NULL);
	json->depth--;
	return good;
}

/* From the opening bracket to the closing one. record: NULL for an array at the top. */
static bool json_array(struct document *document, enum holds holds, struct list_record *record)
{
	struct json *json = &document->json;
	int more;

	if (record && holds == HOLDS_ENTRIES)
		record->container = true;
	json_next(json);
	if (json_at(json, ']'))
		return true;
	do {
		bool good = true;

		if (json->token == TOKEN_STRING)
			element_string(document, holds, record);
		else if (json_at(json, '{'))
			good = element_object(document, holds, record);
		else if (json_at(json, '['))
			good = json_nested(document, HOLDS_OTHER, NULL);
		else
			good = json->token == TOKEN_LITERAL;
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
	struct document *document = malloc(sizeof(*document));
	struct span skipped;
	bool good;

	if (!document) {
		reader->error = -ENOMEM;
		return;
	}
	document->reader = reader;
	document->json.source = &reader->source;
	document->json.pushed_back = -1;
	document->json.depth = 0;
	document->inside = false;
	document->tagged = NULL;
	json_next(&document->json);
	good = json_at(&document->json, '[') ? json_array(document, HOLDS_ENTRIES, NULL)
					     : json_entry(document, LIST_RECORD_PLAIN, 0);
	if (good) {
		json_line_end(reader);
	} else {
		/* It broke off at a line's end, or the rest of the line goes, too. */
		if (document->json.last != '\n' &&
		    list_source_line(&reader->source, &skipped) == LIST_SOURCE_END)
			reader->source.line++;
		reader->line = reader->source.line;
		list_reader_reject(reader, LIST_BAD_JSON, (struct span){ "", 0 });
	}
	free(document);
}
