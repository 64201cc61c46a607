/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether an update is held back: what a worker found out about it (intel/pack_diff.h), against
 * what the configuration lets pass. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "daemon/agent.h"
#include "daemon/feeds.h"

/* Lists of fewer entries are kept by hand, and change as a whole. */
#define CHANGE_MIN 100

static bool is_configured(const struct config *config, const char *feed)
{
	for (size_t i = 0; i < config->intel.feeds_count; i++)
		if (strcmp(config->intel.feeds[i].name, feed) == 0)
			return true;
	/* Of a pack made elsewhere. */
	return config->intel.source.url != NULL;
}

static int change_check(const struct config *config, const struct pack_change *change,
			char why[static FEED_ERROR_SIZE])
{
	uint64_t changed = change->added + change->removed;
	char name[sizeof(change->feed) * 4];

	/* A feed that is new, or that the configuration has no more, is somebody's will. */
	if (change->before == 0 || !is_configured(config, change->feed) || changed < CHANGE_MIN ||
	    changed * 100 / change->before < config->intel.max_change)
		return 0;
	(void)escape_text(change->feed, strlen(change->feed), name, sizeof(name));
	(void)snprintf(why, FEED_ERROR_SIZE,
		       "feed %s changes by %llu %% (%llu entries before, %llu added, %llu "
		       "removed), more than intel.max_change",
		       name, (unsigned long long)(changed * 100 / change->before),
		       (unsigned long long)change->before, (unsigned long long)change->added,
		       (unsigned long long)change->removed);
	return 1;
}

static int named_check(const struct compile_named *named, const char *who, const char *what,
		       char why[static FEED_ERROR_SIZE])
{
	char name[COMPILE_TEXT_SIZE * 2];

	if (named->count == 0)
		return 0;
	(void)escape_text(named->name, strlen(named->name), name, sizeof(name));
	(void)snprintf(why, FEED_ERROR_SIZE, "it would newly block %.255s, which %s (%llu %s)",
		       name, who, (unsigned long long)named->count, what);
	return 1;
}

/* More names that must not be blocked than the list had before: whoever writes it makes mistakes,
 * or worse. They are not in the pack in any case. */
static int never_check(const struct feeds *feeds, const struct compile_result *result,
		       char why[static FEED_ERROR_SIZE])
{
	const struct config *config = &feeds->agent->config;

	for (size_t i = 0; i < result->feeds_count && i < feeds->numbers_count; i++) {
		const char *name = config->intel.feeds[feeds->numbers[i]].name;
		uint64_t hits = result->feeds[i].rejected[LIST_NEVER_BLOCK];

		for (size_t k = 0; k < feeds->store.count; k++) {
			const struct feed_record *record = &feeds->store.records[k];

			if (strcmp(record->name, name) != 0 || record->items == 0 ||
			    hits <= record->never_blocked)
				continue;
			(void)snprintf(why, FEED_ERROR_SIZE,
				       "feed %.200s lists %llu names of the never-block list, "
				       "%llu before",
				       name, (unsigned long long)hits,
				       (unsigned long long)record->never_blocked);
			return 1;
		}
	}
	return 0;
}

int feed_check(const struct feeds *feeds, const struct compile_result *result,
	       char why[static FEED_ERROR_SIZE])
{
	/* There must be something in force that is better. */
	if (!feeds->agent->pack || feeds->accepted)
		return 0;
	if (named_check(&result->done->done.popular, "everybody uses", "popular names", why) ||
	    named_check(&result->done->done.in_use, "this host has used for long", "such names",
			why) ||
	    never_check(feeds, result, why))
		return 1;
	for (size_t i = 0; i < result->changes_count; i++)
		if (change_check(&feeds->agent->config, &result->changes[i], why))
			return 1;
	return 0;
}
