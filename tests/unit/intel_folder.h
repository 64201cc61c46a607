/* SPDX-License-Identifier: Apache-2.0
 *
 * A temporary folder in which tests of the indicators write lists and compile them. Asserts inside:
 * for cmocka tests only.
 */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "intel/compile.h"
#include "intel/pack.h"

struct intel_folder {
	char path[64];
	char pack[96];
	char lists[3][128]; /* reports borrow them */
};

/* cmocka setup and teardown: *state is the folder. */
static inline int intel_folder_make(void **state)
{
	struct intel_folder *folder = calloc(1, sizeof(*folder));

	if (!folder)
		return -1;
	(void)strcpy(folder->path, "/tmp/cordon-intel-XXXXXX");
	if (!mkdtemp(folder->path))
		return -1;
	(void)snprintf(folder->pack, sizeof(folder->pack), "%s/test.pack", folder->path);
	*state = folder;
	return 0;
}

static inline int intel_folder_remove(void **state)
{
	static const char *const names[] = { "test.pack", "a.list", "b.list", "never.list" };
	struct intel_folder *folder = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder->path, names[i]);
		(void)unlink(path);
	}
	if (rmdir(folder->path) < 0)
		return -1;
	free(folder);
	return 0;
}

static inline const char *intel_folder_write(const struct intel_folder *folder, const char *name,
					     const void *data, size_t size, char out[static 128])
{
	FILE *file;

	(void)snprintf(out, 128, "%s/%s", folder->path, name);
	file = fopen(out, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	return out;
}

/* Compiles up to two lists and a never-block list (NULL: none); what compile_lists() returns. */
static inline int intel_folder_compile(struct intel_folder *folder, const char *a, const char *b,
				       const char *never, struct compile_report *report)
{
	const char *lists[2];
	size_t count = 0;
	struct compile_options options = { .no_never_block = !never };

	if (a)
		lists[count++] =
			intel_folder_write(folder, "a.list", a, strlen(a), folder->lists[0]);
	if (b)
		lists[count++] =
			intel_folder_write(folder, "b.list", b, strlen(b), folder->lists[1]);
	if (never)
		options.never_block = intel_folder_write(folder, "never.list", never, strlen(never),
							 folder->lists[2]);
	return compile_lists(lists, count, &options, folder->pack, report);
}
