/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker of the tests (scan_double.c), as a pool starts it.
 */
#pragma once

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCAN_DOUBLE_MEMORY ((uint64_t)64 << 20)

/* Beside the running test. */
static inline const char *scan_double_path(void)
{
	static char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *slash = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;

	(void)snprintf(slash ? slash : path, 32, "/scan_double");
	return path;
}
