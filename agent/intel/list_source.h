/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a list, in lines or one by one, through one buffer of fixed size whatever the size
 * of the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "intel/span.h"

/* Longest line that is looked at; a longer one is no list entry in any format that we read. */
#define LIST_LINE_MAX	 65536
/* How much of a longer one is shown. */
#define LIST_SAMPLE_SIZE 64
/* Most bytes of one list, as they come out of gzip: some 40 million names. A list without an end is
 * one that somebody wants us to read for ever. */
#define LIST_BYTES_MAX	 (UINT64_C(1) << 30)

struct list_inflate;

struct list_source {
	int fd;			      /* borrowed */
	struct list_inflate *inflate; /* NULL: it is not gzip */
	bool begun;
	int error;	/* the first one stays */
	uint64_t bytes; /* read up to now */
	char *buffer;	/* owned */
	size_t start, end;
	uint64_t line; /* lines read up to now: the number of the last one */
	bool at_end;
	char sample[LIST_SAMPLE_SIZE];
};

/* gzip is seen by its first bytes, and unpacked. -ENOMEM. All that reads returns errors of read(2);
 * -EBADMSG: damaged or truncated gzip; -EFBIG: more than LIST_BYTES_MAX. */
int list_source_open(struct list_source *source, int fd);
void list_source_close(struct list_source *source);

enum list_source_outcome {
	LIST_SOURCE_END,
	LIST_SOURCE_LINE,
	LIST_SOURCE_LONG_LINE, /* skipped; *ret_line is a sample of its start */
};

/* The next line without its end (LF or CRLF), borrowed until the next call. An outcome, or errors
 * of read(2). */
int list_source_line(struct list_source *source, struct span *ret_line);

/* What is ahead, at least LIST_LINE_MAX bytes unless the file ends before. Does not move on. */
int list_source_peek(struct list_source *source, struct span *ret_ahead);
/* The next byte, or -1 at the end (or on an error, which the next line or peek tells again). */
int list_source_byte(struct list_source *source);
