/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/address_table.h"

#include <errno.h>
#include <string.h>

#include "intel/cuckoo.h"
#include "intel/domain_table.h"

#define DECIDING (TABLE_LISTED | TABLE_ALLOWED)

/* An image whose headers were checked; NULL: that part is not there. */
struct address_view {
	const struct address_header *header;
	const uint32_t *ipv4, *ipv6;
	const uint8_t *lengths;
	const uint64_t *slots;
};

static bool is_mask(uint64_t mask)
{
	return (mask & (mask + 1)) == 0;
}

struct address_words address_words_of(const struct address *address)
{
	struct address_words words = { 0, 0 };

	for (size_t i = 0; i < 8; i++) {
		words.high = words.high << 8 | address->bytes[i];
		words.low = words.low << 8 | address->bytes[8 + i];
	}
	return words;
}

bool address_words_is_ipv4(const struct address_words *words, unsigned prefix)
{
	return prefix >= 96 && address_words_ipv4(words);
}

/* Takes a part of so many elements, which has to start where the one before it ended; 0: it is not
 * there. Numbers are a stranger's: compared without sums that could wrap round. */
static bool part_take(uint64_t first, uint64_t size, uint64_t elements, uint64_t *at)
{
	if (first == 0)
		return true;
	if (first != *at || size > elements - *at)
		return false;
	*at += size;
	return true;
}

int address_table_check(const void *headers, uint64_t bytes)
{
	const struct table_header *names = headers;
	const struct address_header *header =
		(const void *)((const uint8_t *)headers + TABLE_ELEMENT_SIZE);
	static const struct address_header none;
	uint64_t elements = bytes / TABLE_ELEMENT_SIZE, at;

	if (domain_table_check(names, bytes) < 0)
		return -EBADMSG;
	at = domain_table_end(names);
	if (memcmp(header, &none, sizeof(none)) == 0)
		return at == elements ? 0 : -EBADMSG;
	if (!(header->multiplier & 1) || !is_mask(header->bucket_mask) ||
	    !is_mask(header->ipv6_mask) || header->bucket_first == 0 ||
	    header->bucket_mask >= elements ||
	    (header->ipv6_first && header->ipv6_mask < ADDRESS_INDEX_WORDS - 1) ||
	    header->ipv6_lengths > ADDRESS_IPV6_LENGTHS ||
	    header->ipv6_long > header->ipv6_lengths ||
	    (header->ipv4_first && (header->ipv4_bits < ADDRESS_IPV4_BITS_MIN ||
				    header->ipv4_bits > ADDRESS_IPV4_BITS_MAX)))
		return -EBADMSG;
	if (!part_take(header->ipv4_first, (1ULL << (header->ipv4_bits & 31)) / ADDRESS_INDEX_WORDS,
		       elements, &at) ||
	    !part_take(header->ipv6_first,
		       ADDRESS_IPV6_LENGTHS_ROOM + header->ipv6_mask / ADDRESS_INDEX_WORDS + 1,
		       elements, &at) ||
	    !part_take(header->bucket_first, header->bucket_mask + 1, elements, &at))
		return -EBADMSG;
	return at == elements ? 0 : -EBADMSG;
}

/* false: there are no addresses. */
static bool address_view(const void *table, size_t bytes, struct address_view *ret)
{
	const uint8_t *image = table;
	const struct address_header *header = (const void *)(image + TABLE_ELEMENT_SIZE);
	const uint8_t *ipv6;

	if (bytes < (size_t)TABLE_HEADERS * TABLE_ELEMENT_SIZE ||
	    address_table_check(table, bytes) < 0 || header->bucket_first == 0)
		return false;
	ipv6 = image + header->ipv6_first * TABLE_ELEMENT_SIZE;
	*ret = (struct address_view){
		.header = header,
		.slots = (const void *)(image + header->bucket_first * TABLE_ELEMENT_SIZE),
	};
	if (header->ipv4_first)
		ret->ipv4 = (const void *)(image + header->ipv4_first * TABLE_ELEMENT_SIZE);
	if (header->ipv6_first) {
		ret->lengths = ipv6;
		ret->ipv6 = (const void *)(ipv6 + ADDRESS_IPV6_LENGTHS_ROOM * TABLE_ELEMENT_SIZE);
	}
	return true;
}

static const uint64_t *prefix_slot(const struct address_view *view,
				   const struct address_words *words, unsigned prefix)
{
	const struct address_header *header = view->header;
	struct address_words masked = address_words_mask(words, prefix);

	return cuckoo_find(view->slots, header->bucket_mask,
			   address_hash(&masked, prefix, header->seed, header->multiplier));
}

/* Its flags when it decides, else 0. */
static uint64_t prefix_flags(const struct address_view *view, const struct address_words *words,
			     unsigned prefix)
{
	const uint64_t *slot = prefix_slot(view, words, prefix);

	return slot && (*slot & DECIDING) ? *slot & TABLE_FLAGS : 0;
}

