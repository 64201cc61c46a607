/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <mntent.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/sensor.h"

#define CONTAINER_DIGITS     64
#define CONTAINER_ECS_DIGITS 32

static void mounts_close(FILE **mounts)
{
	if (*mounts)
		(void)endmntent(*mounts);
}

int sensor_cgroup_root(char **ret_path)
{
	CLEANUP(mounts_close) FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;

	if (!mounts)
		return -errno;
	while ((mount = getmntent(mounts))) {
		char *path;

		if (strcmp(mount->mnt_type, "cgroup2") != 0)
			continue;
		path = strdup(mount->mnt_dir);
		if (!path)
			return -ENOMEM;
		*ret_path = path;
		return 0;
	}
	return -ENOENT;
}

static bool ends_with(const char *text, size_t length, const char *suffix)
{
	size_t suffix_length = strlen(suffix);

	return length > suffix_length &&
	       memcmp(text + length - suffix_length, suffix, suffix_length) == 0;
}

void cgroup_unit(const char *path, char *out, size_t out_size)
{
	static const char *const kinds[] = { ".service", ".scope", ".socket", ".mount", ".swap" };
	bool slice = true;

	out[0] = '\0';
	while (*path) {
		size_t length = strcspn(path, "/");
		bool unit = false;

		for (size_t i = 0; i < ELEMENTS(kinds); i++)
			unit |= ends_with(path, length, kinds[i]);
		if ((unit || (slice && ends_with(path, length, ".slice"))) && length < out_size) {
			memcpy(out, path, length);
			out[length] = '\0';
			slice = slice && !unit;
		}
		path += length;
		path += *path == '/';
	}
}

static size_t hexadecimal_run(const char *text)
{
	size_t length = 0;

	while (isxdigit((unsigned char)text[length]))
		length++;
	return length;
}

void cgroup_container(const char *path, char out[static 65])
{
	out[0] = '\0';
	while (*path) {
		size_t run = hexadecimal_run(path);
		bool ecs = run == CONTAINER_ECS_DIGITS && path[run] == '-' &&
			   isdigit((unsigned char)path[run + 1]);

		if (run == CONTAINER_DIGITS || ecs) {
			memcpy(out, path, run);
			out[run] = '\0';
		}
		path += run ? run : 1;
	}
}
