/* SPDX-License-Identifier: Apache-2.0
 *
 * See ocsf_object.h. Bytes that come in here were chosen by whoever runs programs and asks for
 * names on the host.
 */
#include "report/ocsf_object.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"

void ocsf_put(struct ocsf_builder *builder, json_t *object, const char *key, json_t *value)
{
	if (!object || json_object_set_new(object, key, value) < 0)
		builder->failed = true;
}

void ocsf_put_filled(struct ocsf_builder *builder, json_t *object, const char *key, json_t *value)
{
	if (value && json_object_size(value) == 0 && json_array_size(value) == 0)
		json_decref(value);
	else
		ocsf_put(builder, object, key, value);
}

void ocsf_append(struct ocsf_builder *builder, json_t *array, json_t *value)
{
	if (!array || json_array_append_new(array, value) < 0)
		builder->failed = true;
}

void ocsf_put_number(struct ocsf_builder *builder, json_t *object, const char *key, uint64_t value)
{
	ocsf_put(builder, object, key, json_integer((json_int_t)(value & INT64_MAX)));
}

void ocsf_put_true(struct ocsf_builder *builder, json_t *object, const char *key, bool value)
{
	if (value)
		ocsf_put(builder, object, key, json_true());
}

void ocsf_put_time(struct ocsf_builder *builder, json_t *object, const char *key, uint64_t ns)
{
	if (ns)
		ocsf_put_number(builder, object, key, ns / NS_PER_MILLISECOND);
}

json_t *ocsf_raw(const char *bytes)
{
	CLEANUP(free_cleanup) char *escaped = escape_text_dup(bytes, strlen(bytes));

	return escaped ? json_string(escaped) : NULL;
}

json_t *ocsf_text(const char *text)
{
	json_t *value = json_string(text);

	/* Text that was cut in the middle of a character is not well-formed. */
	return value ? value : ocsf_raw(text);
}

void ocsf_put_text(struct ocsf_builder *builder, json_t *object, const char *key, const char *text)
{
	if (text && *text)
		ocsf_put(builder, object, key, ocsf_text(text));
}

void ocsf_put_raw(struct ocsf_builder *builder, json_t *object, const char *key, const char *bytes)
{
	if (bytes && *bytes)
		ocsf_put(builder, object, key, ocsf_raw(bytes));
}

json_t *ocsf_built(const struct ocsf_builder *builder, json_t *object)
{
	if (!builder->failed)
		return object;
	json_decref(object);
	return NULL;
}
