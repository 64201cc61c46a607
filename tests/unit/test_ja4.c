/* SPDX-License-Identifier: Apache-2.0
 *
 * JA4: the example that FoxIO publishes with its parts, and lists that are empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "scan/ja4.h"

static struct cursor words(uint8_t *out, const uint16_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		out[2 * i] = (uint8_t)(values[i] >> 8);
		out[2 * i + 1] = (uint8_t)values[i];
	}
	return (struct cursor){ out, 2 * count, 2 * count };
}

/* Extensions without content. */
static struct cursor extensions(uint8_t *out, const uint16_t *types, size_t count)
{
	memset(out, 0, 4 * count);
	for (size_t i = 0; i < count; i++) {
		out[4 * i] = (uint8_t)(types[i] >> 8);
		out[4 * i + 1] = (uint8_t)types[i];
	}
	return (struct cursor){ out, 4 * count, 4 * count };
}

static void test_published_example(void **state)
{
	/* Proves the fingerprint of the published lists, with GREASE put among them. */
	static const uint16_t suites[] = { 0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f,
					   0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
					   0x009c, 0x009d, 0x002f, 0x0035 };
	static const uint16_t types[] = { 0x3a3a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469,
					  0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
					  0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xaaaa };
	static const uint16_t algorithms[] = { 0x0403, 0x0804, 0x0401, 0x0503,
					       0x0805, 0x0501, 0x0806, 0x0601 };
	uint8_t a[64], b[128], c[32];
	struct tls_hello hello = {
		.version = 0x0304,
		.server_name = true,
		.ciphers = words(a, suites, ELEMENTS(suites)),
		.extensions = extensions(b, types, ELEMENTS(types)),
		.signatures = words(c, algorithms, ELEMENTS(algorithms)),
		.application = { (const uint8_t *)"h2", 2, 2 },
	};
	char ja4[FLOW_JA4_SIZE];

	(void)state;
	ja4_format(&hello, TLS_STREAM, ja4);
	assert_string_equal(ja4, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	hello.signatures = (struct cursor){ 0 };
	ja4_format(&hello, TLS_QUIC, ja4);
	assert_string_equal(ja4, "q13d1516h2_8daaf6152771_6d807ffa2a79");
}

static void test_empty_lists(void **state)
{
	/* Proves that a hello with nothing has a fingerprint. */
	struct tls_hello hello = { 0 };
	char ja4[FLOW_JA4_SIZE];

	(void)state;
	ja4_format(&hello, TLS_STREAM, ja4);
	assert_string_equal(ja4, "t00i000000_000000000000_000000000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_example),
		cmocka_unit_test(test_empty_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
