/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "intel/address_table_build.h"
#include "intel/domain_table_build.h"
#include "intel/never_block.h"
#include "intel/resolver_list.h"

/* The feed that the never-block list's entries show as theirs. */
#define NEVER_BLOCK_FEED "never-block"

struct compile {
	const struct compile_options *options;
	struct compile_report *report;
	struct compile_feed_report *feed; /* of the one being read, or NULL */
	struct entry_set set;
	struct never_block *never;
	uint64_t now;
	uint64_t lines_before; /* of the lists read up to now */
	bool never_broken;
};

CLEANUP_DEFINE(struct never_block *, never_block_free)

static void compile_clear(struct compile *compile)
{
	entry_set_clear(&compile->set);
	never_block_free(compile->never);
}

static void reject_count(struct compile *compile, enum list_reason reason)
{
	compile->report->rejected[reason]++;
	if (compile->feed)
		compile->feed->rejected[reason]++;
}

static void reject_entry(struct compile *compile, const struct list_entry *entry,
			 enum list_reason reason)
{
	char text[INDICATOR_TEXT_SIZE] = "";
	struct list_rejection rejection = { entry->path, entry->line, reason, { text, 0 } };

	if (entry->indicator.kind == INDICATOR_DOMAIN)
		domain_name_format(&entry->indicator.name, text);
	else if (entry->indicator.kind == INDICATOR_ADDRESS)
		address_format_prefix(&entry->indicator.address, entry->indicator.prefix, text);
	else
		pack_hash_format(entry->indicator.hash, entry->indicator.hash_size, text);
	rejection.text.size = strlen(text);
	reject_count(compile, reason);
	if (compile->options->rejected)
		compile->options->rejected(&rejection, compile->options->data);
}

static int take_entry(const struct list_entry *entry, void *data)
{
	struct compile *compile = data;
	const struct list_attributes *attributes = entry->attributes;
	struct domain_hashes hashes;
	int r = 0;

	if (attributes->expiry && attributes->expiry <= compile->now) {
		reject_entry(compile, entry, LIST_EXPIRED);
		return 0;
	}
	if (entry->indicator.kind == INDICATOR_DOMAIN)
		domain_hashes_compute(&entry->indicator.name, &compile->set.key, &hashes);
	if (attributes->never_block) {
		r = never_block_add(compile->never, entry, &hashes);
	} else if (attributes->action == INDICATOR_BLOCK &&
		   never_block_covers(compile->never, &entry->indicator, &hashes)) {
		reject_entry(compile, entry, LIST_NEVER_BLOCK);
		return 0;
	}
	compile->report->masked += entry->indicator.masked;
	if (compile->feed)
		compile->feed->entries++;
	return r < 0 ? r : entry_set_add(&compile->set, entry, &hashes);
}

static void take_rejection(const struct list_rejection *rejection, void *data)
{
	struct compile *compile = data;

	reject_count(compile, rejection->reason);
	compile->never_broken = true;
	if (compile->options->rejected)
		compile->options->rejected(rejection, compile->options->data);
}

static void take_skip(enum list_skip skip, void *data)
{
	struct compile *compile = data;

	compile->report->skipped[skip]++;
	if (compile->feed)
		compile->feed->skipped++;
}

static void take_progress(uint64_t lines, void *data)
{
	struct compile *compile = data;

	if (compile->options->progress)
		compile->options->progress(compile->lines_before + lines, compile->options->data);
}

static int read_list_fd(struct compile *compile, int fd, const char *path, enum list_format format,
			const struct list_attributes *attributes)
{
	struct list_sink sink = { take_entry, take_rejection, take_skip, take_progress, compile };
	struct list_counts counts;
	int r = list_read_fd(fd, path, format, attributes, &sink, &counts);

	compile->lines_before += counts.lines;
	compile->report->items += counts.items;
	if (compile->feed) {
		compile->feed->lines = counts.lines;
		compile->feed->items = counts.items;
	}
	if (r < 0)
		compile->report->failed_path = path;
	return r;
}

