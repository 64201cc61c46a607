/* SPDX-License-Identifier: Apache-2.0
 *
 * What a file is by its first bytes: for rules' "filetype", and to know archives.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "ELF", "EXE", "ZIP"...; "" when none is known. */
const char *file_type_name(const uint8_t *bytes, size_t size);
/* Whether archive.h reads it. */
bool file_type_archive(const uint8_t *bytes, size_t size);
