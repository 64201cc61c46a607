/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the form in which tags go through the channel: {"source":"metadata","tags":{"role":"ci"}}.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "cloud/tags.h"

#define SOURCE_METADATA "metadata"
#define SOURCE_EC2	"ec2"

CLEANUP_DEFINE(json_t *, json_decref)

char *tags_answer(const json_t *tags, bool metadata)
{
	CLEANUP(json_decref_cleanup)
	json_t *answer = json_pack("{s:s, s:O}", "source", metadata ? SOURCE_METADATA : SOURCE_EC2,
				   "tags", (json_t *)(uintptr_t)tags);

	return answer ? json_dumps(answer, JSON_COMPACT) : NULL;
}

static bool tags_are_sound(json_t *tags)
{
	const char *name;
	json_t *value;

	if (!json_is_object(tags) || json_object_size(tags) > TAGS_MAX)
		return false;
	json_object_foreach(tags, name,
			    value) if (!*name || strlen(name) > TAG_NAME_MAX ||
				       !json_is_string(value) ||
				       json_string_length(value) > TAG_VALUE_MAX) return false;
	return true;
}

json_t *tags_read(const char *answer, size_t size, bool *ret_metadata)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(answer, size, 0, NULL);
	const char *source = json_string_value(json_object_get(object, "source"));
	json_t *tags = json_object_get(object, "tags");

	if (!source || !tags_are_sound(tags))
		return NULL;
	*ret_metadata = strcmp(source, SOURCE_METADATA) == 0;
	return json_incref(tags);
}
