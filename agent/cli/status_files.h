/* SPDX-License-Identifier: Apache-2.0
 *
 * What `cordon status` shows of the files that are scanned.
 */
#pragma once

#include <jansson.h>

struct writer;

/* Prints nothing where files are not scanned. */
void status_files_print(struct writer *writer, const json_t *reply);
