/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "scan/lru.h"

#define ROOM  37
#define TURNS 20000

static void it_agrees_with_a_list(void **state)
{
	/* Proves: over a long run of chance, places, order and count are those of a plain list. */
	uint64_t keys[ROOM]; /* oldest first */
	uint32_t places[ROOM];
	size_t count = 0;
	struct lru *lru;

	(void)state;
	srandom(3);
	assert_int_equal(lru_new(ROOM, &lru), 0);
	for (int turn = 0; turn < TURNS; turn++) {
		uint64_t key = (uint64_t)random() % 60 * UINT64_C(0x100000000);
		size_t i = 0;

		while (i < count && keys[i] != key)
			i++;
		assert_int_equal(lru_find(lru, key), i < count ? places[i] : LRU_NONE);
		if (i == count && count == ROOM) {
			assert_int_equal(lru_add(lru, key), LRU_NONE);
			assert_int_equal(lru_oldest(lru), places[0]);
			lru_remove(lru, places[0]);
			i = 0;
		} else if (i == count) {
			places[count] = lru_add(lru, key);
			assert_true(places[count] < ROOM);
			keys[count++] = key;
			continue;
		} else if (turn % 3 == 0) {
			lru_remove(lru, places[i]);
		} else {
			uint32_t place = places[i];

			lru_touch(lru, place);
			for (size_t k = i + 1; k < count; k++) {
				keys[k - 1] = keys[k];
				places[k - 1] = places[k];
			}
			keys[count - 1] = key;
			places[count - 1] = place;
			continue;
		}
		for (size_t k = i + 1; k < count; k++) {
			keys[k - 1] = keys[k];
			places[k - 1] = places[k];
		}
		count--;
		assert_int_equal(lru_count(lru), count);
		uint32_t place = lru_oldest(lru);

		for (size_t k = 0; k < count; k++, place = lru_newer(lru, place))
			assert_int_equal(place, places[k]);
		assert_int_equal(place, LRU_NONE);
	}
	lru_free(lru);
}

static void few_places_are_touched(void **state)
{
	/* Proves: what comes and goes uses the same place again, so that memory stays small. */
	struct lru *lru;

	(void)state;
	assert_int_equal(lru_new(1000, &lru), 0);
	for (uint64_t key = 0; key < 5000; key++) {
		uint32_t place = lru_add(lru, key);

		assert_int_equal(place, 0);
		lru_remove(lru, place);
	}
	lru_free(lru);
	assert_int_equal(lru_new(0, &lru), -EINVAL);
	assert_int_equal(lru_new(65537, &lru), -EINVAL);
	lru_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_agrees_with_a_list),
		cmocka_unit_test(few_places_are_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
