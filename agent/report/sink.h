/* SPDX-License-Identifier: Apache-2.0
 *
 * Sinks: where findings go once they are in the journal, and what was done about them. A row in the
 * table of sinks adds one.
 *
 * A sink is told of a new finding at once. Of repeats it is told at most once an interval for each
 * finding, with the count by then; one that is held back goes out with a later sink_flush(). A
 * sink that fails says so once, counts what it lost, and says when it works again; the finding is
 * in the journal all the same.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/view.h"

struct journal;
struct journal_entry;
struct sink;

/* One delivery. All of it is borrowed for the call. */
struct sink_message {
	const json_t *object; /* the finding (or another OCSF object) */
	const char *line;     /* the same as one line, without the newline */
	size_t length;	      /* of line */
	struct view view;     /* the object's plain fields */
	bool repeat;	      /* the sink has been told of this finding before */
};

struct sink_options {
	struct {
		const char *path;
		uint64_t max_bytes; /* rotated beyond that; 0: never */
		unsigned keep;	    /* rotated files beside the current one */
	} file;
	struct {
		int fd; /* borrowed */
	} screen;
	/* Least time between two deliveries of one finding, ns; 0: each. Not for the screen, which
	 * has its own. */
	uint64_t repeat_interval;
	/* Borrowed: where a repeat that was held back is read from when it is due. */
	struct journal *journal;
};
#define SINK_REPEAT_INTERVAL (60 * UINT64_C(1000000000))

/* Functions return 0 or a negative errno, and do not log. */
struct sink_type {
	const char *name;
	int (*open)(const struct sink_options *options, void **ret);
	int (*deliver)(void *state, const struct sink_message *message);
	int (*flush)(void *state);  /* what waits for a reader, once a second; may be NULL */
	int (*reopen)(void *state); /* files were moved away; may be NULL */
	void (*close)(void *state);
	uint64_t repeat_interval; /* the type's own; 0: the options' */
	bool findings_only;	  /* the finding itself says what was done, and that is enough */
};
#define SINK_TYPES_MAX 3

extern const struct sink_type sink_file, sink_journald, sink_screen;

/* name: "file", "journald", "screen". -ENOENT: no such sink. */
int sink_open(const char *name, const struct sink_options *options, struct sink **ret);
void sink_close(struct sink *sink); /* delivers what was held back: before journal_close() */

/* At once: a new finding, one that has become worse, or what was done about one. line: object's. */
void sink_deliver(struct sink *sink, const json_t *object, const char *line);
/* A finding's repeats, as journal_changed is told of them (and may be called from there): now when
 * it is due, else only its uid is kept, and the rest read from the journal later. */
void sink_repeat(struct sink *sink, const struct journal_entry *entry);
/* To be called about once a second, after journal_flush(): what was held back and is due. */
void sink_flush(struct sink *sink);
/* On SIGHUP. */
void sink_reopen(struct sink *sink);

struct sink_statistics {
	const char *name;
	uint64_t delivered, failed;
	uint64_t held; /* repeats that wait, by now */
	int error;     /* of the last delivery: 0 or a negative errno */
};
void sink_statistics(const struct sink *sink, struct sink_statistics *ret);
