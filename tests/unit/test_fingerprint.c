/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that JA4 fingerprints are told from everything else, come out of a pack as they went in,
 * and are found by an exact lookup only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "intel/fingerprint.h"
#include "intel/list_token.h"
#include "intel/pack.h"
#include "intel_folder.h"

#define NOW 1800000000

CLEANUP_DEFINE(struct pack *, pack_close)

static void test_forms(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "t13d1516h2_8daaf6152771_e5627efa2ab1", true },
		{ "q13i0310h3_55b375c5d22e_cd85d2d88918", true },
		{ "ts3d020000_000000000000_000000000000", true },
		{ "t00i000099_ABCDEF012345_abcdef012345", true },
		{ "t13d1516h2_8daaf6152771_e5627efa2ab", false },
		{ "t13d1516h2_8daaf6152771_e5627efa2ab11", false },
		{ "t13d1516h2-8daaf6152771_e5627efa2ab1", false },
		{ "t13d1516h2_8daaf615277g_e5627efa2ab1", false },
		{ "x13d1516h2_8daaf6152771_e5627efa2ab1", false },
		{ "t13x1516h2_8daaf6152771_e5627efa2ab1", false },
		{ "t13d15a6h2_8daaf6152771_e5627efa2ab1", false },
		{ "t13d1516h._8daaf6152771_e5627efa2ab1", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		uint8_t bytes[FINGERPRINT_SIZE];
		char text[FINGERPRINT_TEXT_SIZE];
		bool good = fingerprint_read(cases[i].text, strlen(cases[i].text), bytes);

		assert_int_equal(good, cases[i].good);
		if (!good)
			continue;
		fingerprint_format(bytes, text);
		/* Sums in lower case, the head as it is. */
		assert_memory_equal(text, cases[i].text, 11);
		assert_int_equal(strcasecmp(text, cases[i].text), 0);
	}
}

static void test_pack(void **state)
{
	static const char list[] = "# cordon: feed=clients severity=high\n"
				   "t13d1516h2_8DAAF6152771_e5627efa2ab1 # tags=c2\n"
				   "q13i0310h3_55b375c5d22e_cd85d2d88918\n"
				   "d41d8cd98f00b204e9800998ecf8427e\n"
				   "evil.example\n";
	static const char allowed[] = "# cordon: feed=allowed action=allow\n"
				      "q13i0310h3_55b375c5d22e_cd85d2d88918\n";
	static const struct {
		const char *text;
		int matches;
		bool blocked;
	} cases[] = {
		{ "t13d1516h2_8daaf6152771_e5627efa2ab1", 1, true },
		{ "t13d1516h2_8daaf6152771_e5627efa2ab2", 0, false },
		{ "q13d1516h2_8daaf6152771_e5627efa2ab1", 0, false },
		{ "q13i0310h3_55b375c5d22e_cd85d2d88918", 1, false },
	};
	CLEANUP(pack_close_cleanup) struct pack *pack = NULL;
	struct compile_report report;
	const char *why;

	assert_int_equal(intel_folder_compile(*state, list, allowed, NULL, &report), 0);
	assert_int_equal(report.hashes, 4);
	assert_int_equal(pack_open(((struct intel_folder *)*state)->pack, &pack, &why), 0);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		uint8_t bytes[FINGERPRINT_SIZE];
		struct pack_match match;

		assert_true(fingerprint_read(cases[i].text, strlen(cases[i].text), bytes));
		assert_int_equal(pack_lookup_hash(pack, bytes, sizeof(bytes), NOW, &match),
				 cases[i].matches);
		assert_int_equal(match.blocked, cases[i].blocked);
		if (!match.count)
			continue;
		assert_int_equal(match.matches[0].kind, INDICATOR_JA4);
		assert_string_equal(match.matches[0].text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test_setup_teardown(test_pack, intel_folder_make, intel_folder_remove),
	};

	return cmocka_run_group_tests_name("fingerprint", tests, NULL, NULL);
}
