/* SPDX-License-Identifier: Apache-2.0 */
#include "probe_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/sensor.h"

char *probe_cgroup_make(void)
{
	CLEANUP(free_cleanup) char *root = NULL;
	char *folder;

	assert_int_equal(sensor_cgroup_root(&root), 0);
	assert_true(asprintf(&folder, "%s/cordon-test-XXXXXX", root) > 0);
	assert_non_null(mkdtemp(folder));
	return folder;
}

void probe_cgroup_remove(char *folder)
{
	assert_int_equal(rmdir(folder), 0);
	free(folder);
}

int probe_cgroup_enter(const char *folder)
{
	char path[2048];
	size_t length = strlen(folder);
	static const char file[] = "/cgroup.procs";
	int fd;
	ssize_t n;

	if (length + sizeof(file) > sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, folder, length);
	memcpy(path + length, file, sizeof(file));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, "0", 1);
	(void)close(fd);
	return n == 1 ? 0 : -EIO;
}
