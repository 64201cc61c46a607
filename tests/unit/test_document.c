/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that YAML becomes a tree that knows its places, that whatever could make reading it
 * expensive or ambiguous is refused with its place, and that mappings are read by table.
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
#include "detect/finding.h"
#include "policy/document.h"
#include "policy/mapping.h"

CLEANUP_DEFINE(struct document *, document_free)

static int parse(const char *text, struct document_error *error, struct document **ret)
{
	*error = (struct document_error){ 0 };
	return document_parse("t.yaml", text, strlen(text), error, ret);
}

static void assert_refused(const char *text, const char *expected)
{
	struct document_error error;
	struct document *document = NULL;

	assert_int_equal(parse(text, &error, &document), -EINVAL);
	assert_null(document);
	assert_string_equal(error.text, expected);
	assert_int_equal(error.count, 1);
}

/* Values come in order, with their keys, lines and columns. */
static void test_tree(void **state)
{
	CLEANUP(document_free_cleanup) struct document *document = NULL;
	struct document_error error;
	const struct document_node *node;

	(void)state;
	assert_int_equal(parse("# comment\nname: a b\nlist: [1, \"~\", ~]\n", &error, &document),
			 0);
	node = document_root(document);
	assert_int_equal(node->kind, DOCUMENT_MAPPING);
	node = node->first;
	assert_string_equal(node->key->text, "name");
	assert_string_equal(node->text, "a b");
	assert_int_equal(node->line, 2);
	assert_int_equal(node->column, 7);
	node = node->next;
	assert_null(node->next);
	assert_int_equal(node->kind, DOCUMENT_SEQUENCE);
	assert_int_equal(node->column, 7);
	node = node->first;
	assert_string_equal(node->text, "1");
	assert_false(node->next->nothing);
	assert_string_equal(node->next->text, "~");
	assert_true(node->next->next->nothing);
	assert_null(node->next->next->next);
}

/* A text without content is a document without a root, not an error. */
static void test_empty(void **state)
{
	static const char *const texts[] = { "", "\n", "# only a comment\n", "\xef\xbb\xbf" };

	(void)state;
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		CLEANUP(document_free_cleanup) struct document *document = NULL;
		struct document_error error;

		assert_int_equal(parse(texts[i], &error, &document), 0);
		assert_null(document_root(document));
	}
}

/* Anchors, aliases, tags, second documents, odd keys and NUL bytes are refused, with the place. */
static void test_refused(void **state)
{
	static const char anchors[] = ": anchors and aliases (&name, *name) are not taken; text "
				      "that begins with * or & must stand in quotes";
	char expected[256];

	(void)state;
	(void)snprintf(expected, sizeof(expected), "t.yaml:1:4%s", anchors);
	assert_refused("a: &x [1]\nb: *x\n", expected);
	(void)snprintf(expected, sizeof(expected), "t.yaml:2:4%s", anchors);
	assert_refused("a: 1\nb: *x\n", expected);
	assert_refused("a: !!python/object x\n",
		       "t.yaml:1:4: tags (!name) are not taken; text that begins with ! must "
		       "stand in quotes");
	assert_refused("a: 1\n---\nb: 2\n", "t.yaml:2:1: a second document (---) in one file");
	assert_refused("? [a]\n: b\n", "t.yaml:1:3: a key must be text, found a list");
	assert_refused("a: \"b\\0c\"\n", "t.yaml:1:4: text with a NUL byte");
	assert_refused("a: 1\nb: 2\na: 3\n",
		       "t.yaml:3:1: key \"a\" is given twice, first in line 1");
}

/* Errors of YAML itself name their place; bytes that are not UTF-8 their offset. */
static void test_syntax(void **state)
{
	struct document_error error;
	struct document *document = NULL;

	(void)state;
	assert_int_equal(parse("a: [1, 2\nb: 3\n", &error, &document), -EINVAL);
	assert_memory_equal(error.text, "t.yaml:2:2: ", 12);
	assert_int_equal(parse("a: \xff\n", &error, &document), -EINVAL);
	assert_memory_equal(error.text, "t.yaml: byte 3: ", 16);
	assert_int_equal(parse("\xff\xfe"
			       "a",
			       &error, &document),
			 -EINVAL);
}

static char *repeat(const char *head, const char *part, size_t count)
{
	size_t length = strlen(part), head_length = strlen(head);
	char *text = malloc(head_length + length * count + 1);

	assert_non_null(text);
	memcpy(text, head, head_length + 1);
	for (size_t i = 0; i < count; i++)
		memcpy(text + head_length + i * length, part, length + 1);
	return text;
}

