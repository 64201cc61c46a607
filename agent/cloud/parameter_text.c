/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/parameter.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

CLEANUP_DEFINE(json_t *, json_decref)

static int members_read(const json_t *object, const char **ret_value, uint64_t *ret_version)
{
	const json_t *value = json_object_get(object, "Value");
	json_int_t version = json_integer_value(json_object_get(object, "Version"));

	/* json_loadb() refuses NULs in strings. */
	if (!json_is_string(value) || json_string_length(value) > PARAMETER_VALUE_MAX ||
	    version < 1)
		return -EBADMSG;
	*ret_value = json_string_value(value);
	*ret_version = (uint64_t)version;
	return 0;
}

char *parameter_answer(const char *body, size_t size)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(body, size, 0, NULL);
	CLEANUP(json_decref_cleanup) json_t *answer = NULL;
	uint64_t version;
	const char *value;

	if (members_read(json_object_get(object, "Parameter"), &value, &version) < 0)
		return NULL;
	answer = json_pack("{s:s, s:I}", "Value", value, "Version", (json_int_t)version);
	return answer ? json_dumps(answer, JSON_COMPACT) : NULL;
}

int parameter_read(const char *answer, size_t size, struct parameter *ret)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(answer, size, 0, NULL);
	uint64_t version;
	const char *value;
	char *copy;

	if (members_read(object, &value, &version) < 0)
		return -EBADMSG;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	*ret = (struct parameter){ .value = copy, .version = version };
	return 0;
}

void parameter_clear(struct parameter *parameter)
{
	/* It may be a SecureString. */
	if (parameter->value)
		explicit_bzero(parameter->value, strlen(parameter->value));
	free(parameter->value);
	*parameter = (struct parameter){ 0 };
}
