/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that JSON documents (STIX bundles, MISP events and warninglists, Spamhaus' lists) give the
 * entries that they mean, that what is not understood or not meant is told for the right reason,
 * and that each item is told once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "list_result.h"

/* A pattern in a bundle. */
#define STIX(pattern)                                                                              \
	"{\"type\":\"bundle\",\"objects\":[{\"type\":\"indicator\",\"pattern_type\":\"stix\","     \
	"\"pattern\":\"" pattern "\"}]}\n"
#define MD5    "44d88612fea8a8f36de82e1278abb02f"
#define SHA256 "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"

static const struct list_case patterns[] = {
	{ STIX("[domain-name:value = 'evil.com']"), "1 block evil.com\n" },
	{ STIX("[ domain-name:value='evil.com' ]"), "1 block evil.com\n" },
	{ STIX("[ipv4-addr:value = '192.0.2.1']"), "1 block 192.0.2.1\n" },
	{ STIX("[ipv4-addr:value ISSUBSET '198.51.100.0/24']"), "1 block 198.51.100.0/24\n" },
	{ STIX("[ipv6-addr:value = '2001:DB8::1']"), "1 block 2001:db8::1\n" },
	{ STIX("[file:hashes.MD5 = '" MD5 "']"), "1 block " MD5 "\n" },
	{ STIX("[file:hashes.'SHA-256' = '" SHA256 "']"), "1 block " SHA256 "\n" },
	{ STIX("[domain-name:value = 'a.com' OR domain-name:value = 'b.com']"),
	  "1 block a.com\n1 block b.com\n" },
	{ STIX("[domain-name:value IN ('a.com', 'b.com')]"), "1 block a.com\n1 block b.com\n" },
	{ STIX("[domain-name:value = 'a.com'] OR [ipv4-addr:value = '192.0.2.1']"),
	  "1 block a.com\n1 block 192.0.2.1\n" },
	{ STIX("([domain-name:value = 'a.com'] OR ([ipv4-addr:value = '192.0.2.1']))"),
	  "1 block a.com\n1 block 192.0.2.1\n" },
	{ STIX("[(domain-name:value = 'a.com' OR domain-name:value = 'b.com')]"),
	  "1 block a.com\n1 block b.com\n" },
	{ STIX("[url:value = 'https://evil.com/']"), "1 block evil.com\n" },
	{ STIX("[url:value = 'https://evil.com:8443']"), "1 block evil.com\n" },
	{ STIX("[url:value = 'https://github.com/evil/x.exe']"), "1 !url-path\n" },
	{ STIX("[url:value = 'https://github.com?x=1']"), "1 !url-path\n" },
	/* What holds together is not taken apart; the alternative beside it is taken. */
	{ STIX("[domain-name:value = 'a.com' AND ipv4-addr:value = '192.0.2.1']"),
	  "1 !combined-pattern\n" },
	{ STIX("[domain-name:value = 'a.com' OR domain-name:value = 'b.com' AND file:name = 'x']"),
	  "1 block a.com\n1 !combined-pattern\n" },
	{ STIX("[domain-name:value = 'a.com'] AND [domain-name:value = 'b.com']"),
	  "1 !combined-pattern\n" },
	{ STIX("[domain-name:value = 'a.com'] FOLLOWEDBY [domain-name:value = 'b.com']"),
	  "1 !combined-pattern\n" },
	{ STIX("[domain-name:value = 'a.com'] REPEATS 5 TIMES WITHIN 60 SECONDS"),
	  "1 !combined-pattern\n" },
	{ STIX("[domain-name:value = 'a.com'] START t'2020-01-01T00:00:00Z' STOP "
	       "t'2021-01-01T00:00:00Z'"),
	  "1 !combined-pattern\n" },
	{ STIX("[domain-name:value != 'a.com']"), "1 !unsupported-rule\n" },
	{ STIX("[domain-name:value NOT = 'a.com']"), "1 !unsupported-rule\n" },
	{ STIX("[domain-name:value LIKE '%.evil.com']"), "1 !unsupported-rule\n" },
	{ STIX("[domain-name:value MATCHES '^evil']"), "1 !unsupported-rule\n" },
	{ STIX("[EXISTS domain-name:value]"), "1 !unsupported-rule\n" },
	{ STIX("[domain-name:value ISSUBSET 'a.com']"), "1 !unsupported-rule\n" },
	{ STIX("[process:name = 'nc' OR domain-name:value = 'a.com']"),
	  "1 !unsupported-type\n1 block a.com\n" },
	{ STIX("[file:hashes.'SHA-512' = 'aa']"), "1 !unsupported-type\n" },
	{ STIX("[file:size > 10]"), "1 !unsupported-type\n" },
	{ STIX("[domain-name:value = '192.0.2.1']"), "1 !other-type\n" },
	{ STIX("[ipv4-addr:value = 'evil.com']"), "1 !other-type\n" },
	{ STIX("[domain-name:value = 'not a name']"), "1 !not-a-name\n" },
	{ STIX("[domain-name:value = 'com']"), "1 !single-label\n" },
	/* Not valid: nothing of it, not even what stands before. */
	{ STIX("[domain-name:value = 'a.com' OR]"), "1 !bad-pattern\n" },
	{ STIX("[domain-name:value = 'a.com'"), "1 !bad-pattern\n" },
	{ STIX("[domain-name:value = 'a.com"), "1 !bad-pattern\n" },
	{ STIX("[domain-name:value 'a.com']"), "1 !bad-pattern\n" },
	{ STIX("[domain-name:value = 'a.com'] x"), "1 !bad-pattern\n" },
	{ STIX("domain-name:value = 'a.com'"), "1 !bad-pattern\n" },
	{ STIX("[[[[[[[[[[[[domain-name:value = 'a.com']"), "1 !bad-pattern\n" },
	{ STIX("[((((((((((domain-name:value = 'a.com'))))))))))]"), "1 !bad-pattern\n" },
	{ STIX(""), "1 !bad-pattern\n" },
};

static void test_patterns(void **state)
{
	(void)state;
	cases_check(patterns, ELEMENTS(patterns), false);
}

static const struct list_case bundles[] = {
	{ "{\"id\":\"bundle--1\",\"type\":\"bundle\",\"objects\":[\n"
	  "{\"type\":\"identity\",\"name\":\"x\"},\n"
	  "{\"type\":\"domain-name\",\"value\":\"seen.com\"},\n"
	  "{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = "
	  "'a.com']\",\"revoked\":true},\n"
	  "{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'b.com']\","
	  "\"valid_until\":\"2099-01-01T00:00:00.000Z\",\"labels\":[\"c2\",\"x y\"]},\n"
	  "{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'c.com']\","
	  "\"indicator_types\":[\"benign\"]},\n"
	  "{\"type\":\"indicator\",\"pattern\":\"rule x {}\",\"pattern_type\":\"yara\"},\n"
	  "{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'd.com']\","
	  "\"valid_from\":\"2099-01-01T00:00:00Z\"},\n"
	  "{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'e.com']\","
	  "\"valid_from\":\"2020-01-01T00:00:00Z\"},\n"
	  "{\"type\":\"indicator\"}]}\n",
	  "3 !not-for-detection\n4 !withdrawn\n5 block b.com f 0 [c2,x-y] 4070908800\n"
	  "6 !not-malicious\n7 !unsupported-type\n8 !not-yet-valid\n9 block e.com f 0 [] 0\n"
	  "10 !bad-pattern\n" },
	/* One object a line, without a bundle. */
	{ "{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'a.com']\"}\n"
	  "{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'b.com']\"}\n",
	  "1 block a.com f 0 [] 0\n2 block b.com f 0 [] 0\n" },
	/* STIX 2.0 keeps observables in an object called objects. */
	{ "{\"type\":\"bundle\",\"objects\":[{\"type\":\"observed-data\",\"objects\":{\"0\":"
	  "{\"type\":\"domain-name\",\"value\":\"seen.com\"}}},{\"type\":\"indicator\","
	  "\"objects\":[{\"type\":\"indicator\",\"pattern\":\"[domain-name:value = 'x.com']\"}],"
	  "\"pattern\":\"[domain-name:value = 'a.com']\"}]}",
	  "1 !not-for-detection\n1 block a.com f 0 [] 0\n" },
	/* Cut off: what was whole is taken, and the rest told. */
	{ "{\"type\":\"bundle\",\"objects\":[{\"type\":\"indicator\","
	  "\"pattern\":\"[domain-name:value = 'a.com']\"},{\"type\":\"indi",
	  "1 block a.com f 0 [] 0\n1 !bad-json\n" },
};

static void test_bundles(void **state)
{
	(void)state;
	cases_check(bundles, ELEMENTS(bundles), true);
}

#define EVENT(attributes) "{\"Event\":{\"info\":\"x\",\"Attribute\":[" attributes "]}}\n"
#define ATTRIBUTE(type, value)                                                                     \
	"{\"type\":\"" type "\",\"value\":\"" value "\",\"to_ids\":true,\"deleted\":false}"

static const struct list_case events[] = {
	{ EVENT(ATTRIBUTE("domain", "a.com")), "1 block a.com f 0 [] 0\n" },
	{ EVENT(ATTRIBUTE("hostname", "www.a.com")), "1 block www.a.com f 0 [] 0\n" },
	{ EVENT(ATTRIBUTE("ip-dst", "192.0.2.1")), "1 block 192.0.2.1 f 0 [] 0\n" },
	{ EVENT(ATTRIBUTE("ip-dst|port", "192.0.2.1|443")), "1 block 192.0.2.1 f 0 [] 0\n" },
	{ EVENT(ATTRIBUTE("domain|ip", "a.com|192.0.2.1")),
	  "1 block a.com f 0 [] 0\n1 block 192.0.2.1 f 0 [] 0\n" },
	{ EVENT(ATTRIBUTE("filename|sha256", "x.exe|" SHA256)), "1 block " SHA256 " f 0 [] 0\n" },
	{ EVENT(ATTRIBUTE("malware-sample", "x|" MD5)), "1 block " MD5 " f 0 [] 0\n" },
	{ EVENT(ATTRIBUTE("url", "http://a.com/")), "1 block a.com f 0 [] 0\n" },
	{ EVENT(ATTRIBUTE("url", "http://a.com/x")), "1 !url-path\n" },
	{ EVENT(ATTRIBUTE("ja3-fingerprint-md5", MD5)), "1 !unsupported-type\n" },
	{ EVENT(ATTRIBUTE("email-src", "x@a.com")), "1 !unsupported-type\n" },
	{ EVENT(ATTRIBUTE("domain", MD5)), "1 !other-type\n" },
	{ EVENT("{\"type\":\"domain\",\"value\":\"a.com\",\"to_ids\":false}"),
	  "1 !not-for-detection\n" },
	{ EVENT("{\"type\":\"domain\",\"value\":\"a.com\"}"), "1 !not-for-detection\n" },
	{ EVENT("{\"type\":\"domain\",\"value\":\"a.com\",\"to_ids\":true,\"deleted\":true}"),
	  "1 !withdrawn\n" },
	{ EVENT("{\"type\":\"domain\",\"Tag\":[{\"colour\":\"#fff\",\"name\":\"tlp:amber\"}],"
		"\"to_ids\":\"1\",\"value\":\"a.com\"}"),
	  "1 block a.com f 0 [tlp:amber] 0\n" },
	/* Attributes of objects in the event; a list of events; a search for attributes. */
	{ "{\"response\":[{\"Event\":{\"Object\":[{\"name\":\"file\",\"Attribute\":[" ATTRIBUTE(
		  "md5", MD5) "]}]}}]}",
	  "1 block " MD5 " f 0 [] 0\n" },
	{ "{\"response\":{\"Attribute\":[" ATTRIBUTE("domain", "a.com") "]}}",
	  "1 block a.com f 0 [] 0\n" },
	{ EVENT("{\"type\":\"domain\",\"Attribute\":[" ATTRIBUTE(
		  "domain", "b.com") "],\"to_ids\":true,\"value\":\"a.com\"}"),
	  "1 block a.com f 0 [] 0\n" },
};

static void test_events(void **state)
{
	(void)state;
	cases_check(events, ELEMENTS(events), true);
}

static const struct list_case others[] = {
	/* Spamhaus DROP: lines, the last of them about the list; its list of networks by number has
	 * the names of their owners, who are not listed. */
	{ "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\",\"rir\":\"ripencc\"}\n"
	  "{\"type\":\"metadata\",\"records\":1}\n",
	  "1 block 192.0.2.0/24\n" },
	{ "{\"asn\":64496,\"rir\":\"arin\",\"domain\":\"owner.com\",\"asname\":\"OWNER\"}\n",
	  "1 !other-type\n" },
	{ "{\"name\":\"x\",\"list\":[\"a.com\",\"192.0.2.0/24\"],\"type\":\"string\"}",
	  "1 allow a.com\n1 allow 192.0.2.0/24\n" },
	{ "{\"list\":[]}", "" },
	{ "{\"value\":\"a.com\",\"to_ids\":false}", "1 !not-for-detection\n" },
	{ "{\"ioc\":\"a.com\",\"detail\":{\"Event\":{\"id\":1},\"list\":[\"b.com\"]}}",
	  "1 block a.com\n" },
	{ "{\"Event\":{}}\n", "1 !unsupported-type\n" },
};

static void test_others(void **state)
{
	(void)state;
	cases_check(others, ELEMENTS(others), false);
}

/* A pattern and an indicator that are longer than anything that is looked at. */
static void test_long_values(void **state)
{
	char *text = calloc(1, 65536), *list = calloc(1, 70000);

	(void)state;
	assert_non_null(text);
	assert_non_null(list);
	memset(text, 'a', 65535);
	for (size_t i = 0; i < 2; i++) {
		struct result result = { 0 };

		(void)snprintf(list, 70000,
			       i == 0 ? "{\"ioc\":\"%s\"}\n"
				      : "{\"type\":\"indicator\",\"pattern\":\"%s\"}\n",
			       text);
		assert_int_equal(read_bytes(list, strlen(list), &result), 0);
		assert_string_equal(result.text, "1 !value-too-long\n");
	}
	free(text);
	free(list);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),    cmocka_unit_test(test_bundles),
		cmocka_unit_test(test_events),	    cmocka_unit_test(test_others),
		cmocka_unit_test(test_long_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
