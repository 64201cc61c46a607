/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that lookups around this host's resolvers are findings of their own, one a program and
 * kind of road, none for resolvers on this host; and that an entry for a public resolver is this
 * detector's, whichever way it was met. The list that comes with the program compiles, whole.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "answer_rig.h"
#include "base/cleanup.h"
#include "detect/resolver_bypass.h"

#define LIST                                                                                       \
	"# cordon: feed=doh-resolvers severity=low\n"                                              \
	"dns.google # tags=x,resolver\n"                                                           \
	"evil.test # severity=high tags=notresolver\n"

static int make(void **state)
{
	return rig_open(state, LIST, NULL);
}

static void test_roads(void **state)
{
	static const struct {
		enum event_watch watch;
		uint8_t protocol;
		uint16_t port;
		const char *title;
	} cases[] = {
		{ EVENT_WATCH_RESOLVER, IPPROTO_UDP, 53, "Plain DNS to 192.0.2.53 port 53" },
		{ EVENT_WATCH_ENCRYPTED, IPPROTO_TCP, 853, "DNS over TLS to 192.0.2.53 port 853" },
		{ EVENT_WATCH_ENCRYPTED, IPPROTO_UDP, 853, "DNS over QUIC to 192.0.2.53 port 853" },
	};
	char uids[ELEMENTS(cases)][FINDING_UID_SIZE];
	struct rig *rig = *state;

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct event event =
			rig_connection(rig, cases[i].watch, "192.0.2.53", cases[i].port);

		event.protocol = cases[i].protocol;
		assert_int_equal(rig_show(rig, &event), 1);
		assert_string_equal(rig->findings[0].detector, "resolver-bypass");
		assert_string_equal(rig->findings[0].title, cases[i].title);
		assert_int_equal(rig->findings[0].default_severity, SEVERITY_LOW);
		(void)strcpy(uids[i], rig->findings[0].uid);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(uids[i], uids[k]);
		/* Another resolver is the same finding, another program is not. */
		assert_int_equal(address_parse("2001:db8::53", &event.destination), 0);
		assert_int_equal(rig_show(rig, &event), 1);
		assert_string_equal(rig->findings[0].uid, uids[i]);
		(void)strcpy(rig->process.exe, "/usr/bin/other");
		assert_int_equal(rig_show(rig, &event), 1);
		assert_string_not_equal(rig->findings[0].uid, uids[i]);
		(void)strcpy(rig->process.exe, "/usr/bin/curl");
		/* It is a stub's job. */
		rig->process.role = PROCESS_ROLE_STUB;
		assert_int_equal(rig_show(rig, &event), 0);
		rig->process.role = PROCESS_ROLE_NONE;
	}
}

static void test_entries(void **state)
{
	struct rig *rig = *state;
	struct event event = rig_event(rig, EVENT_QUESTION);

	assert_int_equal(domain_name_parse("dns.google", &event.name), 0);
	assert_int_equal(rig_show(rig, &event), 1);
	assert_string_equal(rig->findings[0].detector, "resolver-bypass");
	assert_string_equal(rig->findings[0].title, "Lookup of public resolver dns.google");
	assert_int_equal(rig->findings[0].default_severity, SEVERITY_LOW);
	rig->process.role = PROCESS_ROLE_STUB;
	assert_int_equal(rig_show(rig, &event), 1);
	assert_int_equal(rig->findings[0].default_severity, SEVERITY_INFORMATIONAL);
	/* Another tag that only looks alike. */
	assert_int_equal(domain_name_parse("evil.test", &event.name), 0);
	assert_int_equal(rig_show(rig, &event), 1);
	assert_string_equal(rig->findings[0].detector, "indicator");
	assert_int_equal(rig->findings[0].default_severity, SEVERITY_HIGH);
}

static void test_adopt_connection(void **state)
{
	struct indicator indicator = { .tags = "a,resolver", .feed = "f" };
	struct event event = { .kind = EVENT_CONNECTION, .destination_port = 443 };
	struct finding finding = { .detector = "indicator",
				   .event = &event,
				   .indicator = &indicator,
				   .title = "Connection to listed address 8.8.8.8 port 443" };

	(void)state;
	assert_true(resolver_bypass_adopt(&finding));
	assert_string_equal(finding.detector, "resolver-bypass");
	assert_string_equal(finding.title, "Connection to public resolver 8.8.8.8 port 443");
	event.destination_port = 53;
	assert_false(resolver_bypass_adopt(&finding));
	indicator.tags = "";
	assert_true(resolver_bypass_adopt(&finding));
}

/* Also with the list that nothing may block. */
static void test_builtin_list(void **state)
{
	struct compile_options options = { .builtin_resolvers = true };
	struct compile_report report;
	struct pack_match match;
	struct domain_name name;
	struct address address;
	struct pack *pack;
	const char *why;
	struct rig *rig = *state;

	assert_int_equal(compile_feeds(NULL, 0, &options, rig->folder->pack, &report), 0);
	for (size_t i = 0; i < LIST_REASONS; i++)
		assert_int_equal(report.rejected[i], 0);
	assert_int_equal(report.duplicates, 0);
	assert_true(report.domains > 50 && report.addresses > 50);
	assert_int_equal(pack_open(rig->folder->pack, &pack, &why), 0);
	assert_int_equal(domain_name_parse("chrome.cloudflare-dns.com", &name), 0);
	assert_int_equal(pack_lookup_domain(pack, &name, 0, &match), 1);
	assert_true(match.blocked && resolver_bypass_entry(&match.matches[0]));
	assert_int_equal(match.matches[0].severity, SEVERITY_LOW);
	assert_string_equal(match.matches[0].feed, "doh-resolvers");
	assert_int_equal(address_parse("2620:fe::fe", &address), 0);
	assert_int_equal(pack_lookup_address(pack, &address, 0, &match), 1);
	assert_true(match.blocked && resolver_bypass_entry(&match.matches[0]));
	pack_close(pack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_roads, make, rig_close),
		cmocka_unit_test_setup_teardown(test_entries, make, rig_close),
		cmocka_unit_test(test_adopt_connection),
		cmocka_unit_test_setup_teardown(test_builtin_list, make, rig_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
