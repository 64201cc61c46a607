/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/writer.h"

static const struct writer_column columns[] = {
	{ .key = "name", .title = "NAME" },
	{ .key = "count", .title = "COUNT", .right = true },
	{ .key = "remedy", .below = true },
};

/* One section and one table, as text or JSON; free it. */
static char *document_write(bool json)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct writer *writer = writer_new(file, json);

	writer_section(writer, "agent", "Agent");
	writer_value(writer, "mode", "mode", WRITER_GOOD, "%s", "audit");
	writer_value(writer, "path", "where it is", WRITER_PLAIN, "/tmp/%s", "\033[2J\xff");
	writer_end(writer);
	writer_table(writer, "rows", "Rows", columns, 3);
	writer_cell(writer, WRITER_PLAIN, "%s", "\xc3\xa4\xc3\xb6");
	writer_cell(writer, WRITER_PLAIN, "%d", 7);
	writer_cell(writer, WRITER_PLAIN, "%s", "");
	writer_cell(writer, WRITER_BAD, "%s", "longer");
	writer_cell(writer, WRITER_PLAIN, "%d", 123456);
	writer_cell(writer, WRITER_PLAIN, "%s", "do it");
	writer_end(writer);
	assert_int_equal(writer_finish(writer), 0);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void text_is_aligned_and_escaped(void **state)
{
	/* Proves: columns line up by characters, numbers to the right, nothing foreign gets to the
	 * terminal as it is, and a file that is no terminal gets no colour. */
	char *text = document_write(false);

	(void)state;
	assert_string_equal(text, "Agent\n"
				  "  mode         audit\n"
				  "  where it is  /tmp/\\x1b[2J\\xff\n"
				  "\n"
				  "Rows\n"
				  "  NAME     COUNT\n"
				  "  \xc3\xa4\xc3\xb6           7\n"
				  "  longer  123456\n"
				  "    -> do it\n");
	free(text);
}

static void json_has_the_same_values(void **state)
{
	/* Proves: the same calls give one line of JSON, sections as objects, tables as arrays. */
	char *text = document_write(true);
	json_t *object = json_loads(text, 0, NULL);
	json_t *rows = json_object_get(object, "rows");

	(void)state;
	assert_non_null(object);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(object, "agent"), "path")),
		"/tmp/\\x1b[2J\\xff");
	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "remedy")),
			    "do it");
	json_decref(object);
	free(text);
}

static void failed_writes_are_told(void **state)
{
	/* Proves: output that could not be written is an error, not silence. */
	FILE *full = fopen("/dev/full", "we");
	struct writer *writer = writer_new(full, false);

	(void)state;
	writer_section(writer, "agent", "Agent");
	writer_value(writer, "mode", "mode", WRITER_PLAIN, "%s", "audit");
	writer_end(writer);
	assert_true(writer_finish(writer) < 0);
	(void)fclose(full);
}

static void many_rows_are_kept(void **state)
{
	/* Proves: a table grows beyond its first room. */
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct writer *writer = writer_new(file, true);
	json_t *object;

	(void)state;
	writer_table(writer, "rows", "Rows", columns, 3);
	for (int i = 0; i < 3000; i++)
		writer_cell(writer, WRITER_PLAIN, "%d", i);
	writer_end(writer);
	assert_int_equal(writer_finish(writer), 0);
	assert_int_equal(fclose(file), 0);
	object = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(object, "rows")), 1000);
	json_decref(object);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_aligned_and_escaped),
		cmocka_unit_test(json_has_the_same_values),
		cmocka_unit_test(failed_writes_are_told),
		cmocka_unit_test(many_rows_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
