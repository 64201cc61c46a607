/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that each format of lists is read into the entries that its lines mean, that what is not
 * plainly an entry is rejected for the right reason and with its line, and that directives hold
 * where they stand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "intel/list.h"
#include "intel/list_source.h"
#include "list_result.h"

static const struct list_case tokens[] = {
	{ "evil.com\n", "1 block evil.com\n" },
	{ "evil.com", "1 block evil.com\n" },
	{ "evil.com\r\nbad.org\r\n", "1 block evil.com\n2 block bad.org\n" },
	{ "  EVIL.Com.  \n", "1 block evil.com\n" },
	{ "*.evil.com\n.evil.com\n..evil.com..\n",
	  "1 block evil.com\n2 block evil.com\n3 block evil.com\n" },
	{ "_dmarc.evil.com\n-x-.evil.com\n", "1 block _dmarc.evil.com\n2 block -x-.evil.com\n" },
	{ "b\xc3\xbc"
	  "cher.example\nB\xc3\x9c"
	  "CHER.example\n",
	  "1 block xn--bcher-kva.example\n2 block xn--bcher-kva.example\n" },
	{ "\xe4\xbe\x8b\xe3\x81\x88.example\n", "1 block xn--r8jz45g.example\n" },
	{ "fa\xc3\x9f.example\n", "1 block xn--fa-hia.example\n" },
	{ "b\xfc"
	  "cher.example\n\xe2\x80\xae.example\n",
	  "1 !bad-idn\n2 !bad-idn\n" },
	{ "192.0.2.1\n198.51.100.0/24\n10.1.2.3/8\n",
	  "1 block 192.0.2.1\n2 block 198.51.100.0/24\n3 block 10.0.0.0/8 masked\n" },
	{ "2001:DB8::1\n2001:db8::/32\n[2001:db8::2]:443\n[2001:db8::3]\n",
	  "1 block 2001:db8::1\n2 block 2001:db8::/32\n3 block 2001:db8::2\n"
	  "4 block 2001:db8::3\n" },
	{ "192.0.2.1:8080\nevil.com:443\nevil.com:\nevil.com:http\n",
	  "1 block 192.0.2.1\n2 block evil.com\n3 !not-a-name\n4 !not-a-name\n" },
	{ "http://user:pw@evil.com:8080/a?b=c@d#e\nhttps://192.0.2.9/x.sh\n"
	  "hxxp://evil.net/\nhttp://[2001:db8::5]:80/\n",
	  "1 block evil.com\n2 block 192.0.2.9\n3 block evil.net\n4 block 2001:db8::5\n" },
	{ "evil.com/path/x\n192.0.2.7/x.sh\n192.0.2.7/\nabc.de/12\n",
	  "1 block evil.com\n2 block 192.0.2.7\n3 block 192.0.2.7\n4 block abc.de\n" },
	{ "192.0.2.0/33\n192.0.2.0/999\n2001:db8::/129\n1:2:3\n",
	  "1 !bad-address\n2 !bad-address\n3 !bad-address\n4 !bad-address\n" },
	{ "*.1.2.3.4\n.1.2.3.4\n0x7f.1\n2130706433\n1.2.3\n010.0.0.1\n1.2.3.4.5\n",
	  "1 !bad-address\n2 !bad-address\n3 !bad-address\n4 !bad-address\n5 !bad-address\n"
	  "6 !bad-address\n7 !bad-address\n" },
	{ "0.0.0.0/0\n8.0.0.0/7\n9.0.0.0/8\n::/0\n2000::/3\n",
	  "1 !wide-prefix\n2 !wide-prefix\n3 block 9.0.0.0/8\n4 !wide-prefix\n"
	  "5 !wide-prefix\n" },
	{ "D41D8CD98F00B204E9800998ECF8427E\n", "1 block d41d8cd98f00b204e9800998ecf8427e\n" },
	{ "da39a3ee5e6b4b0d3255bfef95601890afd80709\n",
	  "1 block da39a3ee5e6b4b0d3255bfef95601890afd80709\n" },
	{ "com\nco.uk\nappspot.com\nlocalhost\n",
	  "1 !single-label\n2 !public-suffix\n3 !public-suffix\n4 !single-label\n" },
	{ "a..b.com\nev il.com\nevil,com\n\"evil.com\"\n*\n.\n*.*.evil.com\nx.*.com\n",
	  "1 !not-a-name\n2 !unsupported-rule\n3 !not-a-name\n4 !not-a-name\n5 !not-a-name\n"
	  "6 !not-a-name\n7 !not-a-name\n8 !not-a-name\n" },
	{ "ev\\105l.com\n", "1 !bad-escape\n" },
	{ "a.b.c.d.e.f.g.h.i.j.k.l.m.n.evil.com\na.b.c.d.e.f.g.h.i.j.k.l.m.n.o.evil.com\n",
	  "1 block a.b.c.d.e.f.g.h.i.j.k.l.m.n.evil.com\n2 !too-many-labels\n" },
};