/* Depth, number of values, number of keys and size have limits. */
static void test_limits(void **state)
{
	CLEANUP(free_cleanup) char *deep = repeat("", "[", 17);
	CLEANUP(free_cleanup) char *many = repeat("[", "a,", DOCUMENT_NODES_MAX);
	CLEANUP(free_cleanup) char *large = repeat("#", "0123456789abcdef", (4 << 20) / 16);
	CLEANUP(free_cleanup) char *keys = repeat("", "", 0);
	size_t used = 0;

	(void)state;
	assert_refused(deep, "t.yaml:1:17: nested more than 16 levels deep");
	assert_refused(many, "t.yaml:1:400000: more than 200000 values in one file; long lists "
			     "belong into a feed");
	assert_refused(large, "t.yaml: larger than 4194304 bytes");
	keys = realloc(keys, 257 * 16);
	assert_non_null(keys);
	for (int i = 0; i < 257; i++)
		used += (size_t)snprintf(keys + used, 257 * 16 - used, "k%d: 1\n", i);
	assert_refused(keys, "t.yaml:257:1: more than 256 keys in one mapping");
}

/* Aliases that would double a list at each step end at the first anchor: nothing grows. */
static void test_billion_laughs(void **state)
{
	struct document_error error;
	struct document *document = NULL;

	(void)state;
	assert_int_equal(parse("a: &a [l, l]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", &error, &document),
			 -EINVAL);
	assert_memory_equal(error.text, "t.yaml:1:4: anchors", 19);
}

struct inner {
	bool flag;
};

struct target {
	char *text;
	char *path;
	uint64_t number, size, date;
	int choice;
	enum severity severity;
	struct inner inner;
};

static const struct mapping_range range = { 1, 100 };
static const struct mapping_range size_range = { 1024, 1 << 20 };
static const struct mapping_word words_list[] = { { "red", 7 }, { "green", 8 } };
static const struct mapping_words words = { words_list, ELEMENTS(words_list) };
static const struct mapping_key inner_keys[] = { { "flag", mapping_boolean,
						   .offset = offsetof(struct inner, flag) } };
static const struct mapping_table inner_table = { "inner", inner_keys, ELEMENTS(inner_keys) };
static const struct mapping_key target_keys[] = {
	{ "text", mapping_label, .offset = offsetof(struct target, text), .required = true },
	{ "path", mapping_path, .offset = offsetof(struct target, path) },
	{ "number", mapping_number, .offset = offsetof(struct target, number), .detail = &range },
	{ "size", mapping_size, .offset = offsetof(struct target, size), .detail = &size_range },
	{ "date", mapping_date, .offset = offsetof(struct target, date) },
	{ "choice", mapping_choice, .offset = offsetof(struct target, choice), .detail = &words },
	{ "severity", mapping_severity, .offset = offsetof(struct target, severity) },
	{ "inner", mapping_section, .offset = offsetof(struct target, inner),
	  .detail = &inner_table },
};
static const struct mapping_table target_table = { "a target", target_keys, ELEMENTS(target_keys) };

static int read_target(const char *name, const char *text, struct target *ret,
		       struct document_error *error)
{
	CLEANUP(document_free_cleanup) struct document *document = NULL;

	*error = (struct document_error){ 0 };
	assert_int_equal(document_parse(name, text, strlen(text), error, &document), 0);
	return mapping_read(document, document_root(document), &target_table, ret);
}

/* Each kind of value goes where its row says; a relative path starts at the file's folder. */
static void test_mapping(void **state)
{
	struct target target = { 0 };
	struct document_error error;

	(void)state;
	assert_int_equal(read_target("/a/b/t.yaml",
				     "text: x y\npath: c/d\nnumber: 100\nsize: 64K\n"
				     "date: 1970-01-02\nchoice: green\nseverity: info\n"
				     "inner: { flag: on }\n",
				     &target, &error),
			 0);
	assert_string_equal(target.text, "x y");
	assert_string_equal(target.path, "/a/b/c/d");
	assert_int_equal(target.number, 100);
	assert_int_equal(target.size, 65536);
	assert_int_equal(target.date, UINT64_C(86400) * 1000000000);
	assert_int_equal(target.choice, 8);
	assert_int_equal(target.severity, SEVERITY_INFORMATIONAL);
	assert_true(target.inner.flag);
	mapping_clear(&target_table, &target);
	assert_null(target.text);
	assert_null(target.path);
}

