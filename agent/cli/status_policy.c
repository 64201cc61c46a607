/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy in `cordon status`: its files, what it knows of the instance, and which exceptions end
 * (daemon/policy_endings.c). Taken as a stranger's: what is missing is shown as "-".
 */
#include "cli/status_policy.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "cli/status_array.h"

static void endings_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "rule", .title = "EXCEPTION" }, { .key = "until", .title = "ENDS" },
		{ .key = "over", .title = "OVER" },	 { .key = "owner", .title = "OWNER" },
		{ .key = "reason", .title = "REASON" },
	};
	static const enum form forms[] = { FORM_TEXT, FORM_TEXT, FORM_TRUTH, FORM_TEXT, FORM_TEXT };

	status_array_print(writer, value_find(reply, "policy.endings"), "Exceptions that end",
			   columns, forms, ELEMENTS(columns));
}

static void tags_print(struct writer *writer, const json_t *tags)
{
	char count[32], source[64], error[1024];

	if (!json_is_object(tags))
		return;
	value_show(json_object_get(tags, "count"), FORM_NUMBER, count, sizeof(count));
	value_show(json_object_get(tags, "source"), FORM_TEXT, source, sizeof(source));
	value_show(json_object_get(tags, "error"), FORM_TEXT, error, sizeof(error));
	writer_value(writer, "instance_tags", "tags of the instance", WRITER_PLAIN, "%s (from %s)",
		     count, source);
	if (json_is_string(json_object_get(tags, "error")))
		writer_value(writer, "instance_tags_error", "why not", WRITER_BAD, "%s", error);
}

void status_policy_print(struct writer *writer, const json_t *reply)
{
	const json_t *file;
	char name[1024];
	size_t i;

	writer_section(writer, "policy", "Policy");
	writer_value(writer, "rules", "rules", WRITER_PLAIN, "%" PRIu64,
		     value_number(value_find(reply, "policy.rules")));
	json_array_foreach(value_find(reply, "policy.files"), i, file)
	{
		value_show(file, FORM_TEXT, name, sizeof(name));
		writer_value(writer, "file", "file", WRITER_PLAIN, "%s", name);
	}
	tags_print(writer, value_find(reply, "policy.instance_tags"));
	writer_end(writer);
	endings_print(writer, reply);
}
