/* SPDX-License-Identifier: Apache-2.0
 *
 * The modes of cordon-scan that scan files: rows of worker_main.c.
 */
#pragma once

#include <stdint.h>

#include "base/cage_layer.h"

/* The parent's words for what the process is to be (worker_program.mode). */
#define FILE_MODE_RULES "rules"
#define FILE_MODE_FILES "files"
#define FILE_MODE_MAGIC "files-magic" /* with libmagic loaded */

int file_prepare(void);
int file_prepare_magic(void);
int file_rules_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid);
int file_files_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid);
/* Tells the parent what went wrong; the exit status. */
int file_fail(const char *what, int error);

/* Tells the parent which layers hold. */
int file_hello(const uint16_t layers[static CAGE_LAYERS], uint32_t uid);
