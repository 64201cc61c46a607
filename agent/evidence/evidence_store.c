/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the folder of bundles: root's alone, bounded in number and bytes. Names begin with a time,
 * so their order is their age.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "evidence/evidence.h"

/* What is being written is not taken for what was left behind: a bundle takes minutes at most. */
#define LEFTOVER_AGE (3600)
#define FILES_MAX    4096

struct bundles {
	struct bundle_file {
		char *name;
		uint64_t size;
	} * files;
	size_t count;
	uint64_t size;
};

static void bundles_clear(struct bundles *bundles)
{
	for (size_t i = 0; i < bundles->count; i++)
		free(bundles->files[i].name);
	free(bundles->files);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bundle_file *)a)->name, ((const struct bundle_file *)b)->name);
}

static bool is_bundle(const char *name)
{
	size_t length = strlen(name), suffix = strlen(EVIDENCE_SUFFIX);

	return name[0] != '.' && length > suffix &&
	       strcmp(name + length - suffix, EVIDENCE_SUFFIX) == 0;
}

static int bundles_read(DIR *stream, struct bundles *bundles)
{
	const struct dirent *entry;
	struct stat status;

	bundles->files = calloc(FILES_MAX, sizeof(*bundles->files));
	while (bundles->files && bundles->count < FILES_MAX && (entry = readdir(stream))) {
		if (fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(status.st_mode))
			continue;
		if (!is_bundle(entry->d_name)) {
			if (status.st_mtime + LEFTOVER_AGE <
			    (time_t)(clock_realtime() / NS_PER_SECOND))
				(void)unlinkat(dirfd(stream), entry->d_name, 0);
			continue;
		}
		bundles->files[bundles->count].name = strdup(entry->d_name);
		if (!bundles->files[bundles->count].name)
			return -ENOMEM;
		bundles->files[bundles->count++].size = (uint64_t)status.st_size;
		bundles->size += (uint64_t)status.st_size;
	}
	return bundles->files ? 0 : -ENOMEM;
}

int evidence_prune(const char *folder, size_t keep, uint64_t bytes)
{
	CLEANUP(bundles_clear) struct bundles bundles = { 0 };
	DIR *stream;
	int r = fd_make_folders(folder, 0700);

	if (r < 0)
		return r;
	stream = opendir(folder);
	if (!stream)
		return -errno;
	r = bundles_read(stream, &bundles);
	if (r == 0 && bundles.count > 1)
		qsort(bundles.files, bundles.count, sizeof(*bundles.files), by_name);
	for (size_t i = 0, left = bundles.count; r == 0 && i < bundles.count; i++, left--) {
		if (left <= keep && bundles.size <= bytes)
			break;
		if (unlinkat(dirfd(stream), bundles.files[i].name, 0) < 0)
			r = -errno;
		bundles.size -= bundles.files[i].size;
	}
	(void)closedir(stream);
	return r;
}
