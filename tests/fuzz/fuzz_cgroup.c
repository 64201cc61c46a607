/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a cgroup's path, parts of which whoever runs in it may choose. Whatever comes: the
 * unit and the container are texts that stand in it, within their bounds.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_cleanup) char *path = calloc(1, size + 1);
	char unit[32], container[65];

	if (!path)
		return 0;
	memcpy(path, data, size);
	cgroup_unit(path, unit, sizeof(unit));
	assert(memchr(unit, '\0', sizeof(unit)) && strstr(path, unit) && !strchr(unit, '/'));
	cgroup_container(path, container);
	assert(memchr(container, '\0', sizeof(container)) && strstr(path, container));
	return 0;
}
