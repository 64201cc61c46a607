/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists to a pack.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "intel/list.h"
#include "intel/pack_write.h"

/* A list and what it says of its entries where they do not. */
struct compile_feed {
	const char *path, *name; /* name: stands over the list's own */
	int fd; /* borrowed; 0: path is opened, else it is only the name in messages */
	enum list_format format;
	const char *tags; /* NULL or "": none */
	uint64_t expiry;  /* of entries that have none; seconds since the epoch, 0: never */
	uint8_t severity; /* 0: none */
	bool allow;
};

struct compile_options {
	const char *feed; /* stands over the lists' own names for themselves; NULL: theirs, else
			   * the file's name */
	uint8_t severity; /* of entries that have none of their own; 0: none */
	enum list_format format;	/* of all lists */
	const char *tags;		/* of all entries, besides their own; NULL: none */
	const char *const *allow_paths; /* lists whose entries are allow entries */
	size_t allow_count;
	const char *never_block; /* path of the never-block list; NULL: see never_block_open() */
	bool no_never_block;
	int never_block_fd;	/* borrowed, in the place of never_block; 0: none */
	int resolvers_fd;	/* likewise of builtin_resolvers */
	bool builtin_resolvers; /* the list of public resolvers that comes with the program, too */
	bool force_suffix;	/* take public suffixes, single labels, wide prefixes */
	/* Both may be NULL. */
	void (*rejected)(const struct list_rejection *rejection, void *data);
	void (*progress)(uint64_t lines, void *data);
	void *data;
};

/* items = domains + addresses + hashes + duplicates + all of rejected + all of skipped (list.h,
 * struct list_counts). */
struct compile_report {
	uint64_t lines, items;
	uint64_t domains, addresses, hashes; /* entries in the pack; the never-block list's do not
					      * count */
	uint64_t allows;		     /* of them */
	uint64_t never_block;		     /* entries of that list */
	uint64_t duplicates;
	uint64_t masked; /* prefixes with bits set beyond their length, taken without them */
	uint64_t rejected[LIST_REASONS];
	uint64_t skipped[LIST_SKIPS];
	struct pack_written pack;
	size_t failed_feed;	 /* on failure: the feed that it is about, or SIZE_MAX */
	const char *failed_path; /* on failure: the file it is about (borrowed), or NULL */
};

/* What one feed gave: items = entries + all of rejected + skipped. Entries may be duplicates. */
struct compile_feed_report {
	uint64_t lines, items, entries, skipped;
	uint64_t rejected[LIST_REASONS];
};

/* Compiles lists ("-": standard input) into a pack at out_path. *report is filled in on failure as
 * well, as far as it went. -EINVAL: an option's value, or a line of the never-block list, is not
 * valid; -ENODATA: no list had an entry; -E2BIG: more than a pack can hold; errors of reading and
 * writing. */
int compile_lists(const char *const *paths, size_t count, const struct compile_options *options,
		  const char *out_path, struct compile_report *report);

/* The same with each list's own settings; feed, severity, tags and allow lists of the options do
 * not count. */
int compile_feeds(const struct compile_feed *feeds, size_t count,
		  const struct compile_options *options, const char *out_path,
		  struct compile_report *report);

/* The same into out_fd (borrowed), an empty file, with a report for each feed. It opens nothing
 * whose descriptor is given. */
int compile_feeds_fd(const struct compile_feed *feeds, size_t count,
		     const struct compile_options *options, int out_fd,
		     struct compile_report *report, struct compile_feed_report *feed_reports);
