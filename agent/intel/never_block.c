/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/never_block.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "intel/array.h"
#include "intel/pack_map.h"

#define SLOTS_MIN 64

/* Of the hashes while a pack is checked: the list is the administrator's, so nobody aims at them.
 */
#define CHECK_SEED	 UINT64_C(0x9e3779b97f4a7c15)
#define CHECK_MULTIPLIER UINT64_C(0xd1342543de82ef95)

struct never_name {
	uint64_t hash;
	struct domain_name name;
	bool name_only;
};

struct never_prefix {
	struct address address;
	unsigned prefix;
};

struct never_block {
	struct never_name *names;
	size_t name_count, name_room;
	struct never_prefix *prefixes;
	size_t prefix_count, prefix_room;
	uint32_t *slots; /* number of the name that hashes here, from 1 */
	size_t slot_count;
};

CLEANUP_DEFINE(struct never_block *, never_block_free)

/* never_block_builtin.c */
extern const char never_block_builtin[], never_block_builtin_end[];

int never_block_open(const char *path, const char **ret_path)
{
	int fd = open(path ? path : NEVER_BLOCK_PATH, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	*ret_path = path ? path : NEVER_BLOCK_PATH;
	if (fd >= 0)
		return fd;
	if (path || errno != ENOENT)
		return -errno;
	*ret_path = "built-in never-block list";
	return fd_open_memory(never_block_builtin,
			      (size_t)(never_block_builtin_end - never_block_builtin));
}

int never_block_new(struct never_block **ret)
{
	CLEANUP(never_block_free_cleanup) struct never_block *never = calloc(1, sizeof(*never));

	if (!never)
		return -ENOMEM;
	never->slot_count = SLOTS_MIN;
	never->slots = calloc(never->slot_count, sizeof(*never->slots));
	if (!never->slots)
		return -ENOMEM;
	*ret = take_ptr(never);
	return 0;
}

void never_block_free(struct never_block *never)
{
	if (!never)
		return;
	free(never->names);
	free(never->prefixes);
	free(never->slots);
	free(never);
}

static void slot_put(uint32_t *slots, size_t slot_count, uint64_t hash, uint32_t number)
{
	size_t at = hash & (slot_count - 1);

	while (slots[at] != 0)
		at = (at + 1) & (slot_count - 1);
	slots[at] = number;
}

static int slots_reserve(struct never_block *never)
{
	size_t larger = never->slot_count * 2;
	uint32_t *slots;

	if (never->name_count * 2 < never->slot_count)
		return 0;
	slots = calloc(larger, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < never->name_count; i++)
		slot_put(slots, larger, never->names[i].hash, (uint32_t)i + 1);
	free(never->slots);
	never->slots = slots;
	never->slot_count = larger;
	return 0;
}

static int name_add(struct never_block *never, const struct list_entry *entry, uint64_t hash)
{
	struct never_name *names = array_reserve(never->names, &never->name_room,
						 never->name_count + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	never->names = names;
	if (slots_reserve(never) < 0)
		return -ENOMEM;
	names[never->name_count++] = (struct never_name){
		.hash = hash,
		.name = entry->indicator.name,
		.name_only = entry->attributes->name_only,
	};
	slot_put(never->slots, never->slot_count, hash, (uint32_t)never->name_count);
	return 0;
}

static int prefix_add(struct never_block *never, const struct list_indicator *indicator)
{
	struct never_prefix *prefixes = array_reserve(never->prefixes, &never->prefix_room,
						      never->prefix_count + 1, sizeof(*prefixes));

	if (!prefixes)
		return -ENOMEM;
	never->prefixes = prefixes;
	prefixes[never->prefix_count++] =
		(struct never_prefix){ indicator->address, indicator->prefix };
	return 0;
}

int never_block_add(struct never_block *never, const struct list_entry *entry,
		    const struct domain_hashes *hashes)
{
	if (entry->indicator.kind == INDICATOR_DOMAIN)
		return name_add(never, entry, hashes->of[hashes->labels]);
	if (entry->indicator.kind == INDICATOR_ADDRESS)
		return prefix_add(never, &entry->indicator);
	return 0; /* a file that may never be bad: nothing depends on it */
}

/* A suffix of the name is on the list. */
static bool suffix_covers(const struct never_block *never, const struct domain_name *name,
			  const struct domain_hashes *hashes, size_t labels)
{
	size_t mask = never->slot_count - 1, start = domain_hashes_start(hashes, labels);

	for (size_t at = hashes->of[labels] & mask; never->slots[at] != 0; at = (at + 1) & mask) {
		const struct never_name *entry = &never->names[never->slots[at] - 1];

		if (entry->hash == hashes->of[labels] &&
		    entry->name.length == name->length - start &&
		    memcmp(entry->name.wire, name->wire + start, entry->name.length) == 0 &&
		    (!entry->name_only || labels == hashes->labels))
			return true;
	}
	return false;
}

static bool suffixes_cover(const struct never_block *never, const struct domain_name *name,
			   const struct domain_hashes *hashes)
{
	for (size_t labels = 1; labels <= hashes->walked; labels++)
		if (suffix_covers(never, name, hashes, labels))
			return true;
	return false;
}

static bool prefixes_cover(const struct never_block *never, const struct list_indicator *indicator)
{
	for (size_t i = 0; i < never->prefix_count; i++) {
		struct address address = indicator->address;

		if (never->prefixes[i].prefix > indicator->prefix)
			continue;
		address_mask(&address, never->prefixes[i].prefix);
		if (address_equal(&address, &never->prefixes[i].address))
			return true;
	}
	return false;
}

bool never_block_covers(const struct never_block *never, const struct list_indicator *indicator,
			const struct domain_hashes *hashes)
{
	if (indicator->kind == INDICATOR_ADDRESS)
		return prefixes_cover(never, indicator);
	if (indicator->kind != INDICATOR_DOMAIN)
		return false;
	return suffixes_cover(never, &indicator->name, hashes);
}

/* A pack is asked for each entry of the list, and the list for each entry of the pack. */
struct check {
	const struct pack *pack;
	struct table_key key;
	struct never_block *never;
	char *ret_indicator;
	bool blocked;
	bool broken;
};

static void check_cleanup(struct check *check)
{
	never_block_free(check->never);
}

static void indicator_format(const struct list_indicator *indicator, char *out)
{
	if (indicator->kind == INDICATOR_DOMAIN)
		domain_name_format(&indicator->name, out);
	else
		address_format_prefix(&indicator->address, indicator->prefix, out);
}

/* Whether the pack blocks it, whatever else the pack says of it. */
static int check_blocked(struct check *check, const struct list_indicator *indicator)
{
	struct pack_match match;
	int r = 0;

	/* No time: entries past their expiry count as well, so that the answer does not depend on
	 * the hour. */
	if (indicator->kind == INDICATOR_DOMAIN)
		r = pack_lookup_domain(check->pack, &indicator->name, 0, &match);
	else if (indicator->kind == INDICATOR_ADDRESS)
		r = pack_lookup_address(check->pack, &indicator->address, 0, &match);
	if (r <= 0 || !match.blocked)
		return r < 0 ? r : 0;
	indicator_format(indicator, check->ret_indicator);
	check->blocked = true;
	return 1;
}

static int check_entry(const struct list_entry *entry, void *data)
{
	struct check *check = data;
	struct domain_hashes hashes;
	int r = check->blocked ? 0 : check_blocked(check, &entry->indicator);

	if (r < 0)
		return r;
	if (entry->indicator.kind == INDICATOR_DOMAIN)
		domain_hashes_compute(&entry->indicator.name, &check->key, &hashes);
	return never_block_add(check->never, entry, &hashes);
}

static int check_domain(struct check *check, const struct pack_map_domain *record)
{
	struct pack_attribute attribute;
	struct list_indicator indicator;
	struct domain_hashes hashes;

	if (!pack_map_attribute(check->pack, record->attribute, &attribute))
		return -EBADMSG;
	if (attribute.action != INDICATOR_BLOCK)
		return 0;
	domain_hashes_compute(&record->name, &check->key, &hashes);
	if (!suffixes_cover(check->never, &record->name, &hashes))
		return 0;
	indicator = (struct list_indicator){ .kind = INDICATOR_DOMAIN, .name = record->name };
	return check_blocked(check, &indicator);
}

/* There may be millions: their texts are made for none but the one that is told. */
static int check_domains(struct check *check)
{
	const struct pack *pack = check->pack;
	uint32_t end = (uint32_t)pack->header.sections[PACK_DOMAINS].size, at = 0;
	struct pack_map_domain record;
	int r;

	while ((r = pack_map_domain_next(pack, &at, end, &record)) > 0) {
		r = check_domain(check, &record);
		pack_map_trim(pack);
		if (r != 0)
			return r;
	}
	return r;
}

static int check_address(const struct address *address, unsigned prefix,
			 const struct indicator *entry, void *data)
{
	const struct list_indicator indicator = { .kind = INDICATOR_ADDRESS,
						  .address = *address,
						  .prefix = prefix };
	struct check *check = data;

	if (entry->action != INDICATOR_BLOCK || !never_block_covers(check->never, &indicator, NULL))
		return 0;
	return check_blocked(check, &indicator);
}

static void check_reject(const struct list_rejection *rejection, void *data)
{
	struct check *check = data;

	(void)rejection;
	check->broken = true;
}

int pack_check_never_block(const struct pack *pack, const char *list_path, char *ret_indicator)
{
	CLEANUP(check_cleanup)
	struct check check = { .pack = pack,
			       .key = { CHECK_SEED, CHECK_MULTIPLIER },
			       .ret_indicator = ret_indicator };
	struct list_sink sink = { .entry = check_entry, .reject = check_reject, .data = &check };
	struct list_attributes attributes = { .never_block = 1, .force_suffix = 1 };
	CLEANUP(close_cleanup) int fd = never_block_open(list_path, &list_path);
	struct list_counts counts;
	int r = fd < 0 ? fd : never_block_new(&check.never);

	if (r == 0)
		r = list_read_fd(fd, list_path, LIST_FORMAT_AUTO, &attributes, &sink, &counts);
	if (r == 0 && check.broken)
		r = -EINVAL;
	if (r == 0 && !check.blocked)
		r = check_domains(&check);
	if (r == 0 && !check.blocked)
		r = pack_each_address(pack, check_address, &check);
	return r < 0 ? r : check.blocked;
}
