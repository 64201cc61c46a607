/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "scan/yara_source.h"

#define PE  0x4d5au
#define ELF 0x7f45u

static uint32_t key_of(const char *condition)
{
	struct yara_source source;
	char text[1024];
	uint32_t key;

	(void)snprintf(text, sizeof(text), "rule r { strings: $a = \"x\" condition: %s }",
		       condition);
	assert_int_equal(yara_source_read(text, strlen(text), &source), 0);
	assert_int_equal(source.rules_count, 1);
	key = source.rules[0].key;
	yara_source_clear(&source);
	return key;
}

static void beginnings_are_seen(void **state)
{
	/* Proves: a rule is only held to a beginning that its condition cannot do without. */
	static const struct {
		const char *condition;
		uint32_t key;
	} cases[] = {
		{ "uint16(0) == 0x5A4D", PE },
		{ "uint16(0) == 0x5A4D and $a", PE },
		{ "$a and (uint16(0) == 0x5a4d)", PE },
		{ "(uint16be(0) == 0x4d5a and $a)", PE },
		{ "((uint32(0) == 0x464c457f) and ($a or #a > 3))", ELF },
		{ "uint32be(0) == 0x7f454c46 and for all i in (1..2) : (i > 0)", ELF },
		{ "uint16(0) == 23117 and $a", PE },
		{ "uint16(0) == 0x5A4D /* or true */ and $a // or\n", PE },
		{ "uint16(0) == 0x5A4D or $a", YARA_KEY_NONE },
		{ "$a or uint16(0) == 0x5A4D and $a", YARA_KEY_NONE },
		{ "not uint16(0) == 0x5A4D and $a", YARA_KEY_NONE },
		{ "not (uint16(0) == 0x5A4D) and $a", YARA_KEY_NONE },
		{ "uint16(0) == 0x5A4D + 1 and $a", YARA_KEY_NONE },
		{ "uint16(1) == 0x5A4D and $a", YARA_KEY_NONE },
		{ "uint16(0) != 0x5A4D and $a", YARA_KEY_NONE },
		{ "(uint16(0) == 0x5A4D or $a) and $a", YARA_KEY_NONE },
		{ "for any i in (1..2) : (uint16(0) == 0x5A4D and i > 0)", YARA_KEY_NONE },
		{ "uint16(0) == 0x15A4D", YARA_KEY_NONE },
		{ "true", YARA_KEY_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (key_of(cases[i].condition) != cases[i].key)
			fail_msg("%s: %x", cases[i].condition, key_of(cases[i].condition));
}

static void parts_are_cut(void **state)
{
	/* Proves: braces and quotes within strings, regular expressions and comments end nothing;
	 * what is no rule stands as one, up to the next. */
	static const char text[] = "import \"pe\" // rule no { }\n"
				   "/* rule neither { */\n"
				   "include \"other.yar\"\n"
				   "global private rule one : a b {\n"
				   " meta: x = \"}\\\"\"\n"
				   " strings: $a = { 4D [2-3] (5A | ?B) } $b = /a\\/}\"{1,2}/is\n"
				   " condition: $a and #b > 1 }\n"
				   "rule broken { strings: $a = \"never\n condition: $a }\n"
				   "what is this\n"
				   "rule two { condition: one and not three } rule three{condition:"
				   "true}\n"
				   "rule four { condition: any of (th*) }\n";
	struct yara_source source;

	(void)state;
	assert_int_equal(yara_source_read(text, strlen(text), &source), 0);
	assert_int_equal(source.directives_count, 2);
	assert_true(!source.directives[0].include && source.directives[1].include);
	assert_int_equal(source.rules_count, 5);
	assert_true(source.rules[0].global && source.rules[0].tangled);
	assert_int_equal(source.rules[0].line, 4);
	assert_int_equal(source.rules[1].line, 8);
	/* All from the broken one to the next that is whole. */
	assert_int_equal(text[source.rules[1].span.end], 'r');
	assert_memory_equal(text + source.rules[2].name.start, "two", 3);
	assert_memory_equal(text + source.rules[3].name.start, "three", 5);
	assert_true(source.rules[2].tangled && source.rules[3].tangled);
	assert_ptr_equal(yara_source_rule_at(&source, 9), &source.rules[1]);
	assert_null(yara_source_rule_at(&source, 3));
	yara_source_clear(&source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(beginnings_are_seen),
		cmocka_unit_test(parts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
