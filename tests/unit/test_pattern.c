/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that regular expressions and shell patterns mean what the system's own engines say they
 * do, that those which cannot be had are refused with why, and that no text makes a search long.
 */
#include <errno.h>
#include <fnmatch.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "policy/glob.h"
#include "policy/pattern.h"

CLEANUP_DEFINE(struct pattern *, pattern_free)

static bool search(const char *expression, const char *text)
{
	CLEANUP(pattern_free_cleanup) struct pattern *pattern = NULL;
	const char *why = "";

	if (pattern_compile(expression, &pattern, &why) < 0)
		fail_msg("%s: %s", expression, why);
	return pattern_search(pattern, text, strlen(text));
}

/* What people write finds what they mean. */
static void test_forms(void **state)
{
	static const struct {
		const char *expression, *yes, *no;
	} cases[] = {
		{ "abc", "xabcx", "ab" },
		{ "^abc$", "abc", "xabc" },
		{ "a|b", "xb", "c" },
		{ "^(ab|cd)+$", "abcdab", "abc" },
		{ "^a{2,3}$", "aaa", "aaaa" },
		{ "^a{2}$", "aa", "aaa" },
		{ "^a{2,}$", "aaaaa", "a" },
		{ "^(a{2}){2}$", "aaaa", "aaa" },
		{ "^a?b*c+$", "cc", "ab" },
		{ "[a-f0-9]{8}", "zzdeadbeefzz", "deadbee" },
		{ "^[^/]+$", "name", "a/b" },
		{ "^[]-]+$", "]-]", "a" },
		{ "^[[:digit:]_]+$", "1_2", "a" },
		{ "^\\d+\\.\\w+$", "12.a_b", "12xab" },
		{ "\\bnc\\b", "/bin/nc -e", "sync" },
		{ "\\Bnc", "sync", "nc" },
		{ "^\\s\\S$", " a", "aa" },
		{ "(?i)PowerShell", "pOWERsHELL", "power" },
		{ "(?i)[^a]", "b", "aA" },
		{ "^(?:ab)*?$", "abab", "aba" },
		{ "\\x41\\t", "A\t", "A" },
		{ "^$", "", "a" },
		{ "a||b", "zzz", NULL },
		{ "(a*)*$", "b", NULL },
		{ "\\^\\$\\.", "^$.", "^$a" },
		{ "a.c", "a\nc", "ac" },
		{ "^\\x80", "\x80", "a" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		if (!search(cases[i].expression, cases[i].yes))
			fail_msg("%s does not find %s", cases[i].expression, cases[i].yes);
		if (cases[i].no && search(cases[i].expression, cases[i].no))
			fail_msg("%s finds %s", cases[i].expression, cases[i].no);
	}
}

/* What cannot be had, or is a mistake, is refused with why. */
static void test_refused(void **state)
{
	static const struct {
		const char *expression, *why;
	} cases[] = {
		{ "(a)\\1", "a back-reference, which cannot be had" },
		{ "(?=a)", "looking around, or options within a group: neither can be had" },
		{ "(?<!a)b", "looking around, or options within a group: neither can be had" },
		{ "a)", "a bracket that was not opened" },
		{ "(a", "a group that is not closed" },
		{ "[a", "brackets that are not closed" },
		{ "[b-a]", "a range within brackets that ends before it begins" },
		{ "[[:letter:]]", "a class within brackets that is not known" },
		{ "*a", "a repeat with nothing before it" },
		{ "a{3,2}", "a repeat that ends before it begins" },
		{ "a{", "braces without a number" },
		{ "a{1", "braces that are not closed" },
		{ "a{256}", "a repeat of more than 255" },
		{ "(a{100}){100}", "too long when its repeats are written out" },
		{ "a\\", "a backslash with nothing after it" },
		{ "\\q", "an escape that is not known" },
		{ "\\x4", "\\x without two hexadecimal digits" },
		{ "((((((((((((((((((((((((((((((((((a", "groups within groups, too deep" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct pattern *pattern = NULL;
		const char *why = "";

		assert_int_equal(pattern_compile(cases[i].expression, &pattern, &why), -EINVAL);
		assert_string_equal(why, cases[i].why);
	}
}

static uint64_t random_state = 88172645463325252u;

static unsigned random_below(unsigned bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % bound;
}

static void random_join(char *out, size_t size, const char *const *parts, unsigned count,
			unsigned most)
{
	size_t used = 0;

	*out = '\0';
	for (unsigned left = random_below(most + 1); left > 0; left--)
		used += (size_t)snprintf(out + used, size - used, "%s", parts[random_below(count)]);
}

/* glibc's engine agrees, on expressions and texts at random. */
static void test_against_regexec(void **state)
{
	static const char *const parts[] = { "a",  "b",		 "(a|b)", "[ab]", "[^a]",    ".",
					     "a*", "(ab)*",	 "b+",	  "c?",	  "(a|bc)+", "^",
					     "$",  "(ab?){1,2}", "|",	  "b{2}" };
	static const char *const letters[] = { "a", "b", "c" };
	unsigned compared = 0;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char expression[256], text[32];
		CLEANUP(pattern_free_cleanup) struct pattern *pattern = NULL;
		const char *why;
		regex_t regex;

		random_join(expression, sizeof(expression), parts, ELEMENTS(parts), 6);
		random_join(text, sizeof(text), letters, ELEMENTS(letters), 10);
		if (pattern_compile(expression, &pattern, &why) < 0)
			continue;
		if (regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		if (pattern_search(pattern, text, strlen(text)) !=
		    (regexec(&regex, text, 0, NULL, 0) == 0))
			fail_msg("\"%s\" in \"%s\"", expression, text);
		regfree(&regex);
		compared++;
	}
	assert_true(compared > 15000);
}

/* fnmatch() agrees likewise. */
static void test_against_fnmatch(void **state)
{
	static const char *const parts[] = { "a",    "b",   "*", "?",	  "[ab]",
					     "[!a]", "\\*", "/", "[a-c]", "**" };
	static const char *const letters[] = { "a", "b", "c", "/", "*", "." };

	(void)state;
	for (int round = 0; round < 50000; round++) {
		char pattern[64], text[32];

		random_join(pattern, sizeof(pattern), parts, ELEMENTS(parts), 6);
		random_join(text, sizeof(text), letters, ELEMENTS(letters), 8);
		if (glob_match(pattern, text) != (fnmatch(pattern, text, 0) == 0))
			fail_msg("\"%s\" of \"%s\"", pattern, text);
	}
	assert_true(glob_match("[a", "[a"));
	assert_false(glob_match("*a*a*a*a*a*a*a*a*b",
				"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

/* Texts that make other engines take years, or all memory, end: each byte costs at most every step
 * once. */
static void test_hostile(void **state)
{
	static const char *const expressions[] = { "^(a+)+$", "(a|aa)+$", "(a|b)*a(a|b){20}$",
						   "^(a?){25}a{25}$", "(.*)(.*)(.*)(.*)(.*)b" };
	char text[1025];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[sizeof(text) - 2] = '!';
	for (size_t i = 0; i < ELEMENTS(expressions); i++)
		assert_false(search(expressions[i], text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_against_regexec), cmocka_unit_test(test_against_fnmatch),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
