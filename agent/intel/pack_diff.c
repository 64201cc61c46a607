/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/pack_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "intel/array.h"
#include "intel/domain_hash.h"
#include "intel/list.h"

/* An entry of a feed as a number. Two that differ have the same one in a time in 2^64: the share
 * that changed is not wrong by that. */
struct mark {
	uint32_t feed;
	uint64_t hash;
};

struct marks {
	struct mark *of;
	size_t count, room;
	uint64_t key; /* random: nobody can make entries look alike */
	struct pack_change *changes;
	size_t change_count, last;
	int error;
};

static void marks_clear(struct marks *marks)
{
	free(marks->of);
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	/* FNV-1a from a secret start, and an avalanche behind it. */
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 33;
}

/* Entries of a feed stand together more often than not. */
static size_t feed_number(struct marks *marks, const char *feed)
{
	for (size_t i = 0; i < marks->change_count; i++) {
		size_t at = (marks->last + i) % marks->change_count;

		if (strcmp(marks->changes[at].feed, feed) == 0) {
			marks->last = at;
			return at;
		}
	}
	return SIZE_MAX;
}

static int mark_add(struct marks *marks, const struct indicator *indicator, const void *key,
		    size_t size)
{
	size_t feed = feed_number(marks, indicator->feed);
	uint8_t action = (uint8_t)indicator->action;
	struct mark *of;

	if (feed == SIZE_MAX)
		return -EBADMSG;
	of = array_reserve(marks->of, &marks->room, marks->count + 1, sizeof(*of));
	if (!of)
		return -ENOMEM;
	marks->of = of;
	of[marks->count++] =
		(struct mark){ (uint32_t)feed, mix(mix(marks->key, &action, 1), key, size) };
	return 0;
}

static int domain_mark(const struct domain_name *name, const struct indicator *indicator,
		       void *data)
{
	return mark_add(data, indicator, name->wire, name->length);
}

static int address_mark_add(const struct address *address, unsigned prefix,
			    const struct indicator *indicator, void *data)
{
	uint8_t key[sizeof(address->bytes) + 1];

	memcpy(key, address->bytes, sizeof(address->bytes));
	key[sizeof(address->bytes)] = (uint8_t)prefix;
	return mark_add(data, indicator, key, sizeof(key));
}

static int mark_compare(const void *a, const void *b)
{
	const struct mark *left = a, *right = b;

	if (left->feed != right->feed)
		return left->feed < right->feed ? -1 : 1;
	return (left->hash > right->hash) - (left->hash < right->hash);
}

static int marks_make(const struct pack *pack, struct marks *marks)
{
	int r = pack_each_domain(pack, domain_mark, marks);

	if (r == 0)
		r = pack_each_address(pack, address_mark_add, marks);
	if (r == 0 && marks->count > 0)
		qsort(marks->of, marks->count, sizeof(*marks->of), mark_compare);
	return r;
}

static void marks_compare(const struct marks *before, const struct marks *after,
			  struct pack_change *changes)
{
	size_t i = 0, k = 0;

	while (i < before->count || k < after->count) {
		int order = i == before->count	? 1
			    : k == after->count ? -1
						: mark_compare(&before->of[i], &after->of[k]);
		struct pack_change *change =
			&changes[order <= 0 ? before->of[i].feed : after->of[k].feed];

		change->before += order <= 0;
		change->after += order >= 0;
		change->removed += order < 0;
		change->added += order > 0;
		i += order <= 0;
		k += order >= 0;
	}
}

static size_t feeds_collect(const struct pack *pack, struct pack_change *changes, size_t count)
{
	struct pack_info info;

	pack_info(pack, &info);
	for (size_t i = 0; i < info.feeds; i++) {
		struct pack_feed feed;
		size_t known = 0;

		pack_feed(pack, i, &feed);
		while (known < count && strcmp(changes[known].feed, feed.name) != 0)
			known++;
		if (known < count || strlen(feed.name) >= sizeof(changes[count].feed))
			continue;
		memcpy(changes[count++].feed, feed.name, strlen(feed.name) + 1);
	}
	return count;
}

int pack_diff(const struct pack *before, const struct pack *after, struct pack_change **ret,
	      size_t *ret_count)
{
	CLEANUP(free_cleanup) struct pack_change *changes = NULL;
	CLEANUP(marks_clear) struct marks old = { 0 };
	CLEANUP(marks_clear) struct marks new = { 0 };
	struct pack_info info;
	size_t room, count;
	uint64_t key;
	int r = 0;

	if (getrandom(&key, sizeof(key), 0) != sizeof(key))
		return -EIO;
	pack_info(after, &info);
	room = info.feeds + 1;
	if (before) {
		pack_info(before, &info);
		room += info.feeds;
	}
	changes = calloc(room, sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	count = feeds_collect(after, changes, 0);
	if (before)
		count = feeds_collect(before, changes, count);
	old.key = new.key = key;
	old.changes = new.changes = changes;
	old.change_count = new.change_count = count;
	if (before)
		r = marks_make(before, &old);
	if (r == 0)
		r = marks_make(after, &new);
	if (r < 0)
		return r;
	marks_compare(&old, &new, changes);
	*ret = take_ptr(changes);
	*ret_count = count;
	return 0;
}

struct named {
	const struct pack *before, *after;
	uint64_t now, count;
	char *name;
};

static int named_look(const struct named *named, const struct pack *pack,
		      const struct list_indicator *indicator, bool *ret)
{
	struct pack_match match;
	int r = 0;

	*ret = false;
	if (pack && indicator->kind == INDICATOR_DOMAIN)
		r = pack_lookup_domain(pack, &indicator->name, named->now, &match);
	else if (pack && indicator->kind == INDICATOR_ADDRESS && indicator->prefix == 128)
		r = pack_lookup_address(pack, &indicator->address, named->now, &match);
	if (r > 0)
		*ret = match.blocked;
	return r < 0 ? r : 0;
}

static int named_take(const struct list_entry *entry, void *data)
{
	struct named *named = data;
	bool blocked, known;
	int r = named_look(named, named->after, &entry->indicator, &blocked);

	if (r < 0 || !blocked)
		return r;
	r = named_look(named, named->before, &entry->indicator, &known);
	if (r < 0 || known)
		return r;
	if (named->count++ == 0 && entry->indicator.kind == INDICATOR_DOMAIN)
		domain_name_format(&entry->indicator.name, named->name);
	else if (named->count == 1)
		address_format_prefix(&entry->indicator.address, 128, named->name);
	return 0;
}

static void named_reject(const struct list_rejection *rejection, void *data)
{
	/* Top lists have names of one label and public suffixes: no list may block those. */
	(void)rejection;
	(void)data;
}

int pack_newly_blocked(const struct pack *before, const struct pack *after, int fd, uint64_t now,
		       uint64_t *ret_count, char ret_name[static INDICATOR_TEXT_SIZE])
{
	struct named named = { .before = before, .after = after, .now = now, .name = ret_name };
	struct list_sink sink = { .entry = named_take, .reject = named_reject, .data = &named };
	struct list_attributes attributes = { .force_suffix = 1 };
	struct list_counts counts;
	int r = list_read_fd(fd, "names", LIST_FORMAT_AUTO, &attributes, &sink, &counts);

	*ret_count = named.count;
	return r;
}
