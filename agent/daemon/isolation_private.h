/* SPDX-License-Identifier: Apache-2.0
 *
 * What isolation.c (the ports), isolation_cut.c (the host cut), isolation_control.c (requests of
 * root), isolation_dry.c (dry runs), isolation_ready.c and isolation_evidence.c (the bundle) share.
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
struct isolation_bundle;
struct brake;

/* isolation_ready.c */
struct isolation_ready {
	struct isolation_dry *dry; /* the run under way, or the last one */
	uint64_t due;		   /* boot clock; 0: the instance is not known yet */
	uint64_t runs, time;	   /* of the last result, ns since the epoch; 0: none */
	bool running, sound;
	char why[ISOLATION_NOTE_SIZE];
};

struct isolation {
	struct isolate *isolate;
	sd_event_source *tell, *timer;
	struct isolation_news news[ISOLATION_NEWS_MAX];
	size_t news_count;
	uint64_t repeated; /* boot clock */
	struct isolation_dry *dry;
	struct isolation_bundle *bundle; /* NULL: none was begun by this daemon */
	struct isolation_ready ready;
	struct brake *brake;
};

/* isolation_cut.c: ports of struct isolate_ports. */
int isolation_cut(const struct isolation_record *record, uint64_t deadline, bool provisional,
		  void *userdata);
int isolation_lift(void *userdata);

/* isolation_evidence.c: ports of struct isolate_ports, and what is known of the bundle. */
int isolation_hold(pid_t pid, uint64_t start, void *userdata);
void isolation_thaw(void *userdata);
void isolation_evidence(const struct isolation_record *record, void *userdata);
/* A new reference; NULL: there is none. */
json_t *isolation_evidence_json(const struct agent *agent);
void isolation_evidence_close(struct isolation *isolation);

/* isolation_put.c: the file at path to S3, now and again until it is there or hope is gone. done is
 * called when it is (why NULL), when the first try has failed, and when it is given up. */
struct isolation_put;
typedef void (*isolation_put_done)(const char *where, const char *why, bool given_up,
				   void *userdata);
int isolation_put_begin(struct agent *agent, const char *path, const char *name,
			isolation_put_done done, void *userdata, struct isolation_put **ret);
void isolation_put_free(struct isolation_put *put);

/* isolation_dry.c */
/* Takes the place of the run before, if there is one. kind: 1 or 3, the lowest bits of its calls'
 * numbers. */
#define DRY_ASKED 1
#define DRY_READY 3
int isolation_dry_begin(struct agent *agent, uint64_t kind, struct isolation_dry **run);
/* text NULL: no reply will come. */
void isolation_dry_replied(struct isolation_dry *dry, uint64_t number, const char *text,
			   size_t size);
/* Borrowed; NULL: there was none. */
json_t *isolation_dry_result(const struct isolation_dry *dry);
void isolation_dry_free(struct isolation_dry *dry);

void isolation_ready_instance(struct agent *agent);
void isolation_ready_replied(struct agent *agent, uint64_t number, const char *text, size_t size);
void isolation_ready_tick(struct agent *agent);
/* A new reference; NULL: there is nothing to say. */
json_t *isolation_ready_json(const struct agent *agent);
