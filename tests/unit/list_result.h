/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists for tests: what reading one gave, as text to compare.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "intel/list.h"

#define RESULT_SIZE 16384

/* What reading a list gave, one line an entry or rejection:
 * "3 block evil.com" or "3 !single-label". */
struct result {
	char text[RESULT_SIZE];
	size_t used;
	uint64_t told;
	bool attributes; /* severity, feed, tags and expiry as well */
};

static inline void result_add(struct result *result, const char *text)
{
	size_t length = strlen(text);

	assert_true(result->used + length < sizeof(result->text));
	memcpy(result->text + result->used, text, length + 1);
	result->used += length;
}

static inline int take(const struct list_entry *entry, void *data)
{
	struct result *result = data;
	char text[INDICATOR_TEXT_SIZE], line[INDICATOR_TEXT_SIZE + 512];
	const struct list_attributes *of = entry->attributes;

	if (entry->indicator.kind == INDICATOR_DOMAIN)
		domain_name_format(&entry->indicator.name, text);
	else if (entry->indicator.kind == INDICATOR_ADDRESS)
		address_format_prefix(&entry->indicator.address, entry->indicator.prefix, text);
	else
		digest_text(entry->indicator.hash, entry->indicator.hash_size, text);
	(void)snprintf(line, sizeof(line), "%u %s %s%s", (unsigned)entry->line,
		       of->action == INDICATOR_ALLOW ? "allow" : "block", text,
		       entry->indicator.masked ? " masked" : "");
	result_add(result, line);
	if (result->attributes) {
		(void)snprintf(line, sizeof(line), " %s %u [%s] %llu%s", of->feed, of->severity,
			       of->tags, (unsigned long long)of->expiry,
			       of->force_suffix ? " forced" : "");
		result_add(result, line);
	}
	result_add(result, "\n");
	result->told++;
	return 0;
}

static inline void reject(const struct list_rejection *rejection, void *data)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "%u !%s\n", (unsigned)rejection->line,
		       list_reason_name(rejection->reason));
	result_add(data, line);
	((struct result *)data)->told++;
	assert_string_equal(rejection->path, "test.list");
}

static inline void pass_over(enum list_skip skipped, void *data)
{
	assert_true(skipped < LIST_SKIPS);
	((struct result *)data)->told++;
}

static inline int read_bytes_as(enum list_format format, const void *bytes, size_t size,
				struct result *result)
{
	CLEANUP(close_cleanup) int fd = memfd_create("list", MFD_CLOEXEC);
	struct list_sink sink = {
		.entry = take, .reject = reject, .skip = pass_over, .data = result
	};
	struct list_attributes defaults = { .feed = "f" };
	struct list_counts counts;
	uint64_t told = result->told;
	int r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	r = list_read_fd(fd, "test.list", format, &defaults, &sink, &counts);
	/* Each thing that was read is told once. */
	assert_int_equal(counts.items, result->told - told);
	return r;
}

static inline int read_bytes(const void *bytes, size_t size, struct result *result)
{
	return read_bytes_as(LIST_FORMAT_AUTO, bytes, size, result);
}

struct list_case {
	const char *list, *expected;
};

static inline void cases_check(const struct list_case *cases, size_t count, bool attributes)
{
	for (size_t i = 0; i < count; i++) {
		struct result result = { .attributes = attributes };

		assert_int_equal(read_bytes(cases[i].list, strlen(cases[i].list), &result), 0);
		if (strcmp(result.text, cases[i].expected) != 0)
			fail_msg("list:\n%s\nexpected:\n%s\ngot:\n%s", cases[i].list,
				 cases[i].expected, result.text);
	}
}
