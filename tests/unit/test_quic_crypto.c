/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of QUIC Initial packets: held against RFC 9001, appendix A.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/quic_crypto.h"

static const struct quic_derivation version1 = {
	{ 0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
	  0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a },
	"quic key",
	"quic iv",
	"quic hp",
};
static const uint8_t id[] = { 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08 };

static void test_mask_of_the_sample(void **state)
{
	/* Proves A.2: the mask of the client's sample. */
	static const uint8_t sample[] = { 0xd1, 0xb1, 0xc9, 0x8d, 0xd7, 0x68, 0x9f, 0xb8,
					  0xec, 0x11, 0xd2, 0x42, 0xb1, 0x23, 0xdc, 0x9b };
	static const uint8_t expected[] = { 0x43, 0x7b, 0x9a, 0xec, 0x36 };
	uint8_t mask[QUIC_MASK_SIZE];
	struct quic_keys *keys;

	(void)state;
	assert_int_equal(quic_keys_new(&version1, id, sizeof(id), &keys), 0);
	assert_int_equal(quic_keys_mask(keys, sample, mask), 0);
	assert_memory_equal(mask, expected, sizeof(expected));
	quic_keys_free(keys);
}

static void test_what_is_not_sealed_does_not_open(void **state)
{
	/* Proves that changed or short payloads are refused. */
	uint8_t sealed[64] = { 0 }, out[64];
	struct quic_keys *keys;

	(void)state;
	assert_int_equal(quic_crypto_prepare(), 0);
	assert_int_equal(quic_keys_new(&version1, id, sizeof(id), &keys), 0);
	assert_int_equal(quic_keys_open(keys, 0, id, sizeof(id), sealed, sizeof(sealed), out),
			 -EBADMSG);
	assert_int_equal(quic_keys_open(keys, 0, id, sizeof(id), sealed, QUIC_TAG_SIZE - 1, out),
			 -EBADMSG);
	assert_int_equal(quic_keys_open(keys, 0, id, sizeof(id), sealed, QUIC_TAG_SIZE, out),
			 -EBADMSG);
	quic_keys_free(keys);
	quic_keys_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mask_of_the_sample),
		cmocka_unit_test(test_what_is_not_sealed_does_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
