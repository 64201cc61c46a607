/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses that the kernel side is told of one by one, beside the pack's: those that listed names
 * resolved to, and this host's own resolvers. The maps are in probes/connection.h.
 */
#include <errno.h>
#include <string.h>

#include "base/address.h"
#include "base/cleanup.h"
#include "sensor/probes.h"

/* As the kernel side looks them up: an address behind a translator is the IPv4 address in it. */
static struct address address_key(const struct address *address)
{
	return address_is_nat64(address) ? address_from_ipv4(address->bytes + 12) : *address;
}

/* Only this process writes these: the probes read. */
static void learnt_count(struct sensor *sensor, int change)
{
	struct probes__bss *bss = sensor->probes->bss;

	(void)__atomic_fetch_add(&bss->learnt_count, (uint64_t)(int64_t)change, __ATOMIC_RELEASE);
	(void)__atomic_fetch_add(&bss->table_entries[COUNTER_TABLE_LEARNT],
				 (uint64_t)(int64_t)change, __ATOMIC_RELAXED);
}

int sensor_learn(struct sensor *sensor, const struct address *address, uint64_t expires_boot_ns,
		 bool keep)
{
	int fd = bpf_map__fd(sensor->probes->maps.learnt);
	const struct learnt_address value = { .expires = expires_boot_ns, .keep = keep };
	struct address key = address_key(address);

	if (bpf_map_update_elem(fd, &key, &value, BPF_EXIST) == 0)
		return 0;
	if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) < 0)
		return -errno;
	learnt_count(sensor, 1);
	return 0;
}

int sensor_unlearn(struct sensor *sensor, const struct address *address)
{
	struct address key = address_key(address);

	if (bpf_map_delete_elem(bpf_map__fd(sensor->probes->maps.learnt), &key) < 0)
		return errno == ENOENT ? 0 : -errno;
	learnt_count(sensor, -1);
	return 0;
}

static bool address_among(const struct address *address, const struct address *addresses,
			  size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (address_equal(address, &addresses[i]))
			return true;
	return false;
}

/* Takes out what is not among these. */
static void resolvers_remove_others(int fd, const struct address *keys, size_t count)
{
	struct address found[2 * SENSOR_RESOLVERS_MAX];
	size_t others = 0;
	struct address *before = NULL, *next = found;

	while (others < ELEMENTS(found) && bpf_map_get_next_key(fd, before, next) == 0) {
		before = next;
		next = &found[++others < ELEMENTS(found) ? others : 0];
	}
	for (size_t i = 0; i < others; i++)
		if (!address_among(&found[i], keys, count))
			(void)bpf_map_delete_elem(fd, &found[i]);
}

int sensor_set_resolvers(struct sensor *sensor, const struct address *addresses, size_t count)
{
	int fd = bpf_map__fd(sensor->probes->maps.resolvers);
	struct address keys[SENSOR_RESOLVERS_MAX];
	const uint8_t one = 1;

	if (count > SENSOR_RESOLVERS_MAX)
		return -E2BIG;
	/* The new ones first: one that stays is never missing. */
	for (size_t i = 0; i < count; i++) {
		keys[i] = address_key(&addresses[i]);
		if (bpf_map_update_elem(fd, &keys[i], &one, BPF_ANY) < 0)
			return -errno;
	}
	__atomic_store_n(&sensor->probes->bss->resolvers_count, count, __ATOMIC_RELEASE);
	resolvers_remove_others(fd, keys, count);
	return 0;
}