static int read_list(struct compile *compile, const char *path, enum list_format format,
		     const struct list_attributes *attributes)
{
	CLEANUP(close_cleanup) int fd = -1;

	if (strcmp(path, "-") == 0)
		return read_list_fd(compile, STDIN_FILENO, "standard input", format, attributes);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		compile->report->failed_path = path;
		return -errno;
	}
	return read_list_fd(compile, fd, path, format, attributes);
}

/* A list that does not say what feed it is goes by its file's name, without folder and ending. */
static void feed_from_path(struct list_attributes *attributes, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	struct list_attributes word = { 0 };
	size_t size = dot && dot != name ? (size_t)(dot - name) : strlen(name);

	if (size >= LIST_FEED_SIZE)
		size = LIST_FEED_SIZE - 1;
	/* Made into a word as tags are. */
	list_attributes_add_tag(&word, (struct span){ name, size });
	if (strcmp(path, "-") != 0)
		memcpy(attributes->feed, word.tags, LIST_FEED_SIZE - 1);
}

static int attributes_from_options(const struct compile_options *options,
				   struct list_attributes *ret)
{
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	ret->severity = options->severity;
	ret->force_suffix = options->force_suffix;
	if (options->feed) {
		ret->feed_given = 1;
		r = list_attributes_feed(ret,
					 (struct span){ options->feed, strlen(options->feed) });
	}
	if (r == 0 && options->tags)
		r = list_attributes_tags(ret,
					 (struct span){ options->tags, strlen(options->tags) });
	return r;
}

/* All or nothing: a protection with holes that nobody sees is none. */
static int read_never_block(struct compile *compile)
{
	struct list_attributes attributes = { .action = INDICATOR_ALLOW,
					      .never_block = 1,
					      .force_suffix = 1,
					      .feed_given = 1,
					      .feed = NEVER_BLOCK_FEED };
	CLEANUP(close_cleanup) int fd = -1;
	const char *path;
	int r;

	if (compile->options->no_never_block)
		return 0;
	path = "the never-block list";
	if (!compile->options->never_block_fd) {
		fd = never_block_open(compile->options->never_block, &path);
		if (fd < 0) {
			compile->report->failed_path = path;
			return fd;
		}
	}
	compile->report->failed_path = path;
	r = read_list_fd(compile, fd < 0 ? compile->options->never_block_fd : fd, path,
			 LIST_FORMAT_AUTO, &attributes);
	if (r < 0 || compile->never_broken)
		return r < 0 ? r : -EINVAL;
	compile->report->failed_path = NULL;
	compile->report->masked = 0;
	compile->report->items = 0;
	memset(compile->report->skipped, 0, sizeof(compile->report->skipped));
	compile->lines_before = 0;
	return 0;
}

static int read_lists(struct compile *compile, const char *const *paths, size_t count,
		      enum indicator_action action)
{
	struct list_attributes defaults;
	int r = attributes_from_options(compile->options, &defaults);

	defaults.action = (uint8_t)action;
	for (size_t i = 0; i < count && r == 0; i++) {
		struct list_attributes attributes = defaults;

		if (!attributes.feed_given)
			feed_from_path(&attributes, paths[i]);
		r = read_list(compile, paths[i], compile->options->format, &attributes);
	}
	compile->report->lines = compile->lines_before;
	return r;
}

/* To out_path, or for NULL to out_fd. */
static int write_pack(struct compile *compile, const char *out_path, int out_fd)
{
	struct compile_report *report = compile->report;
	CLEANUP(free_cleanup) void *table = NULL;
	struct entry_counts counts;
	size_t table_bytes;
	int r = entry_set_finish(&compile->set, &counts);

	if (r < 0)
		return r;
	report->domains = counts.domains;
	report->addresses = counts.addresses;
	report->hashes = counts.hashes;
	report->allows = counts.allows;
	report->never_block = counts.never_block;
	report->duplicates = counts.duplicates;
	if (counts.domains + counts.addresses + counts.hashes == 0)
		return -ENODATA;
	r = domain_table_build(&compile->set, &table, &table_bytes);
	if (r == 0)
		r = address_table_add(&compile->set, &table, &table_bytes);
	if (r < 0)
		return r;
	if (out_path)
		r = pack_write(out_path, &compile->set, &counts, table, table_bytes, compile->now,
			       &report->pack);
	else
		r = pack_write_fd(out_fd, &compile->set, &counts, table, table_bytes, compile->now,
				  &report->pack);
	if (r < 0)
		report->failed_path = out_path;
	return r;
}

