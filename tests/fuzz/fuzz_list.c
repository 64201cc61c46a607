/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a list. Whatever is taken must be an entry that a pack can hold, and every
 * rejection must say where and why.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "intel/list.h"
#include "probes/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void name_check(const struct domain_name *name)
{
	uint8_t starts[DOMAIN_NAME_LABELS];
	struct domain_name read;

	assert(domain_name_read(name->wire, name->length, &read) == 0);
	assert(read.length == name->length);
	assert(domain_name_labels(name, starts) >= 1);
	assert(domain_name_labels(name, starts) <= TABLE_LABELS_MAX);
	for (size_t i = 0; i < name->length; i++)
		assert(name->wire[i] < 'A' || name->wire[i] > 'Z');
}

static int take(const struct list_entry *entry, void *data)
{
	struct address address = entry->indicator.address;
	uint64_t *seen = data;

	(*seen)++;
	assert(entry->line > 0);
	assert(memchr(entry->attributes->feed, 0, LIST_FEED_SIZE));
	assert(memchr(entry->attributes->tags, 0, LIST_TAGS_SIZE));
	assert(entry->attributes->severity <= 5);
	if (entry->indicator.kind == INDICATOR_DOMAIN) {
		name_check(&entry->indicator.name);
	} else if (entry->indicator.kind == INDICATOR_ADDRESS) {
		assert(entry->indicator.prefix <= 128);
		address_mask(&address, entry->indicator.prefix);
		assert(address_equal(&address, &entry->indicator.address));
	} else {
		assert(entry->indicator.hash_size <= LIST_HASH_MAX);
	}
	return 0;
}

static void reject(const struct list_rejection *rejection, void *data)
{
	uint64_t *seen = data;

	(*seen)++;
	assert(rejection->line > 0);
	assert(rejection->reason > LIST_TAKEN && rejection->reason < LIST_REASONS);
	assert(*list_reason_name(rejection->reason));
	assert(rejection->text.size == 0 || rejection->text.text);
}

static void skip(enum list_skip skip, void *data)
{
	uint64_t *seen = data;

	(*seen)++;
	assert(*list_skip_name(skip));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(close_cleanup) int fd = memfd_create("list", MFD_CLOEXEC);
	struct list_attributes defaults = { .never_block = size & 1 };
	uint64_t seen = 0;
	struct list_counts counts;
	struct list_sink sink = { .entry = take, .reject = reject, .skip = skip, .data = &seen };

	if (fd < 0 || fd_write_all(fd, data, size) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	(void)list_read_fd(fd, "fuzz", LIST_FORMAT_AUTO, &defaults, &sink, &counts);
	assert(counts.items == seen);
	return 0;
}
