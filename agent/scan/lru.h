/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded index of 64-bit keys that knows which was used longest ago. The owner keeps the values
 * in an array of its own, by place. Nothing is allocated after lru_new(). Keys are taken as evenly
 * spread: who can choose them must not be able to foresee them (hash with a secret).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct lru;

#define LRU_NONE UINT32_MAX /* no place */

/* room: places, at most 65,536. */
int lru_new(uint32_t room, struct lru **ret);
void lru_free(struct lru *lru);

/* The key's place, or LRU_NONE. Does not count as a use. */
uint32_t lru_find(const struct lru *lru, uint64_t key);
/* A place for a key that has none: the last one that was given back, so that few are ever touched.
 * LRU_NONE: there is none left. */
uint32_t lru_add(struct lru *lru, uint64_t key);
/* It was used now. */
void lru_touch(struct lru *lru, uint32_t place);
void lru_remove(struct lru *lru, uint32_t place);
/* The one used longest ago; LRU_NONE when there are none. */
uint32_t lru_oldest(const struct lru *lru);
/* The one used next after that, or LRU_NONE. */
uint32_t lru_newer(const struct lru *lru, uint32_t place);
uint32_t lru_count(const struct lru *lru);
