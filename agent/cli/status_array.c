/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status_array.h"

void status_array_print(struct writer *writer, const json_t *array, const char *title,
			const struct writer_column *columns, const enum form *forms, size_t count)
{
	const json_t *row;
	char text[1024];
	size_t i;

	if (json_array_size(array) == 0)
		return;
	writer_table(writer, title, title, columns, count);
	json_array_foreach(array, i, row)
	{
		for (size_t column = 0; column < count; column++) {
			value_show(json_object_get(row, columns[column].key), forms[column], text,
				   sizeof(text));
			writer_cell(writer, WRITER_PLAIN, "%s", text);
		}
	}
	writer_end(writer);
}
