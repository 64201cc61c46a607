/* SPDX-License-Identifier: Apache-2.0
 *
 * How full the kernel side's tables are, and what was pushed out of them. The kernel tells nobody
 * when it throws out the least recently used entry, so what was put in is counted (count_table() in
 * probes/counters.h), and here what is there. Input: maps that our own programs write.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/probes.h"

/* Listings begun at most: one starts again when the entry that it stands at is thrown out. */
#define LISTINGS_MAX 4

/* The largest key. */
#define KEY_MAX 64

static const char *const table_maps[] = {
	[LEDGER_TABLE_PROCESSES] = "processes", [LEDGER_TABLE_LEARNT] = "learnt",
	[LEDGER_TABLE_TOLD] = "told",		[LEDGER_TABLE_DATAGRAMS] = "flow_datagrams",
	[LEDGER_TABLE_CUTS] = "flow_cuts",	[LEDGER_TABLE_NAMES] = "names_seen",
};
_Static_assert(ELEMENTS(table_maps) == LEDGER_TABLES, "every table has a map");

/* Entries of one listing. False: it was started again by the kernel. */
static bool entries_list(int fd, uint32_t key_size, uint64_t capacity, uint64_t *ret)
{
	uint8_t first[KEY_MAX], key[KEY_MAX], next[KEY_MAX];

	*ret = 0;
	if (bpf_map_get_next_key(fd, NULL, first) < 0)
		return true;
	memcpy(key, first, key_size);
	for (*ret = 1; bpf_map_get_next_key(fd, key, next) == 0; (*ret)++) {
		if (memcmp(next, first, key_size) == 0 || *ret >= capacity)
			return false;
		memcpy(key, next, key_size);
	}
	return true;
}

static uint64_t entries_count(const struct bpf_map *map)
{
	uint64_t entries = 0;

	for (int i = 0; i < LISTINGS_MAX; i++)
		if (entries_list(bpf_map__fd(map), bpf_map__key_size(map),
				 bpf_map__max_entries(map), &entries))
			break;
	return entries;
}

size_t sensor_tables(struct sensor *sensor, struct sensor_table ret[static LEDGER_TABLES])
{
	struct ledger ledger;
	size_t count = 0;

	(void)sensor_ledger(sensor, &ledger);
	for (size_t i = 0; i < LEDGER_TABLES; i++) {
		const struct bpf_map *map =
			bpf_object__find_map_by_name(sensor->probes->obj, table_maps[i]);
		struct sensor_table *table = &ret[count];

		if (!map || bpf_map__fd(map) < 0 || bpf_map__key_size(map) > KEY_MAX)
			continue;
		*table = (struct sensor_table){
			.name = table_maps[i],
			.capacity = bpf_map__max_entries(map),
			.entries = entries_count(map),
		};
		if (ledger.tables[i] > table->entries)
			table->evicted = ledger.tables[i] - table->entries;
		count++;
	}
	return count;
}

void tables_resume(struct sensor *sensor)
{
	struct probes__bss *bss = sensor->probes->bss;

	if (bss->learnt_count == 0)
		bss->learnt_count = entries_count(sensor->probes->maps.learnt);
	if (bss->flow_cut_count == 0)
		bss->flow_cut_count = entries_count(sensor->probes->maps.flow_cuts);
}
