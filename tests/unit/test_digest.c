/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 against the published examples, at once and in pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/digest.h"

#define MILLION 1000000

/* NIST, CSRC, "Examples with intermediate values": SHA-256. The last one: a million times "a". */
static const struct {
	const char *text, *digest;
} examples[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ NULL, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void assert_digest(const uint8_t *bytes, const char *expected)
{
	char text[SHA256_TEXT_SIZE];

	digest_text(bytes, SHA256_SIZE, text);
	assert_string_equal(text, expected);
}

static void test_examples(void **state)
{
	/* Proves the published digests, at once, byte by byte, and as peeked at on the way. */
	CLEANUP(free_cleanup) char *million = malloc(MILLION);

	(void)state;
	assert_non_null(million);
	memset(million, 'a', MILLION);
	for (size_t i = 0; i < ELEMENTS(examples); i++) {
		const char *text = examples[i].text ? examples[i].text : million;
		size_t size = examples[i].text ? strlen(text) : MILLION;
		struct digest *digest = digest_new();
		uint8_t bytes[SHA256_SIZE];

		assert_int_equal(digest_sha256(text, size, bytes), 0);
		assert_digest(bytes, examples[i].digest);
		assert_non_null(digest);
		for (size_t at = 0; at < size; at++)
			assert_int_equal(digest_add(digest, text + at, 1), 0);
		assert_int_equal(digest_peek(digest, bytes), 0);
		assert_digest(bytes, examples[i].digest);
		assert_int_equal(digest_add(digest, NULL, 0), 0);
		assert_int_equal(digest_finish(digest, bytes), 0);
		assert_digest(bytes, examples[i].digest);
		digest_free(digest);
	}
}

static void test_peek_changes_nothing(void **state)
{
	/* Proves that after a peek more can be added, and counts. */
	struct digest *digest = digest_new();
	uint8_t bytes[SHA256_SIZE];

	(void)state;
	assert_non_null(digest);
	assert_int_equal(digest_add(digest, "ab", 2), 0);
	assert_int_equal(digest_peek(digest, bytes), 0);
	assert_int_equal(digest_add(digest, "c", 1), 0);
	assert_int_equal(digest_finish(digest, bytes), 0);
	assert_digest(bytes, examples[1].digest);
	digest_free(digest);
	digest_free(NULL);
}

static void test_text(void **state)
{
	/* Proves that every byte becomes two lower-case digits, and that no bytes become "". */
	static const uint8_t bytes[] = { 0x00, 0x0f, 0xf0, 0xff, 0xa5 };
	char text[sizeof(bytes) * 2 + 1];

	(void)state;
	digest_text(bytes, sizeof(bytes), text);
	assert_string_equal(text, "000ff0ffa5");
	digest_text(bytes, 0, text);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_peek_changes_nothing),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
