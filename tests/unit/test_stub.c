/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is taken for a resolver that asks for others, and who only wants to be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/process.h"
#include "sensor/stub.h"

static const struct {
	const char *exe, *container;
	bool truncated, stub;
} cases[] = {
	{ "/usr/lib/systemd/systemd-resolved", "", false, true },
	{ "/lib/systemd/systemd-resolved", "", false, true },
	{ "/usr/sbin/dnsmasq", "", false, true },
	{ "/usr/sbin/nscd", "", false, true },
	{ "/usr/sbin/unbound", "", false, true },
	{ "/usr/sbin/named", "", false, true },
	{ "/usr/local/sbin/unbound", "", false, true },
	{ "/opt/coredns/coredns", "", false, true },
	/* Anybody can call a program so. */
	{ "/tmp/dnsmasq", "", false, false },
	{ "/home/mallory/usr/sbin/dnsmasq", "", false, false },
	{ "/tmp/systemd-resolved", "", false, false },
	{ "/memfd:/usr/sbin/dnsmasq", "", false, false },
	{ "dnsmasq", "", false, false },
	{ "", "", false, false },
	{ "/", "", false, false },
	/* Other programs. */
	{ "/usr/sbin/dnsmasq2", "", false, false },
	{ "/usr/sbin/DNSMASQ", "", false, false },
	{ "/usr/sbin/dnsmasq/", "", false, false },
	{ "/usr/bin/curl", "", false, false },
	{ "/usr/sbin/NetworkManager", "", false, false }, /* asks for itself */
	/* Whoever makes the container makes its folders. */
	{ "/usr/sbin/dnsmasq", "0123", false, false },
	/* What is left of a path that was cut, told so or not. */
	{ ".../usr/sbin/dnsmasq", "", true, false },
	{ "/usr/sbin/dnsmasq", "", true, false },
};

static void test_cases(void **state)
{
	/* Proves that only a resolver's program in a system folder, seen whole, is taken for one.
	 */
	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct process process = { .exe_truncated = cases[i].truncated };

		(void)snprintf(process.exe, sizeof(process.exe), "%s", cases[i].exe);
		(void)snprintf(process.container, sizeof(process.container), "%s",
			       cases[i].container);
		/* Its name says nothing. */
		(void)strcpy(process.comm, "dnsmasq");
		print_message("%s\n", cases[i].exe);
		assert_int_equal(stub_known(&process), cases[i].stub);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
