/* SPDX-License-Identifier: Apache-2.0
 *
 * What a text must have in it to match, told at a glance: the pairs of bytes next to each other, as
 * bits of a set, upper and lower case alike. A text that lacks a pair cannot match; one that has
 * all of them may.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text of 50 bytes fills a third of it. */
#define GLANCE_WORDS 2
struct glance {
	uint64_t words[GLANCE_WORDS];
};

static inline uint8_t glance_fold(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte - 'A' + 'a') : byte;
}

static inline void glance_add_pair(struct glance *glance, uint8_t first, uint8_t second)
{
	uint32_t pair = (uint32_t)glance_fold(first) << 8 | glance_fold(second);
	uint32_t bit = pair * UINT32_C(0x9e3779b1) >> 25;

	glance->words[bit / 64] |= UINT64_C(1) << bit % 64;
}

static inline void glance_add(struct glance *glance, const char *text, size_t size)
{
	for (size_t i = 1; i < size; i++)
		glance_add_pair(glance, (uint8_t)text[i - 1], (uint8_t)text[i]);
}

/* Whether the text's has all that is needed. */
static inline bool glance_has(const struct glance *text, const struct glance *needed)
{
	return !(needed->words[0] & ~text->words[0]) && !(needed->words[1] & ~text->words[1]);
}

static inline bool glance_is_empty(const struct glance *glance)
{
	return !glance->words[0] && !glance->words[1];
}

static inline unsigned glance_count(const struct glance *glance)
{
	return (unsigned)(__builtin_popcountll(glance->words[0]) +
			  __builtin_popcountll(glance->words[1]));
}

/* What a shell pattern needs. */
void glance_add_glob(struct glance *glance, const char *pattern);
