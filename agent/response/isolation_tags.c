/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how the undo record stands in tags of the instance, where it outlives the disk: each a kind,
 * a resource, and how it was. A value has 255 characters: what has more is in several tags, whose
 * values are joined. Who may write tags of the instance may write what comes out of them, so ids
 * are checked again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "response/isolation_call.h"
#include "response/isolation_plan.h"

#define TAG_VALUE_MAX 255
/* AWS takes 50 tags of an instance, and it has others, too. What is over stands on disk only. */
#define UNDO_TAGS_MAX 30

/* Whole words of value from *at on, as many as fit. */
static void value_part(const char *value, size_t room, size_t *at, char *out)
{
	size_t length = strlen(value + *at);

	if (length > room) {
		length = room;
		while (length > 0 && value[*at + length] != ' ')
			length--;
	}
	memcpy(out, value + *at, length);
	out[length] = '\0';
	*at += length + (value[*at + length] == ' ');
}

static size_t undo_tag(const struct isolation_undo *undo, json_t *call, size_t number)
{
	char key[64], part[TAG_VALUE_MAX + 1];
	char value[ISOLATION_KIND_SIZE + ISOLATION_RESOURCE_SIZE + TAG_VALUE_MAX + 3];
	size_t head = strlen(undo->kind) + strlen(undo->resource) + 2, at = 0;

	if (head + FACTS_ID_SIZE > TAG_VALUE_MAX)
		return number;
	do {
		size_t before = at;

		value_part(undo->value, TAG_VALUE_MAX - head, &at, part);
		if (at == before)
			break;
		(void)snprintf(key, sizeof(key), ISOLATION_TAG_UNDO "%zu", number++);
		(void)snprintf(value, sizeof(value), "%s %s %s", undo->kind, undo->resource, part);
		call_add_tag(call, key, value);
	} while (undo->value[at] && number < UNDO_TAGS_MAX);
	return number;
}

/* What nobody undoes from outside is not put into tags. */
static bool undo_is_local(const struct isolation_undo *undo)
{
	static const char *const kinds[] = { ISOLATION_CULPRIT,	      ISOLATION_HELD,
					     ISOLATION_EVIDENCE,      ISOLATION_EVIDENCE_S3,
					     ISOLATION_KIND_CONFIRM,  ISOLATION_KIND_END,
					     ISOLATION_KIND_END_BEGUN };

	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		if (strcmp(undo->kind, kinds[i]) == 0)
			return true;
	return false;
}

/* Groups first: they are what nobody can guess. */
void plan_undo_tags(const struct isolation_record *record, json_t *call)
{
	size_t number = 0;

	for (int groups = 1; groups >= 0; groups--)
		for (size_t i = 0; i < record->undo_count && number < UNDO_TAGS_MAX; i++)
			if ((strcmp(record->undo[i].kind, "groups") == 0) == groups &&
			    !undo_is_local(&record->undo[i]))
				number = undo_tag(&record->undo[i], call, number);
}

static bool undo_is_sound(const char *kind, const char *resource, const char *value)
{
	char group[FACTS_ID_SIZE];

	if (strcmp(kind, "groups") != 0)
		return true;
	if (!facts_id_is(resource, "eni"))
		return false;
	while (*value) {
		size_t length = strcspn(value, " ");

		if (length >= sizeof(group))
			return false;
		(void)snprintf(group, sizeof(group), "%.*s", (int)length, value);
		if (!facts_id_is(group, "sg"))
			return false;
		value += length + (value[length] == ' ');
	}
	return true;
}

static int undo_take(const char *text, struct isolation_record *record)
{
	size_t kind_length = strcspn(text, " ");
	const char *resource = text + kind_length + (text[kind_length] == ' ');
	size_t resource_length = strcspn(resource, " ");
	const char *value = resource + resource_length + (resource[resource_length] == ' ');
	char kind[ISOLATION_KIND_SIZE], name[ISOLATION_RESOURCE_SIZE], joined[ISOLATION_VALUE_SIZE];
	const struct isolation_undo *before;
	int r;

	if (kind_length >= sizeof(kind) || resource_length >= sizeof(name) || !*value)
		return -EBADMSG;
	(void)snprintf(kind, sizeof(kind), "%.*s", (int)kind_length, text);
	(void)snprintf(name, sizeof(name), "%.*s", (int)resource_length, resource);
	if (!undo_is_sound(kind, name, value))
		return -EBADMSG;
	before = isolation_undo_find(record, kind, name);
	if (snprintf(joined, sizeof(joined), "%s%s%s", before ? before->value : "",
		     before ? " " : "", value) >= (int)sizeof(joined))
		return -EMSGSIZE;
	r = isolation_undo_add(record, kind, name, joined);
	return r;
}

int plan_undo_from_tags(const struct isolation_facts *facts, struct isolation_record *record)
{
	char key[64];
	int found = 0;

	for (size_t number = 0; number < UNDO_TAGS_MAX; number++) {
		const char *value;

		(void)snprintf(key, sizeof(key), ISOLATION_TAG_UNDO "%zu", number);
		value = facts_tag(facts, key);
		if (value && undo_take(value, record) == 0)
			found++;
	}
	/* It was written before the change, which may or may not have been made: undoing what was
	 * not done changes nothing. */
	for (size_t i = 0; i < record->undo_count; i++)
		record->undo[i].touched = true;
	return found;
}
