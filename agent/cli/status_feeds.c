/* SPDX-License-Identifier: Apache-2.0
 *
 * The feeds in `cordon status`: those that the daemon fetches, how old they are and what was wrong
 * with them last (daemon/feeds.c); of a pack that others made, what is in it. Taken as a
 * stranger's: what is missing is shown as "-".
 */
#include "cli/status_feeds.h"

#include "base/cleanup.h"
#include "cli/status_array.h"

/* That of a pack that was compiled elsewhere. */
static void contents_print(struct writer *writer, const json_t *reply)
{
	static const struct writer_column columns[] = {
		{ .key = "name", .title = "FEED" },
		{ .key = "entries", .title = "ENTRIES", .right = true },
	};
	static const enum form forms[] = { FORM_TEXT, FORM_NUMBER };

	status_array_print(writer, value_find(reply, "pack.feeds"), "Feeds", columns, forms,
			   ELEMENTS(columns));
}

static void fetched_print(struct writer *writer, const json_t *list)
{
	static const struct writer_column columns[] = {
		{ .key = "name", .title = "FEED" },
		{ .key = "age", .title = "AGE", .right = true },
		{ .key = "checked", .title = "CHECKED", .right = true },
		{ .key = "entries", .title = "ENTRIES", .right = true },
		{ .key = "rejected", .title = "REJECTED", .right = true },
		{ .key = "waiting", .title = "CANARY WAITS" },
		{ .key = "error", .title = "ERROR" },
	};
	static const enum form forms[] = { FORM_TEXT,	FORM_SECONDS, FORM_SECONDS, FORM_NUMBER,
					   FORM_NUMBER, FORM_TRUTH,   FORM_TEXT };

	status_array_print(writer, list, "Feeds", columns, forms, ELEMENTS(columns));
}

static void held_print(struct writer *writer, const json_t *reply)
{
	char why[1024], age[64];

	if (!json_is_string(value_find(reply, "feeds.held")))
		return;
	value_show(value_find(reply, "feeds.held"), FORM_TEXT, why, sizeof(why));
	value_show(value_find(reply, "feeds.held_age"), FORM_SECONDS, age, sizeof(age));
	writer_section(writer, "held", "Held back");
	writer_value(writer, "held", "why", WRITER_BAD, "%s", why);
	writer_value(writer, "held_age", "for", WRITER_PLAIN, "%s", age);
	writer_value(writer, "held_remedy", "to let it through", WRITER_PLAIN,
		     "cordon intel accept");
	writer_end(writer);
}

void status_feeds_print(struct writer *writer, const json_t *reply)
{
	const json_t *list = value_find(reply, "feeds.feeds");

	if (json_array_size(list) > 0)
		fetched_print(writer, list);
	else
		contents_print(writer, reply);
	held_print(writer, reply);
}
