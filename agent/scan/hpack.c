/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/hpack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/cursor.h"
#include "scan/hpack_huffman.h"

#define STATIC_ENTRIES 61 /* appendix A */
#define INTEGER_MAX    (1u << 24)
#define CAPACITY_FIRST 32
#define HUFFMAN	       0x80

struct string {
	char text[HPACK_VALUE_MAX];
	size_t size;
};

static const struct {
	const char *name;
	enum hpack_field field;
} names[] = {
	{ ":authority", HPACK_AUTHORITY },
	{ "host", HPACK_HOST },
	{ ":method", HPACK_METHOD },
};

/* The entries of the static table that we read, by index. */
static const struct {
	unsigned index;
	struct hpack_entry entry;
} fixed[] = {
	{ 1, { HPACK_AUTHORITY, (char *)"", 0 } },
	{ 2, { HPACK_METHOD, (char *)"GET", 3 } },
	{ 3, { HPACK_METHOD, (char *)"POST", 4 } },
	{ 38, { HPACK_HOST, (char *)"", 0 } },
};

void hpack_clear(struct hpack *hpack)
{
	for (unsigned i = 0; i < hpack->count; i++)
		free(hpack->entries[i].value);
	free(hpack->entries);
	*hpack = (struct hpack){ 0 };
}

/* 5.1: the low bits of the first byte, and if they are all ones, seven bits a byte more. */
static int integer_read(struct cursor *block, unsigned bits, uint32_t *ret)
{
	uint32_t mask = (1u << bits) - 1, value, byte;
	int r = cursor_number(block, 1, &value);

	if (r < 0)
		return r;
	value &= mask;
	if (value < mask) {
		*ret = value;
		return 0;
	}
	for (unsigned shift = 0; shift <= 21; shift += 7) {
		r = cursor_number(block, 1, &byte);
		if (r < 0)
			return r;
		value += (byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return value > INTEGER_MAX ? -EBADMSG : 0;
		}
	}
	return -EBADMSG;
}

/* 5.2; what does not fit is cut. */
static int string_read(struct cursor *block, struct string *ret)
{
	const uint8_t *bytes;
	uint32_t size;
	bool huffman;
	int r;

	if (block->left == 0)
		return -EBADMSG;
	huffman = *block->at & HUFFMAN;
	r = integer_read(block, 7, &size);
	if (r == 0)
		r = cursor_need(block, size);
	if (r < 0)
		return r;
	bytes = cursor_pass(block, size);
	if (huffman) {
		r = hpack_huffman_read(bytes, size, ret->text, sizeof(ret->text));
		if (r < 0)
			return r;
		size = (uint32_t)r;
	}
	ret->size = size < sizeof(ret->text) ? size : sizeof(ret->text);
	if (!huffman)
		memcpy(ret->text, bytes, ret->size);
	return 0;
}

static enum hpack_field field_find(const struct string *name)
{
	for (unsigned i = 0; i < ELEMENTS(names); i++)
		if (strlen(names[i].name) == name->size &&
		    memcmp(names[i].name, name->text, name->size) == 0)
			return names[i].field;
	return HPACK_OTHER;
}

static int entry_find(const struct hpack *hpack, uint32_t index, struct hpack_entry *ret)
{
	*ret = (struct hpack_entry){ 0 };
	if (index == 0 || index > STATIC_ENTRIES + hpack->count)
		return -EBADMSG;
	if (index > STATIC_ENTRIES)
		*ret = hpack->entries[hpack->count - (index - STATIC_ENTRIES)];
	for (unsigned i = 0; i < ELEMENTS(fixed); i++)
		if (fixed[i].index == index)
			*ret = fixed[i].entry;
	return 0;
}

static int entry_add(struct hpack *hpack, enum hpack_field field, const struct string *value)
{
	struct hpack_entry entry = { .field = field };

	if (hpack->count == HPACK_ENTRIES_MAX)
		return -EBADMSG;
	if (hpack->count == hpack->capacity) {
		unsigned capacity = hpack->capacity ? 2 * hpack->capacity : CAPACITY_FIRST;
		struct hpack_entry *entries =
			reallocarray(hpack->entries, capacity, sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		hpack->entries = entries;
		hpack->capacity = capacity;
	}
	if (field != HPACK_OTHER) {
		entry.size = value->size;
		entry.value = malloc(value->size + 1);
		if (!entry.value)
			return -ENOMEM;
		memcpy(entry.value, value->text, value->size);
	}
	hpack->entries[hpack->count++] = entry;
	return 0;
}

/* 6.2: a name, by index or in full, and a value. */
static int literal_read(struct hpack *hpack, struct cursor *block, unsigned bits, bool add,
			hpack_told told, void *context)
{
	struct hpack_entry named;
	enum hpack_field field = HPACK_OTHER;
	struct string string;
	uint32_t index;
	int r = integer_read(block, bits, &index);

	if (r == 0 && index > 0) {
		r = entry_find(hpack, index, &named);
		field = named.field;
	} else if (r == 0) {
		r = string_read(block, &string);
		field = r == 0 ? field_find(&string) : HPACK_OTHER;
	}
	if (r == 0)
		r = string_read(block, &string);
	if (r < 0)
		return r;
	if (field != HPACK_OTHER)
		told(field, string.text, string.size, context);
	return add ? entry_add(hpack, field, &string) : 0;
}

static int field_read(struct hpack *hpack, struct cursor *block, hpack_told told, void *context)
{
	uint8_t form = *block->at;
	struct hpack_entry entry;
	uint32_t value;
	int r;

	if (form & 0x80) { /* 6.1: indexed */
		r = integer_read(block, 7, &value);
		if (r == 0)
			r = entry_find(hpack, value, &entry);
		if (r == 0 && entry.field != HPACK_OTHER)
			told(entry.field, entry.value, entry.size, context);
		return r;
	}
	if (form & 0x40) /* 6.2.1: with incremental indexing */
		return literal_read(hpack, block, 6, true, told, context);
	if (form & 0x20) /* 6.3: the table's size */
		return integer_read(block, 5, &value);
	return literal_read(hpack, block, 4, false, told, context);
}

int hpack_read(struct hpack *hpack, const uint8_t *block, size_t size, hpack_told told,
	       void *context)
{
	struct cursor cursor = { block, size, size };
	int r = 0;

	while (r == 0 && cursor.left > 0)
		r = field_read(hpack, &cursor, told, context);
	return r;
}
