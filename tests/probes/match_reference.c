/* SPDX-License-Identifier: Apache-2.0 */
#include "match_reference.h"

#include <stdint.h>

static uint8_t lowered(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static bool byte_equal(uint8_t a, uint8_t b, bool folded)
{
	return folded ? (a | 0x20) == (b | 0x20) : lowered(a) == lowered(b);
}

static bool suffix_equal(const uint8_t *suffix, size_t length, const struct domain_name *entry,
			 bool folded)
{
	if (length != entry->length)
		return false;
	for (size_t i = length; i-- > 0;)
		if (!byte_equal(suffix[i], entry->wire[i], folded))
			return false;
	return true;
}

enum match match_find(const struct match_reference *reference, const struct domain_name *name,
		      bool folded)
{
	for (size_t at = 0; at < name->length && name->wire[at]; at += (size_t)name->wire[at] + 1) {
		enum match found = MATCH_NONE;

		for (size_t i = 0; i < reference->count && found != MATCH_ALLOWED; i++) {
			const struct match_entry *entry = &reference->entries[i];

			if (suffix_equal(name->wire + at, name->length - at, &entry->name, folded))
				found = entry->match;
		}
		if (found != MATCH_NONE)
			return found;
	}
	return MATCH_NONE;
}
