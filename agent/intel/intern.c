/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/intern.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "intel/array.h"
#include "intel/domain_hash.h"

#define SLOTS_MIN 64

struct intern_slot {
	uint32_t end; /* offset + 1; 0: free */
	uint32_t hash;
};

int intern_init(struct intern *intern)
{
	*intern = (struct intern){ .slot_count = SLOTS_MIN };
	if (getrandom(&intern->key, sizeof(intern->key), 0) != (ssize_t)sizeof(intern->key))
		return -EIO;
	intern->key |= 1;
	intern->slots = calloc(SLOTS_MIN, sizeof(*intern->slots));
	return intern->slots ? 0 : -ENOMEM;
}

void intern_clear(struct intern *intern)
{
	free(intern->bytes);
	free(intern->slots);
	*intern = (struct intern){ 0 };
}

static struct intern_slot *slot_find(const struct intern *intern, uint32_t hash, const void *data,
				     size_t size)
{
	size_t mask = intern->slot_count - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct intern_slot *slot = &intern->slots[i];
		size_t offset = (size_t)slot->end - 1;

		if (slot->end == 0 || (slot->hash == hash && size <= intern->used - offset &&
				       memcmp(intern->bytes + offset, data, size) == 0))
			return slot;
	}
}

/* Keeps a third of the slots free, so that searches end soon. */
static int slots_reserve(struct intern *intern)
{
	size_t larger = intern->slot_count * 2, mask = larger - 1;
	struct intern_slot *slots;

	if (intern->count * 3 < intern->slot_count * 2)
		return 0;
	slots = calloc(larger, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < intern->slot_count; i++) {
		size_t at = intern->slots[i].hash & mask;

		if (intern->slots[i].end == 0)
			continue;
		while (slots[at].end != 0)
			at = (at + 1) & mask;
		slots[at] = intern->slots[i];
	}
	free(intern->slots);
	intern->slots = slots;
	intern->slot_count = larger;
	return 0;
}

int intern_add(struct intern *intern, const void *data, size_t size, uint32_t *ret_offset)
{
	uint32_t hash = (uint32_t)domain_hash_run(intern->key, data, size, intern->key);
	struct intern_slot *slot;
	uint8_t *bytes;

	if (slots_reserve(intern) < 0)
		return -ENOMEM;
	slot = slot_find(intern, hash, data, size);
	if (slot->end == 0) {
		if (intern->used + size >= UINT32_MAX)
			return -E2BIG;
		bytes = array_reserve(intern->bytes, &intern->room, intern->used + size, 1);
		if (!bytes)
			return -ENOMEM;
		intern->bytes = bytes;
		memcpy(bytes + intern->used, data, size);
		*slot = (struct intern_slot){ (uint32_t)intern->used + 1, hash };
		intern->used += size;
		intern->count++;
	}
	*ret_offset = slot->end - 1;
	return 0;
}
