/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the dead man's switch: an isolation that no person has confirmed in time is released. The
 * time stands in the record, by the wall clock, so it goes on over restarts and reboots. Confirmed
 * is by root of this host, or from outside by a tag.
 *
 * It gets the tags from isolate_verify.c, which are a stranger's, and releases by
 * isolate_release.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "response/isolate_private.h"

/* A release that could not be made (no right to, nobody answers) is tried again. */
#define RELEASE_AGAIN (600 * NS_PER_SECOND)

static struct isolation_undo *confirm_row(const struct isolation_record *record)
{
	return isolation_undo_find(record, ISOLATION_KIND_CONFIRM, ISOLATION_ITSELF);
}

uint64_t confirm_until(const struct isolation_record *record)
{
	const struct isolation_undo *row = confirm_row(record);

	if (!row || row->touched || isolation_is_over(record->state))
		return 0;
	return strtoull(row->value, NULL, 10) * NS_PER_SECOND;
}

/* What a person has asked for needs no other. */
void confirm_begin(struct isolate *isolate)
{
	struct isolation_record *record = &isolate->record;
	char value[32];

	isolate->unconfirmed_at = 0;
	if (isolate->by_hand || !isolate->options.confirm)
		return;
	(void)snprintf(value, sizeof(value), "%" PRIu64,
		       (record->started + isolate->options.confirm) / NS_PER_SECOND);
	if (isolation_undo_add(record, ISOLATION_KIND_CONFIRM, ISOLATION_ITSELF, value) < 0)
		log_warning("isolation: it will not be released by itself: memory is short");
}

int isolate_confirm(struct isolate *isolate)
{
	struct isolation_undo *row = confirm_row(&isolate->record);
	int r;

	if (isolation_is_over(isolate->record.state))
		return -ENOENT;
	if (!row || row->touched)
		return -EALREADY;
	row->touched = true;
	r = state_set(isolate, isolate->record.state);
	/* What is not on disk would be released after a restart. */
	if (r < 0)
		row->touched = false;
	else
		log_notice("isolation %s is confirmed", isolate->record.uid);
	return r;
}

void confirm_look(struct isolate *isolate)
{
	const char *tag = facts_tag(&isolate->facts, ISOLATION_TAG_CONFIRMED);

	if (tag && strcmp(tag, isolate->record.uid) == 0)
		(void)isolate_confirm(isolate);
}

uint64_t confirm_wake(const struct isolate *isolate)
{
	uint64_t until = confirm_until(&isolate->record), now = clock_realtime();
	uint64_t again = isolate->unconfirmed_at ? isolate->unconfirmed_at + RELEASE_AGAIN : 0;
	uint64_t at = clock_boottime() + (until > now ? until - now : 0);

	if (!until || isolate->kept || isolate->record.state == ISOLATION_RELEASING)
		return UINT64_MAX;
	return at > again ? at : again;
}

bool confirm_turn(struct isolate *isolate)
{
	uint64_t until = confirm_until(&isolate->record);
	char text[128];

	if (isolate->number || confirm_wake(isolate) > clock_boottime())
		return false;
	isolate->unconfirmed_at = clock_boottime();
	(void)snprintf(text, sizeof(text),
		       "no person confirmed it within %" PRIu64 " s: it is being released",
		       (until - isolate->record.started) / NS_PER_SECOND);
	news_tell(isolate, ISOLATE_UNCONFIRMED, text);
	(void)isolate_release(isolate);
	return true;
}
