/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that a signature holds for its content, kind, version and times and for nothing else, that
 * keys can be rotated, that a new signature takes the place of the old one, and that whatever is
 * changed, cut off or put behind is refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/signature.h"

#define NOW 1000000

static uint8_t seeds[2][SIGNATURE_KEY_SIZE];
static struct signature_key keys[2];

static int setup(void **state)
{
	(void)state;
	return signature_generate(seeds[0], &keys[0]) < 0 ||
	       signature_generate(seeds[1], &keys[1]) < 0;
}

static int content_file(const char *content)
{
	int fd = memfd_create("content", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, content, strlen(content)), 0);
	return fd;
}

static int signed_file(const char *content, size_t key, uint64_t version, uint64_t expires)
{
	struct signature signature = {
		.kind = "pack", .version = version, .created = NOW - 10, .expires = expires
	};
	int fd = content_file(content);

	assert_int_equal(signature_write(fd, seeds[key], &signature), 0);
	return fd;
}

static int verify(int fd, size_t first, size_t count, uint64_t floor)
{
	struct signature signature;

	return signature_verify(fd, "pack", keys + first, count, NOW, floor, &signature);
}

static void holds_for_what_was_signed(void **state)
{
	static const char *const contents[] = { "", "text\n", "without an end", "\n\n",
						"mode: audit\n# cordon-signature\n" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(contents); i++) {
		CLEANUP(close_cleanup) int fd = signed_file(contents[i], 0, 5, NOW + 10);
		struct signature signature;

		assert_int_equal(signature_verify(fd, "pack", keys, 2, NOW, 5, &signature), 0);
		assert_int_equal(signature.version, 5);
		assert_int_equal(signature.content, strlen(contents[i]));
		assert_string_equal(signature.key, keys[0].id);
		assert_int_equal(signature_verify(fd, "policy", keys, 2, NOW, 5, &signature),
				 -EBADMSG);
	}
}

static void keys_are_chosen(void **state)
{
	CLEANUP(close_cleanup) int first = signed_file("a\n", 0, 1, 0);
	CLEANUP(close_cleanup) int second = signed_file("a\n", 1, 1, 0);
	CLEANUP(close_cleanup) int unsigned_one = content_file("a\n");

	(void)state;
	/* Both while keys are rotated; one alone before and after. */
	assert_int_equal(verify(first, 0, 2, 0), 0);
	assert_int_equal(verify(second, 0, 2, 0), 0);
	assert_int_equal(verify(first, 1, 1, 0), -ENOKEY);
	assert_int_equal(verify(second, 0, 1, 0), -ENOKEY);
	assert_int_equal(verify(unsigned_one, 0, 2, 0), -ENOKEY);
	assert_int_equal(verify(first, 0, 0, 0), -ENOKEY);
}

static void times_and_versions(void **state)
{
	CLEANUP(close_cleanup) int fresh = signed_file("a\n", 0, 7, NOW + 1);
	CLEANUP(close_cleanup) int expired = signed_file("a\n", 0, 7, NOW);
	struct signature ahead = { .kind = "pack", .created = NOW + 100000 };
	CLEANUP(close_cleanup) int future = content_file("a\n");

	(void)state;
	assert_int_equal(verify(fresh, 0, 1, 7), 0);
	assert_int_equal(verify(fresh, 0, 1, 8), -ESTALE);
	assert_int_equal(verify(expired, 0, 1, 0), -EKEYEXPIRED);
	assert_int_equal(signature_write(future, seeds[0], &ahead), 0);
	assert_int_equal(verify(future, 0, 1, 0), -EKEYEXPIRED);
}

static void signing_again_replaces(void **state)
{
	CLEANUP(close_cleanup) int fd = signed_file("content\n", 0, 1, 0);
	struct signature signature = { .kind = "pack", .version = 2 };
	struct stat before, after;

	(void)state;
	assert_int_equal(fstat(fd, &before), 0);
	assert_int_equal(signature_write(fd, seeds[1], &signature), 0);
	assert_int_equal(fstat(fd, &after), 0);
	assert_in_range(after.st_size, before.st_size - 20, before.st_size + 20);
	assert_int_equal(verify(fd, 0, 1, 0), -ENOKEY);
	assert_int_equal(verify(fd, 1, 1, 2), 0);
}

/* Each byte changed, each length cut to, and bytes behind. */
static void every_change_is_refused(void **state)
{
	CLEANUP(close_cleanup) int fd = signed_file("some content\nof two lines\n", 0, 3, NOW + 9);
	char bytes[1024];
	ssize_t size = pread(fd, bytes, sizeof(bytes), 0);

	(void)state;
	assert_in_range(size, 100, 1000);
	for (ssize_t i = 0; i < size; i++) {
		for (int bit = 0; bit < 8; bit++) {
			char changed = (char)(bytes[i] ^ 1 << bit);

			assert_int_equal(pwrite(fd, &changed, 1, i), 1);
			if (verify(fd, 0, 1, 0) == 0)
				fail_msg("byte %zd, bit %d", i, bit);
		}
		assert_int_equal(pwrite(fd, &bytes[i], 1, i), 1);
	}
	assert_int_equal(verify(fd, 0, 1, 0), 0);
	for (ssize_t i = 0; i < size; i++) {
		CLEANUP(close_cleanup) int cut = memfd_create("cut", MFD_CLOEXEC);

		assert_int_equal(fd_write_all(cut, bytes, (size_t)i), 0);
		assert_true(verify(cut, 0, 1, 0) < 0);
	}
	assert_int_equal(pwrite(fd, "x\n", 2, size), 2);
	assert_int_equal(verify(fd, 0, 1, 0), -ENOKEY);
}

static void key_texts(void **state)
{
	char text[SIGNATURE_BASE64_SIZE];
	struct signature_key key;
	uint8_t seed[SIGNATURE_KEY_SIZE];

	(void)state;
	signature_key_text(keys[0].key, text);
	assert_int_equal(signature_key_read(text, &key), 0);
	assert_memory_equal(key.key, keys[0].key, sizeof(key.key));
	assert_string_equal(key.id, keys[0].id);
	signature_key_text(seeds[0], text);
	assert_int_equal(signature_seed_read(text, seed), 0);
	assert_memory_equal(seed, seeds[0], sizeof(seed));
	assert_int_equal(signature_key_read("", &key), -EINVAL);
	assert_int_equal(signature_key_read("AAAA", &key), -EINVAL);
	text[10] = '!';
	assert_int_equal(signature_key_read(text, &key), -EINVAL);
}

/* RFC 8032, 7.1, test 1: the public key of a seed. */
static void known_key(void **state)
{
	static const uint8_t seed[SIGNATURE_KEY_SIZE] = {
		0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
		0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
		0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
	};
	static const uint8_t expected[4] = { 0xd7, 0x5a, 0x98, 0x01 };
	struct signature_key key;

	(void)state;
	assert_int_equal(signature_public(seed, &key), 0);
	assert_memory_equal(key.key, expected, sizeof(expected));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_for_what_was_signed),
		cmocka_unit_test(keys_are_chosen),
		cmocka_unit_test(times_and_versions),
		cmocka_unit_test(signing_again_replaces),
		cmocka_unit_test(every_change_is_refused),
		cmocka_unit_test(key_texts),
		cmocka_unit_test(known_key),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