/* One token is the indicator that it says, or rejected with its reason. */
static void test_tokens(void **state)
{
	(void)state;
	cases_check(tokens, ELEMENTS(tokens), false);
}

static const struct list_case formats[] = {
	{ "# c\n; c\n! c\n// c\n\nevil.com # why\nbad.org\t; why\nbad.net // why\n",
	  "6 block evil.com\n7 block bad.org\n8 block bad.net\n" },
	{ "0.0.0.0 evil.com\n127.0.0.1\tbad.org worse.org # c\n:: bad.net\n0 odd.net\n",
	  "1 block evil.com\n2 block bad.org\n2 block worse.org\n3 block bad.net\n"
	  "4 block odd.net\n" },
	{ "127.0.0.1 localhost localhost.localdomain\n::1 ip6-localhost ip6-loopback\n"
	  "255.255.255.255 broadcasthost\nfe80::1%lo0 localhost\n0.0.0.0 0.0.0.0\n",
	  "" },
	{ "10.0.0.5 server.example\nevil.com localhost\nevil.com bad.org\n",
	  "1 !unsupported-rule\n2 !unsupported-rule\n3 !unsupported-rule\n" },
	{ "[Adblock Plus 2.0]\n||evil.com^\n@@||good.com^\n||bad.org^$important\n||192.0.2.4^\n",
	  "2 block evil.com\n3 allow good.com\n4 block bad.org\n5 block 192.0.2.4\n" },
	{ "||evil.com^$third-party\n||evil.com\nevil.com##.ad\n|https://evil.com|\n"
	  "||evil.com/ads^\n||ads.*^\n",
	  "1 !unsupported-rule\n2 !unsupported-rule\n3 !unsupported-rule\n"
	  "4 !unsupported-rule\n5 block evil.com\n6 !not-a-name\n" },
	{ "address=/evil.com/#\naddress=/bad.org/worse.org/0.0.0.0\nlocal=/bad.net/\n"
	  "server=/gone.net/\n",
	  "1 block evil.com\n2 block bad.org\n2 block worse.org\n3 block bad.net\n"
	  "4 block gone.net\n" },
	{ "server=/corp.example/192.0.2.53\naddress=/router.example/192.0.2.1\nserver=192.0.2.1\n"
	  "address=/\n",
	  "1 !unsupported-rule\n2 !unsupported-rule\n3 !unsupported-rule\n"
	  "4 !unsupported-rule\n" },
	{ "server:\n  local-zone: \"evil.com\" always_nxdomain\n"
	  "local-zone: 'bad.org.' always_null\nlocal-data: \"bad.net A 0.0.0.0\"\n"
	  "local-zone: \"good.com\" transparent\nlocal-data: \"x.example A 192.0.2.1\"\n",
	  "2 block evil.com\n3 block bad.org\n4 block bad.net\n5 !unsupported-rule\n"
	  "6 !unsupported-rule\n" },
	{ "$TTL 30\n@ IN SOA localhost. root.localhost. 1 86400 3600 604800 30\n NS localhost.\n"
	  "evil.com CNAME .\n*.evil.com 60 IN CNAME .\ngood.com CNAME rpz-passthru.\n"
	  "bad.org\tcname\t*. ; c\nsink.org A 0.0.0.0\nwalled.org CNAME garden.example.\n"
	  "32.1.2.0.192.rpz-ip CNAME .\n",
	  "4 block evil.com\n5 block evil.com\n6 allow good.com\n7 block bad.org\n"
	  "8 block sink.org\n9 !unsupported-rule\n10 !unsupported-rule\n" },
	{ "@ SOA a. b. ( 2024010101 ; serial\n   3600 ; refresh\n   60 )\nevil.com CNAME .\n",
	  "4 block evil.com\n" },
	{ "type,indicator,app\ndomain,evil.com,TheTruthSpy\nipv4,192.0.2.8,x\n"
	  "filename,setup.exe,x\n",
	  "2 block evil.com\n3 block 192.0.2.8\n4 !unsupported-type\n" },
	{ "#\n# \"first_seen\",\"ioc_value\",\"ioc_type\"\n\"2024-01-01\", \"192.0.2.9:443\", "
	  "\"ip:port\"\n\"2024-01-01\",\"evil.com\"\n\"2024\",\"ev\n",
	  "3 block 192.0.2.9\n4 block evil.com\n5 !bad-csv\n" },
	{ "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\",\"rir\":\"x\"}\n"
	  "{\"domain\":\"evil.com\"}\n{\"type\":\"metadata\",\"records\":2}\n",
	  "1 block 192.0.2.0/24\n2 block evil.com\n" },
	{ "{\n  \"description\": \"x\",\n  \"list\": [\n    \"good.com\",\n    \"192.0.2.0/24\"\n"
	  "  ],\n  \"matching_attributes\": [\"domain\"],\n  \"type\": \"string\"\n}\n",
	  "4 allow good.com\n5 allow 192.0.2.0/24\n" },
	{ "[\n\"evil.com\",\n{\"url\":\"http:\\/\\/b\\u00fccher.example\\/x\"}\n]\nbad.org\n",
	  "2 block evil.com\n3 block xn--bcher-kva.example\n5 block bad.org\n" },
	{ "{\"domain\":\"evil.com\"\nbad.org\n{\"x\":1}\n{\"domain\":\"a.com\"} {\"ip\":"
	  "\"192.0.2.1\"}\n{\"domain\":\"b.com\"} junk\n",
	  "2 !bad-json\n3 !unsupported-type\n4 block a.com\n4 block 192.0.2.1\n"
	  "5 block b.com\n5 !bad-json\n" },
	{ "{", "1 !bad-json\n" },
	{ "x.com\n{\"domain\":\"evil.com\"}", "1 block x.com\n2 block evil.com\n" },
	{ "{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}\nevil.com\n",
	  "1 !bad-json\n2 block evil.com\n" },
	{ "0.0.0.0 evil.com\n||bad.org^\nworse.org\n192.0.2.1\naddress=/a.net/#\n"
	  "b.net CNAME .\n",
	  "1 block evil.com\n2 block bad.org\n3 block worse.org\n4 block 192.0.2.1\n"
	  "5 block a.net\n6 block b.net\n" },
	{ "- name: Spy\n  type: stalkerware\n  packages:\n  - com.spy.app\n  certificates:\n"
	  "  - 31A6ECECD97CF39BC4126B8745CD94A7C30BF81C\n",
	  "1 !unsupported-rule\n2 !unsupported-rule\n3 !not-a-name\n4 !unsupported-rule\n"
	  "5 !not-a-name\n6 !unsupported-rule\n" },
};

