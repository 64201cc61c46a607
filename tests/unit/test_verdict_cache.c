/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/siphash.h"
#include "scan/verdict_cache.h"

static const uint8_t rules_a[VERDICT_RULES_SIZE] = { 1 }, rules_b[VERDICT_RULES_SIZE] = { 2 };
static char folder[] = "/tmp/verdicts.XXXXXX";
static char path[64];

#define NOW (1000 * NS_PER_SECOND)

static struct file_identity file_number(uint64_t number)
{
	return (struct file_identity){ .device = 0x801,
				       .inode = number,
				       .changed = 900 * NS_PER_SECOND + number,
				       .size = number * 3 };
}

static int folder_make(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/verdicts", folder);
	return 0;
}

static int folder_remove(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static int file_remove(void **state)
{
	(void)state;
	(void)unlink(path);
	return 0;
}

static void the_hash_is_the_published_one(void **state)
{
	/* Proves: SipHash-2-4 of eight bytes 0..7 under the key 0..15 is the paper's test vector.
	 */
	const struct siphash_key key = { { UINT64_C(0x0706050403020100),
					   UINT64_C(0x0f0e0d0c0b0a0908) } };
	const uint64_t words[] = { UINT64_C(0x0706050403020100) };

	(void)state;
	assert_true(siphash(&key, words, 1) == UINT64_C(0x93f5f5799a932462));
	assert_true(siphash(&key, words, 0) == UINT64_C(0x726fdb47dd0e0e31));
}

static void a_verdict_is_of_one_state_of_one_file(void **state)
{
	/* Proves: whatever part of the identity differs, the verdict is not found. */
	struct file_identity file = file_number(7), other;
	struct verdict_cache *cache;

	(void)state;
	assert_int_equal(verdict_cache_open(NULL, 64, rules_a, &cache), 0);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_NONE);
	verdict_cache_store(cache, &file, NOW, CACHED_CLEAN);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_CLEAN);
	for (int part = 0; part < 4; part++) {
		other = file;
		*(uint64_t *[]){ &other.device, &other.inode, &other.changed, &other.size }[part] +=
			1;
		assert_int_equal(verdict_cache_find(cache, &other), CACHED_NONE);
	}
	verdict_cache_forget(cache, &file);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_NONE);
	verdict_cache_close(cache);
}

static void a_file_that_just_changed_is_not_stored(void **state)
{
	/* Proves: within a tick of its last change a file may change again unseen, and is not kept.
	 */
	struct file_identity file = file_number(7);
	struct verdict_cache_statistics statistics;
	struct verdict_cache *cache;

	(void)state;
	assert_int_equal(verdict_cache_open(NULL, 64, rules_a, &cache), 0);
	verdict_cache_store(cache, &file, file.changed + 10 * NS_PER_MILLISECOND, CACHED_CLEAN);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_NONE);
	verdict_cache_store(cache, &file, file.changed + 20 * NS_PER_MILLISECOND, CACHED_CLEAN);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_CLEAN);
	verdict_cache_statistics(cache, &statistics);
	assert_int_equal(statistics.early, 1);
	verdict_cache_close(cache);
}

static void it_outlives_the_process_but_not_the_rules(void **state)
{
	/* Proves: verdicts are there after a restart; with other rules, there or while it runs,
	 * none is, and none comes back with the old rules. */
	struct file_identity file = file_number(9);
	struct verdict_cache *cache;

	(void)state;
	assert_int_equal(verdict_cache_open(path, 1000, rules_a, &cache), 0);
	verdict_cache_store(cache, &file, NOW, CACHED_UNSCANNABLE);
	verdict_cache_close(cache);
	assert_int_equal(verdict_cache_open(path, 1000, rules_a, &cache), 0);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_UNSCANNABLE);
	verdict_cache_rules(cache, rules_a);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_UNSCANNABLE);
	verdict_cache_rules(cache, rules_b);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_NONE);
	verdict_cache_store(cache, &file, NOW, CACHED_CLEAN);
	verdict_cache_close(cache);
	assert_int_equal(verdict_cache_open(path, 1000, rules_a, &cache), 0);
	assert_int_equal(verdict_cache_find(cache, &file), CACHED_NONE);
	verdict_cache_close(cache);
}

