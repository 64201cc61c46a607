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

static bool is_unit(const char *component, size_t length)
{
	static const char *const kinds[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

	for (size_t i = 0; i < ELEMENTS(kinds); i++)
		if (ends_with(component, length, kinds[i]))
			return true;
	return false;
}

void cgroup_unit(const char *path, char *out, size_t out_size)
{
	const char *unit = NULL;
	size_t unit_length = 0;
	bool slice = true;

	out[0] = '\0';
	while (slice && *path == '/') {
		const char *component = path + 1;
		size_t length = strcspn(component, "/");

		slice = ends_with(component, length, ".slice");
		if (slice || is_unit(component, length)) {
			unit = component;
			unit_length = length;
		}
		path = component + length;
	}
	if (unit && unit_length < out_size) {
		memcpy(out, unit, unit_length);
		out[unit_length] = '\0';
	}
}

/* Where in a component an id stands; its length, or 0 when there is none. */
static size_t container_find(const char *component, size_t length, size_t *ret_at)
{
	for (size_t at = 0; at < length;) {
		size_t run = strspn(component + at, "0123456789abcdefABCDEF");
		bool ecs = run == CONTAINER_ECS_DIGITS && component[at + run] == '-' &&
			   isdigit((unsigned char)component[at + run + 1]);

		if (run == CONTAINER_DIGITS || ecs) {
			*ret_at = at;
			return run;
		}
		at += run ? run : 1;
	}
	return 0;
}

void cgroup_container(const char *path, char out[static 65])
{
	out[0] = '\0';
	while (*path == '/' && !out[0]) {
		const char *component = path + 1;
		size_t length = strcspn(component, "/"), at = 0, size = 0;

		if (!ends_with(component, length, ".slice"))
			size = container_find(component, length, &at);
		memcpy(out, component + at, size);
		out[size] = '\0';
		path = component + length;
	}
}