/* Each format says what its lines mean; rules that are more than a name are told. */
static void test_formats(void **state)
{
	(void)state;
	cases_check(formats, ELEMENTS(formats), false);
}

static const struct list_case directives[] = {
	{ "# cordon: feed=abc severity=high tags=a,b expires=2030-01-02\nevil.com\n"
	  "bad.org # severity=low tags=b,c\nworse.org # expires=2031-01-01T00:00:00Z\n"
	  "odd.org # severity=low but not only\n",
	  "2 block evil.com abc 4 [a,b] 1893542400\n3 block bad.org abc 2 [a,b,c] 1893542400\n"
	  "4 block worse.org abc 4 [a,b] 1924992000\n5 block odd.org abc 4 [a,b] 1893542400\n" },
	{ "# cordon: action=allow\ngood.com\n# cordon: action=block force-suffix\ncom\nco.uk\n",
	  "2 allow good.com f 0 [] 0\n4 block com f 0 [] 0 forced\n"
	  "5 block co.uk f 0 [] 0 forced\n" },
	{ "# cordon: severity=extreme\n# cordon: color=red\n# cordon:\n"
	  "evil.com # severity=extreme\n# cordon: scope=name\nbad.org # expires=90d\n",
	  "1 !bad-directive\n2 !bad-directive\n3 !bad-directive\n4 !bad-directive\n"
	  "5 !bad-directive\n6 !bad-directive\n" },
	{ "indicator,severity,tags,expires\nevil.com,Critical,\"c2, bot net\",2030-01-02\n"
	  "bad.org,73,,\nnever.org,,,9999-12-31\n",
	  "2 block evil.com f 5 [c2,bot-net] 1893542400\n3 block bad.org f 0 [] 0\n"
	  "4 block never.org f 0 [] 0\n" },
	{ "{\"domain\":\"evil.com\",\"severity\":\"high\",\"tags\":[\"a\",\"b c\"],"
	  "\"expiry\":\"2030-01-02\"}\n",
	  "1 block evil.com f 4 [a,b-c] 1893542400\n" },
};

