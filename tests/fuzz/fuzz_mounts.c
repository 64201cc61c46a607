/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a line of mountinfo. Whoever may mount chose the path and the name of the file
 * system. Whatever comes: both are texts within the line.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_cleanup) char *line = malloc(size + 1);
	struct mount mount;

	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	if (!mounts_line(line, &mount))
		return 0;
	assert(mount.path >= line && mount.path + strlen(mount.path) <= line + size);
	assert(mount.type >= line && mount.type + strlen(mount.type) <= line + size);
	(void)mount_kind(mount.type);
	(void)path_below(mount.path, "/a");
	return 0;
}
