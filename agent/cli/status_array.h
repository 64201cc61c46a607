/* SPDX-License-Identifier: Apache-2.0
 *
 * An array of objects in the daemon's reply as a table.
 */
#pragma once

#include <jansson.h>

#include "cli/status_value.h"
#include "cli/writer.h"

/* The columns' keys are those of the objects; nothing for an empty array, or what is none. */
void status_array_print(struct writer *writer, const json_t *array, const char *title,
			const struct writer_column *columns, const enum form *forms, size_t count);