/* Feed, severity, tags and expiry are those of the file, the entry, or the columns. */
static void test_attributes(void **state)
{
	(void)state;
	cases_check(directives, ELEMENTS(directives), true);
}

/* The limits of labels and names are those of RFC 1035, to the byte. */
static void test_name_limits(void **state)
{
	struct result result = { 0 };
	char list[2048], label[64];
	int used;

	(void)state;
	memset(label, 'a', 63);
	label[63] = '\0';
	used = snprintf(list, sizeof(list), "%s.com\n%sa.com\n", label, label);
	/* 3 * 64 + 57 + 5 + 1 is 255; one more is too long. */
	used += snprintf(list + used, sizeof(list) - (size_t)used, "%s.%s.%s.%.56s.comm\n", label,
			 label, label, label);
	(void)snprintf(list + used, sizeof(list) - (size_t)used, "%s.%s.%s.%.57s.comm\n", label,
		       label, label, label);
	assert_int_equal(read_bytes(list, strlen(list), &result), 0);
	assert_non_null(strstr(result.text, "1 block a"));
	assert_non_null(strstr(result.text, "2 !label-too-long\n"));
	assert_non_null(strstr(result.text, "3 block a"));
	assert_non_null(strstr(result.text, "4 !name-too-long\n"));
}

/* A line of any length is skipped as a whole, and the next one is read. */
static void test_long_lines(void **state)
{
	static const size_t sizes[] = { LIST_LINE_MAX - 1, LIST_LINE_MAX, LIST_LINE_MAX + 1,
					LIST_LINE_MAX * 4, LIST_LINE_MAX * 9 + 5 };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		CLEANUP(free_cleanup) char *list = malloc(sizes[i] + 32);
		struct result result = { 0 };

		assert_non_null(list);
		memset(list, 'a', sizes[i]);
		(void)strcpy(list + sizes[i], "\nevil.com\n");
		assert_int_equal(read_bytes(list, strlen(list), &result), 0);
		assert_string_equal(result.text, sizes[i] <= LIST_LINE_MAX
							 ? "1 !name-too-long\n2 block evil.com\n"
							 : "1 !line-too-long\n2 block evil.com\n");
	}
}

/* UTF-8's byte order mark is skipped, UTF-16 refused as a whole. */
static void test_byte_order_marks(void **state)
{
	struct result result = { 0 };

	(void)state;
	assert_int_equal(read_bytes("\xef\xbb\xbf"
				    "evil.com\n",
				    12, &result),
			 0);
	assert_string_equal(result.text, "1 block evil.com\n");
	assert_int_equal(read_bytes("\xff\xfe"
				    "e\0v\0",
				    6, &result),
			 -EILSEQ);
	assert_int_equal(read_bytes("\xfe\xff"
				    "\0e\0v",
				    6, &result),
			 -EILSEQ);
}

/* Bytes that are no text are rejected line by line. */
static void test_binary(void **state)
{
	static const char bytes[] = "\x7f"
				    "ELF\0\0\n\0\n\x01\x02.com\nevil.com\0\nok.com\n";
	struct result result = { 0 };

	(void)state;
	assert_int_equal(read_bytes(bytes, sizeof(bytes) - 1, &result), 0);
	assert_string_equal(result.text, "1 !not-a-name\n2 !not-a-name\n3 !not-a-name\n"
					 "4 !not-a-name\n5 block ok.com\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),	   cmocka_unit_test(test_formats),
		cmocka_unit_test(test_attributes), cmocka_unit_test(test_name_limits),
		cmocka_unit_test(test_long_lines), cmocka_unit_test(test_byte_order_marks),
		cmocka_unit_test(test_binary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