/* A value of the wrong form is told with what was expected; the field stays as it was. */
static void test_mapping_expected(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "text: [a]", "t.yaml:1:7: expected a name, found a list" },
		{ "text:", "t.yaml:1:6: expected a name, found nothing" },
		{ "text: \"a\\e[31m\"",
		  "t.yaml:1:7: text with a backslash or characters that cannot be shown" },
		{ "text: a\nnumber: 0",
		  "t.yaml:2:9: expected a number from 1 to 100, found \"0\"" },
		{ "text: a\nnumber: \"\\e[2J\"",
		  "t.yaml:2:9: expected a number from 1 to 100, found \"\\x1b[2J\"" },
		{ "text: a\nnumber: 99999999999999999999999",
		  "t.yaml:2:9: expected a number from 1 to 100, found "
		  "\"99999999999999999999999\"" },
		{ "text: a\nsize: 2M", "t.yaml:2:7: expected a number of bytes (64K, 1M, 2G) from "
				       "1024 to 1048576, found \"2M\"" },
		{ "text: a\ndate: 3d", "t.yaml:2:7: expected a date (2027-01-31, "
				       "2027-01-31T12:00:00Z), found \"3d\"" },
		{ "text: a\nchoice: blue", "t.yaml:2:9: expected red, green, found \"blue\"" },
		{ "text: a\nseverity: hot", "t.yaml:2:11: expected critical, high, medium, low or "
					    "informational, found \"hot\"" },
		{ "text: a\ninner: yes", "t.yaml:2:8: expected inner, found \"yes\"" },
		{ "text: a\ninner: { flag: maybe }",
		  "t.yaml:2:16: expected yes or no, found \"maybe\"" },
		{ "[]", "t.yaml:1:1: expected a target, found a list" },
		{ "path: a", "t.yaml:1:1: a target without \"text\"" },
		{ "text: a\nnumbr: 3",
		  "t.yaml:2:1: unknown key \"numbr\" in a target; did you mean \"number\"?" },
		{ "text: a\n\"\\e]0;x\": 3",
		  "t.yaml:2:1: unknown key \"\\x1b]0;x\" in a target; known: text, path, number, "
		  "size, date, choice, severity, inner" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct target target = { .number = 5, .choice = 7 };
		struct document_error error;

		assert_int_equal(read_target("t.yaml", cases[i].text, &target, &error), -EINVAL);
		assert_string_equal(error.text, cases[i].error);
		assert_int_equal(target.number, 5);
		assert_int_equal(target.choice, 7);
		mapping_clear(&target_table, &target);
	}
}

/* All errors of a text are told, one a line; those that do not fit are counted. */
static void test_many_errors(void **state)
{
	CLEANUP(free_cleanup) char *text = malloc(200 * 64);
	static const char more[] = "\nmore errors follow";
	struct target target = { 0 };
	struct document_error error;
	size_t used = 0;

	(void)state;
	assert_int_equal(read_target("t.yaml", "a1: 1\ntext: x\nzz: 2\n", &target, &error),
			 -EINVAL);
	assert_int_equal(error.count, 2);
	assert_non_null(strstr(error.text, "\nt.yaml:3:1: unknown key \"zz\""));
	mapping_clear(&target_table, &target);

	assert_non_null(text);
	for (int i = 0; i < 200; i++)
		used += (size_t)snprintf(text + used, 200 * 64 - used, "unknown%d: 1\n", i);
	assert_int_equal(read_target("t.yaml", text, &target, &error), -EINVAL);
	assert_int_equal(error.count, 201);
	assert_true(strlen(error.text) < sizeof(error.text));
	assert_string_equal(error.text + strlen(error.text) - strlen(more), more);
}

/* A file that cannot be read is told by name and reason, with the name made safe. */
static void test_unreadable(void **state)
{
	struct document_error error = { 0 };
	struct document *document = NULL;

	(void)state;
	assert_int_equal(document_load("/nonexistent/\x1b.yaml", &error, &document), -ENOENT);
	assert_string_equal(error.text, "/nonexistent/\\x1b.yaml: cannot be read: No such file or "
					"directory");
	error = (struct document_error){ 0 };
	assert_int_equal(document_load("/", &error, &document), -EISDIR);
	assert_int_equal(error.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),	    cmocka_unit_test(test_empty),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_limits),	    cmocka_unit_test(test_billion_laughs),
		cmocka_unit_test(test_mapping),	    cmocka_unit_test(test_mapping_expected),
		cmocka_unit_test(test_many_errors), cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
