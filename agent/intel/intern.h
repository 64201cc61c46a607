/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte strings kept once each, end to end: the feeds, tags and attribute sets that a million
 * entries share.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct intern_slot;

struct intern {
	uint8_t *bytes; /* owned */
	size_t used, room;
	struct intern_slot *slots; /* owned */
	size_t slot_count, count;
	uint64_t key; /* random: the strings are strangers' */
};

/* -ENOMEM, -EIO. */
int intern_init(struct intern *intern);
void intern_clear(struct intern *intern);

/* The offset of these bytes, put at the end unless they are there already. Strings are to be added
 * with their NUL, everything else with one size. -ENOMEM, or -E2BIG beyond 4 GiB. */
int intern_add(struct intern *intern, const void *data, size_t size, uint32_t *ret_offset);