/* The longest prefix that ends within the bits of the index, from the slots. */
static uint64_t short_flags(const struct address_view *view, const struct address_words *words,
			    unsigned *ret_prefix)
{
	uint64_t flags = 0;

	for (unsigned prefix = 96U + view->header->ipv4_bits; prefix >= 96 && !flags; prefix--) {
		flags = prefix_flags(view, words, prefix);
		*ret_prefix = flags ? prefix : 0;
	}
	return flags;
}

static uint64_t ipv4_walk(const struct address_view *view, const struct address_words *words,
			  unsigned *ret_prefix)
{
	uint32_t word;
	uint64_t flags;

	*ret_prefix = 0;
	if (!view->ipv4)
		return 0;
	word = view->ipv4[address_ipv4_word(words, view->header->ipv4_bits)];
	for (unsigned prefix = 128; prefix > 96U + view->header->ipv4_bits; prefix--) {
		if (!(word >> (prefix - ADDRESS_IPV4_LENGTH) & 1))
			continue;
		flags = prefix_flags(view, words, prefix);
		*ret_prefix = prefix;
		if (flags)
			return flags;
	}
	(void)short_flags(view, words, ret_prefix);
	return word >> ADDRESS_IPV4_FLAGS_SHIFT & TABLE_FLAGS;
}

static uint64_t ipv6_walk(const struct address_view *view, const struct address_words *words,
			  unsigned *ret_prefix)
{
	const struct address_header *header = view->header;
	uint32_t word;

	*ret_prefix = 0;
	if (!view->ipv6)
		return 0;
	word = view->ipv6[address_ipv6_word(words, header->seed, header->multiplier,
					    header->ipv6_mask)];
	for (unsigned i = 0; i < header->ipv6_lengths; i++) {
		unsigned bit = i < ADDRESS_IPV6_BITS ? i : ADDRESS_IPV6_BITS - 1;
		uint64_t flags;

		if (i < header->ipv6_long && !(word >> bit & 1))
			continue;
		flags = prefix_flags(view, words, view->lengths[i]);
		*ret_prefix = flags ? view->lengths[i] : 0;
		if (flags)
			return flags;
	}
	return 0;
}

uint64_t address_table_walk(const void *table, size_t bytes, const struct address *address,
			    unsigned *ret_prefix)
{
	struct address_words words = address_words_of(address), within;
	struct address_view view;
	unsigned prefix = 0;
	uint64_t flags = 0;

	if (address_view(table, bytes, &view)) {
		within = words;
		if (address_words_nat64(&words))
			within = (struct address_words){ 0, ADDRESS_MAPPED << 32 | words.low };
		if (address_words_ipv4(&within))
			flags = ipv4_walk(&view, &within, &prefix);
		if (!flags && !address_words_ipv4(&words))
			flags = ipv6_walk(&view, &words, &prefix);
	}
	if (ret_prefix)
		*ret_prefix = prefix;
	return flags;
}

uint64_t address_table_flags(const void *table, size_t bytes, const struct address *address,
			     unsigned prefix)
{
	struct address_words words = address_words_of(address);
	struct address_view view;
	const uint64_t *slot;

	if (prefix > 128 || !address_view(table, bytes, &view))
		return 0;
	slot = prefix_slot(&view, &words, prefix);
	return slot ? *slot & TABLE_FLAGS : 0;
}

/* The index has the flags of short prefixes: which of them decides may be another one now. */
static void short_settle(const struct address_view *view, uint32_t *index,
			 const struct address_words *words, unsigned prefix)
{
	unsigned bits = view->header->ipv4_bits;
	uint64_t first = address_ipv4_word(words, bits), count = 1ULL << (96 + bits - prefix);

	for (uint64_t i = first & ~(count - 1); count-- > 0; i++) {
		struct address_words at = { 0, ADDRESS_MAPPED << 32 | i << (32 - bits) };
		unsigned ignored;

		index[i] &= (1U << ADDRESS_IPV4_FLAGS_SHIFT) - 1;
		index[i] |= (uint32_t)short_flags(view, &at, &ignored) << ADDRESS_IPV4_FLAGS_SHIFT;
	}
}

int address_table_change(void *table, size_t bytes, const struct address *address, unsigned prefix,
			 uint64_t set, uint64_t clear)
{
	struct address_words words = address_words_of(address);
	struct address_view view;
	uint64_t *image = table;
	const uint64_t *slot;

	if (prefix > 128 || !address_view(table, bytes, &view))
		return 0;
	slot = prefix_slot(&view, &words, prefix);
	if (!slot)
		return 0;
	/* CHILDREN has no meaning here. But a slot of no flags would be none at all only if its
	 * fingerprint were 0, too. */
	image[slot - image] =
		(*slot & ~(clear & TABLE_FLAGS)) | (set & TABLE_FLAGS & ~TABLE_CHILDREN);
	if (view.ipv4 && address_words_is_ipv4(&words, prefix) &&
	    prefix <= 96U + view.header->ipv4_bits)
		short_settle(&view, (uint32_t *)table + (view.ipv4 - (const uint32_t *)table),
			     &words, prefix);
	return 1;
}