static void the_least_used_makes_room(void **state)
{
	/* Proves: it keeps its size however many come, what is asked for stays, and nothing is
	 * found that was not stored. */
	struct file_identity kept = file_number(1);
	struct verdict_cache_statistics statistics;
	struct verdict_cache *cache;
	struct stat before, after;
	unsigned found = 0;

	(void)state;
	assert_int_equal(verdict_cache_open(path, 1024, rules_a, &cache), 0);
	assert_int_equal(stat(path, &before), 0);
	verdict_cache_store(cache, &kept, NOW, CACHED_CLEAN);
	for (uint64_t i = 2; i < 100000; i++) {
		struct file_identity file = file_number(i);

		verdict_cache_store(cache, &file, NOW, CACHED_CLEAN);
		assert_int_equal(verdict_cache_find(cache, &kept), CACHED_CLEAN);
	}
	for (uint64_t i = 2; i < 200000; i++) {
		struct file_identity file = file_number(i);

		if (verdict_cache_find(cache, &file) == CACHED_NONE)
			continue;
		assert_true(i < 100000);
		found++;
	}
	assert_true(found > 900 && found < 1024);
	verdict_cache_statistics(cache, &statistics);
	assert_int_equal(statistics.stored - statistics.evicted, 1024);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	verdict_cache_close(cache);
}

static void damage_loses_entries_only(void **state)
{
	/* Proves: whatever bytes a crash left in the file, it opens, and no verdict is made up. */
	struct verdict_cache *cache;

	(void)state;
	srandom(1);
	for (int turn = 0; turn < 200; turn++) {
		uint8_t noise[64];
		off_t at;
		int fd;

		assert_int_equal(verdict_cache_open(path, 64, rules_a, &cache), 0);
		for (uint64_t i = 0; i < 64; i++) {
			struct file_identity file = file_number(i);

			verdict_cache_store(cache, &file, NOW, CACHED_CLEAN);
		}
		verdict_cache_close(cache);
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)random();
		fd = open(path, O_RDWR);
		at = turn % 4 == 0 ? turn / 4 : 4096 + random() % 3000;
		assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
		if (turn % 10 == 9)
			assert_int_equal(ftruncate(fd, random() % 8000), 0);
		(void)close(fd);
		assert_int_equal(verdict_cache_open(path, 64, rules_a, &cache), 0);
		for (uint64_t i = 64; i < 1000; i++) {
			struct file_identity file = file_number(i);

			assert_int_equal(verdict_cache_find(cache, &file), CACHED_NONE);
		}
		verdict_cache_close(cache);
	}
}

static void others_have_no_hand_in_it(void **state)
{
	/* Proves: a second user is refused, and so is a file that somebody else may write, or that
	 * is a link to another one. */
	struct verdict_cache *cache, *second;
	char link[64];

	(void)state;
	assert_int_equal(verdict_cache_open(path, 64, rules_a, &cache), 0);
	assert_int_equal(verdict_cache_open(path, 64, rules_a, &second), -EBUSY);
	verdict_cache_close(cache);
	assert_int_equal(chmod(path, 0620), 0);
	assert_int_equal(verdict_cache_open(path, 64, rules_a, &cache), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	(void)snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(verdict_cache_open(link, 64, rules_a, &cache), -ELOOP);
	assert_int_equal(unlink(link), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_the_published_one),
		cmocka_unit_test(a_verdict_is_of_one_state_of_one_file),
		cmocka_unit_test(a_file_that_just_changed_is_not_stored),
		cmocka_unit_test_teardown(it_outlives_the_process_but_not_the_rules, file_remove),
		cmocka_unit_test_teardown(the_least_used_makes_room, file_remove),
		cmocka_unit_test_teardown(damage_loses_entries_only, file_remove),
		cmocka_unit_test_teardown(others_have_no_hand_in_it, file_remove),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