/* What it says of itself holds: its feed, severity and tag. */
static int read_builtin_resolvers(struct compile *compile)
{
	struct list_attributes attributes = { .action = INDICATOR_BLOCK };
	CLEANUP(close_cleanup) int fd = -1;
	int given = compile->options->resolvers_fd;

	if (!given && !compile->options->builtin_resolvers)
		return 0;
	if (!given) {
		fd = resolver_list_open();
		if (fd < 0)
			return fd;
	}
	return read_list_fd(compile, given ? given : fd, RESOLVER_LIST_PATH, LIST_FORMAT_AUTO,
			    &attributes);
}

static int read_feed(struct compile *compile, const struct compile_feed *feed)
{
	const struct compile_options options = {
		.feed = feed->name,
		.tags = feed->tags && feed->tags[0] ? feed->tags : NULL,
		.severity = feed->severity,
		.force_suffix = compile->options->force_suffix,
	};
	struct list_attributes attributes;
	int r = attributes_from_options(&options, &attributes);

	attributes.action = feed->allow ? INDICATOR_ALLOW : INDICATOR_BLOCK;
	attributes.expiry = feed->expiry;
	if (r < 0)
		return r;
	if (feed->fd)
		return read_list_fd(compile, feed->fd, feed->path, feed->format, &attributes);
	return read_list(compile, feed->path, feed->format, &attributes);
}

/* feed_reports: one a feed, or NULL. */
static int read_feeds(struct compile *compile, const struct compile_feed *feeds, size_t count,
		      struct compile_feed_report *feed_reports)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		compile->feed = feed_reports ? &feed_reports[i] : NULL;
		r = read_feed(compile, &feeds[i]);
		if (r < 0)
			compile->report->failed_feed = i;
	}
	compile->feed = NULL;
	if (r == 0)
		r = read_builtin_resolvers(compile);
	compile->report->lines = compile->lines_before;
	return r;
}

static int compile_begin(struct compile *compile)
{
	int r;

	memset(compile->report, 0, sizeof(*compile->report));
	compile->report->failed_feed = SIZE_MAX;
	r = entry_set_init(&compile->set);
	if (r == 0)
		r = never_block_new(&compile->never);
	return r < 0 ? r : read_never_block(compile);
}

int compile_feeds(const struct compile_feed *feeds, size_t count,
		  const struct compile_options *options, const char *out_path,
		  struct compile_report *report)
{
	CLEANUP(compile_clear)
	struct compile compile = { .options = options,
				   .report = report,
				   .now = clock_realtime() / NS_PER_SECOND };
	int r = compile_begin(&compile);

	if (r == 0)
		r = read_feeds(&compile, feeds, count, NULL);
	return r < 0 ? r : write_pack(&compile, out_path, -1);
}

int compile_feeds_fd(const struct compile_feed *feeds, size_t count,
		     const struct compile_options *options, int out_fd,
		     struct compile_report *report, struct compile_feed_report *feed_reports)
{
	CLEANUP(compile_clear)
	struct compile compile = { .options = options,
				   .report = report,
				   .now = clock_realtime() / NS_PER_SECOND };
	int r;

	memset(feed_reports, 0, count * sizeof(*feed_reports));
	r = compile_begin(&compile);
	if (r == 0)
		r = read_feeds(&compile, feeds, count, feed_reports);
	return r < 0 ? r : write_pack(&compile, NULL, out_fd);
}

int compile_lists(const char *const *paths, size_t count, const struct compile_options *options,
		  const char *out_path, struct compile_report *report)
{
	CLEANUP(compile_clear)
	struct compile compile = { .options = options,
				   .report = report,
				   .now = clock_realtime() / NS_PER_SECOND };
	int r = compile_begin(&compile);

	if (r == 0)
		r = read_lists(&compile, paths, count, INDICATOR_BLOCK);
	if (r == 0)
		r = read_lists(&compile, options->allow_paths, options->allow_count,
			       INDICATOR_ALLOW);
	return r < 0 ? r : write_pack(&compile, out_path, -1);
}
