/* SPDX-License-Identifier: Apache-2.0
 *
 * Building JSON objects: members that are not known are left out, all text is well-formed UTF-8,
 * and a shortage of memory anywhere is remembered until the end, where it is asked for once.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ocsf_builder {
	bool failed; /* memory was short: the object is to be thrown away */
};

/* Takes value (NULL: memory was short, or builder has failed before). */
void ocsf_put(struct ocsf_builder *builder, json_t *object, const char *key, json_t *value);
/* Takes value; leaves it out when it is an empty object or array. */
void ocsf_put_filled(struct ocsf_builder *builder, json_t *object, const char *key, json_t *value);
void ocsf_append(struct ocsf_builder *builder, json_t *array, json_t *value);

void ocsf_put_number(struct ocsf_builder *builder, json_t *object, const char *key, uint64_t value);
void ocsf_put_true(struct ocsf_builder *builder, json_t *object, const char *key, bool value);
/* Milliseconds, as OCSF's timestamp_t; 0 is left out. */
void ocsf_put_time(struct ocsf_builder *builder, json_t *object, const char *key, uint64_t ns);

/* Text that is safe already. "" and NULL are left out. */
void ocsf_put_text(struct ocsf_builder *builder, json_t *object, const char *key, const char *text);
/* Raw bytes that somebody else chose: escaped. "" and NULL are left out. */
void ocsf_put_raw(struct ocsf_builder *builder, json_t *object, const char *key, const char *bytes);
/* The same as values. Never NULL unless memory is short. */
json_t *ocsf_text(const char *text);
json_t *ocsf_raw(const char *bytes);
/* The object, or NULL when memory was short: then it is given up. */
json_t *ocsf_built(const struct ocsf_builder *builder, json_t *object);
