/* SPDX-License-Identifier: Apache-2.0
 *
 * The names that events and processes are told by.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/event.h"
#include "sensor/process.h"

static void test_types_have_their_names(void **state)
{
	/* Proves names of types as IANA has them, and the form of RFC 3597 for all others. */
	static const struct {
		uint16_t number;
		const char *name;
	} cases[] = {
		{ 1, "A" },	 { 2, "NS" },	     { 5, "CNAME" },	     { 12, "PTR" },
		{ 15, "MX" },	 { 16, "TXT" },	     { 28, "AAAA" },	     { 33, "SRV" },
		{ 43, "DS" },	 { 48, "DNSKEY" },   { 64, "SVCB" },	     { 65, "HTTPS" },
		{ 252, "AXFR" }, { 255, "ANY" },     { 257, "CAA" },	     { 0, "TYPE0" },
		{ 3, "TYPE3" },	 { 258, "TYPE258" }, { 65535, "TYPE65535" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		char out[16];

		assert_string_equal(event_qtype_name(cases[i].number, out), cases[i].name);
	}
}

static void test_no_two_types_share_a_name(void **state)
{
	/* Proves that a type is told from all others by its name: of 65,536, some have one. */
	char out[2][16];
	unsigned named = 0;

	(void)state;
	for (unsigned i = 0; i < 65536; i++) {
		const char *name = event_qtype_name((uint16_t)i, out[0]);

		if (name == out[0])
			continue;
		named++;
		for (unsigned k = i + 1; k < 65536; k++) {
			const char *other = event_qtype_name((uint16_t)k, out[1]);

			if (other != out[1])
				assert_string_not_equal(name, other);
		}
	}
	assert_in_range(named, 30, 100);
}

static void test_names_of_enumerations(void **state)
{
	/* Proves that each way of learning of a process, and each source, has a name of its own. */
	(void)state;
	assert_string_equal(event_attribution_name(EVENT_ATTRIBUTION_NONE), "none");
	assert_string_equal(event_attribution_name(EVENT_ATTRIBUTION_SEND), "send");
	assert_string_equal(event_attribution_name(EVENT_ATTRIBUTION_CURRENT), "current");
	assert_string_equal(event_attribution_name(EVENT_ATTRIBUTION_CONNECT), "connect");
	assert_string_equal(event_attribution_name(EVENT_ATTRIBUTION_CREATE), "create");
	assert_string_equal(event_attribution_name(EVENT_ATTRIBUTION_OWNER), "owner");
	assert_string_equal(event_attribution_name((enum event_attribution)99), "unknown");
	assert_string_equal(process_source_name(PROCESS_SOURCE_EXEC), "exec");
	assert_string_equal(process_source_name(PROCESS_SOURCE_FORK), "fork");
	assert_string_equal(process_source_name(PROCESS_SOURCE_SOCKET), "socket");
	assert_string_equal(process_source_name(PROCESS_SOURCE_PROC), "proc");
	assert_string_equal(process_source_name(PROCESS_SOURCE_NONE), "none");
	assert_string_equal(process_source_name((enum process_source)99), "unknown");
	assert_string_equal(process_role_name(PROCESS_ROLE_STUB), "stub");
	assert_string_equal(process_role_name(PROCESS_ROLE_NONE), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_have_their_names),
		cmocka_unit_test(test_no_two_types_share_a_name),
		cmocka_unit_test(test_names_of_enumerations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
