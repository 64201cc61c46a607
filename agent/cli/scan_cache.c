/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scan_cache.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/fd.h"
#include "base/file_identity.h"
#include "base/fnv.h"
#include "scan/file_scan.h"
#include "scan/verdict_cache.h"

/* Sets of rules that have a place each. */
#define PLACES	4
/* Files that are known of a place: 24 MiB. What was seen longest ago makes room. */
#define ENTRIES (512u << 10)

struct scan_cache {
	struct scan_cache_options options;
	struct verdict_cache *verdicts; /* NULL until the rules are known */
	char store[PATH_MAX], file[PATH_MAX];
};

CLEANUP_DEFINE(struct digest *, digest_free)
CLEANUP_DEFINE(struct scan_cache *, scan_cache_free)

static bool ours(const char *folder)
{
	struct stat status;

	return folder && folder[0] == '/' && stat(folder, &status) == 0 &&
	       status.st_uid == geteuid();
}

/* By sudo, the home may be another user's: root keeps nothing there. */
static int folder_find(const struct scan_cache_options *options, char out[static PATH_MAX - 64])
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n;

	if (options->folder)
		n = snprintf(out, PATH_MAX - 64, "%s", options->folder);
	else if (geteuid() == 0 && ours(options->state_dir))
		n = snprintf(out, PATH_MAX - 64, "%s/scan", options->state_dir);
	else if (ours(cache))
		n = snprintf(out, PATH_MAX - 64, "%s/cordon", cache);
	else if (ours(home))
		n = snprintf(out, PATH_MAX - 64, "%s/.cache/cordon", home);
	else
		return -ENOENT;
	return n < 0 || n >= PATH_MAX - 64 ? -ENAMETOOLONG : 0;
}

static int texts_add(struct digest *digest, const char *const *texts, size_t count)
{
	int r = digest_add(digest, &count, sizeof(count));

	for (size_t i = 0; r == 0 && i < count; i++)
		r = digest_add(digest, texts[i], strlen(texts[i]) + 1);
	return r;
}

/* What was asked for before finds its place again. */
static int place_find(const struct scan_cache_options *options, unsigned *ret)
{
	CLEANUP(digest_free_cleanup) struct digest *digest = digest_new();
	uint8_t hash[SHA256_SIZE];
	int r = digest ? texts_add(digest, options->rules, options->rules_count) : -ENOMEM;

	if (r == 0)
		r = texts_add(digest, options->packs, options->packs_count);
	if (r == 0)
		r = digest_finish(digest, hash);
	if (r == 0)
		*ret = hash[0] % PLACES;
	return r;
}

int scan_cache_new(const struct scan_cache_options *options, struct scan_cache **ret)
{
	CLEANUP(scan_cache_free_cleanup) struct scan_cache *cache = calloc(1, sizeof(*cache));
	char folder[PATH_MAX - 64];
	unsigned place = 0;
	int r;

	if (!cache)
		return -ENOMEM;
	cache->options = *options;
	r = folder_find(options, folder);
	if (r == 0)
		r = fd_make_folders(folder, 0700);
	if (r == 0)
		r = place_find(options, &place);
	if (r < 0)
		return r;
	(void)snprintf(cache->store, sizeof(cache->store), "%s/rules-%u", folder, place);
	(void)snprintf(cache->file, sizeof(cache->file), "%s/verdicts-%u", folder, place);
	*ret = take_ptr(cache);
	return 0;
}

void scan_cache_free(struct scan_cache *cache)
{
	if (!cache)
		return;
	verdict_cache_close(cache->verdicts);
	free(cache);
}

const char *scan_cache_store(const struct scan_cache *cache)
{
	return cache->store;
}

/* Of the listed hashes, without reading them: the file that they are in. */
static int packs_add(struct digest *digest, const struct scan_cache_options *options)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < options->packs_count; i++) {
		struct file_identity identity = { 0 };
		struct stat status;

		if (stat(options->packs[i], &status) == 0)
			file_identity_take(&status, &identity);
		r = digest_add(digest, &identity, sizeof(identity));
	}
	return r;
}

int scan_cache_rules(struct scan_cache *cache, const uint8_t *rules_id)
{
	CLEANUP(digest_free_cleanup) struct digest *digest = digest_new();
	uint8_t id[VERDICT_RULES_SIZE];
	int r = digest ? digest_add(digest, rules_id, VERDICT_RULES_SIZE) : -ENOMEM;

	if (r == 0)
		r = packs_add(digest, &cache->options);
	if (r == 0)
		r = digest_finish(digest, id);
	if (r < 0)
		return r;
	if (cache->verdicts) {
		verdict_cache_rules(cache->verdicts, id);
		return 0;
	}
	return verdict_cache_open(cache->file, ENTRIES, id, &cache->verdicts);
}

/* A file with several names is a file for each: rules may ask for the name. To be renamed changes
 * its ctime. */
static void identity_take(const char *path, const struct stat *status, struct file_identity *ret)
{
	file_identity_take(status, ret);
	if (status->st_nlink > 1)
		ret->inode = fnv_add(FNV_START ^ ret->inode, path, strlen(path));
}

bool scan_cache_knows(struct scan_cache *cache, const char *path, const struct stat *status)
{
	struct file_identity identity;

	if (!cache->verdicts)
		return false;
	identity_take(path, status, &identity);
	return verdict_cache_find(cache->verdicts, &identity) == CACHED_CLEAN;
}

/* Only what is clean as a whole: all else is told each time. */
void scan_cache_keep(struct scan_cache *cache, const char *path, const struct stat *status,
		     uint64_t read_from, const struct file_verdict *verdict)
{
	struct file_identity before, after;
	struct stat now;

	if (!cache->verdicts || verdict->outcome != FILE_CLEAN || verdict->partial ||
	    fstat(verdict->fd, &now) < 0)
		return;
	identity_take(path, status, &before);
	identity_take(path, &now, &after);
	if (file_identity_equal(&before, &after) && after.size == verdict->size)
		verdict_cache_store(cache->verdicts, &before, read_from, CACHED_CLEAN);
}
