/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/parameter.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

CLEANUP_DEFINE(json_t *, json_decref)

char *parameter_request(const char *name, size_t size)
{
	CLEANUP(json_decref_cleanup)
	json_t *object = json_pack("{s:s%, s:b}", "Name", name, size, "WithDecryption", 1);

	return object ? json_dumps(object, JSON_COMPACT) : NULL;
}

static int members_read(const json_t *object, size_t max, struct parameter *ret)
{
	const json_t *value = json_object_get(object, "Value");
	json_int_t version = json_integer_value(json_object_get(object, "Version"));
	char *copy;

	/* json_loadb() refuses NULs in strings. */
	if (!json_is_string(value) || json_string_length(value) > max || version < 0)
		return -EBADMSG;
	copy = strdup(json_string_value(value));
	if (!copy)
		return -ENOMEM;
	*ret = (struct parameter){ .value = copy, .version = (uint64_t)version };
	return 0;
}

int parameter_reply(const char *body, size_t size, size_t max, struct parameter *ret)
{
	CLEANUP(json_decref_cleanup) json_t *object = json_loadb(body, size, 0, NULL);

	return members_read(json_object_get(object, "Parameter"), max, ret);
}

void parameter_clear(struct parameter *parameter)
{
	/* It may be a SecureString. */
	if (parameter->value)
		explicit_bzero(parameter->value, strlen(parameter->value));
	free(parameter->value);
	*parameter = (struct parameter){ 0 };
}
