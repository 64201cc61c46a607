/* SPDX-License-Identifier: Apache-2.0
 *
 * What isolation.c (the ports), isolation_cut.c (the host cut), isolation_control.c (requests of
 * root) and isolation_dry.c (the dry run) share.
 */
#pragma once

#include <systemd/sd-event.h>

#include "daemon/isolation.h"
#include "detect/finding.h"
#include "response/isolate.h"

/* Told in one turn of the loop; an isolation has few things to tell. */
#define ISOLATION_NEWS_MAX 8

struct isolation_news {
	enum isolate_news news;
	uint64_t time;
	char uid[JOURNAL_UID_SIZE], finding[JOURNAL_UID_SIZE];
	char reason[ISOLATION_REASON_SIZE], text[ISOLATION_NOTE_SIZE];
};

struct isolation_dry;

struct isolation {
	struct isolate *isolate;
	sd_event_source *tell, *timer;
	struct isolation_news news[ISOLATION_NEWS_MAX];
	size_t news_count;
	uint64_t repeated; /* boot clock */
	struct isolation_dry *dry;
};

/* isolation_cut.c: ports of struct isolate_ports. */
int isolation_cut(const struct isolation_record *record, uint64_t deadline, bool provisional,
		  void *userdata);
int isolation_lift(void *userdata);

/* isolation_dry.c */
int isolation_dry_begin(struct agent *agent);
/* text NULL: no reply will come. */
void isolation_dry_replied(struct agent *agent, uint64_t number, const char *text, size_t size);
/* Borrowed; NULL: there was none. */
json_t *isolation_dry_result(const struct isolation *isolation);
void isolation_dry_free(struct isolation_dry *dry);
