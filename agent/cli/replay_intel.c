/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replay_intel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/config.h"
#include "intel/compile.h"
#include "intel/pack.h"

#define STARTER_LIST CORDON_DATADIR "/starter.list"

/* Rejected lines shown; all are counted. */
#define REJECTED_SHOWN 100

/* A list is text, and no text has a zero byte; a pack has some among its first bytes (the version),
 * even when it is damaged. */
#define HEAD_SIZE 16

static bool file_is_list(const char *path)
{
	CLEANUP(close_cleanup) int fd = -1;
	char head[HEAD_SIZE];
	ssize_t size;

	if (strcmp(path, "-") == 0)
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, head, sizeof(head));
	/* What can't be read is told by whoever is to use it. */
	return size < 0 || !memchr(head, 0, (size_t)size);
}

static int intel_open_pack(struct replay_intel *intel, const char *path, const char *shown)
{
	const char *why = NULL;
	int r = pack_open(path, &intel->packs[intel->count], &why);

	if (r < 0) {
		log_error("%s: %s", shown, why);
		return r;
	}
	intel->count++;
	return 0;
}

static void line_rejected(const struct list_rejection *rejection, void *data)
{
	uint64_t *count = data;

	if ((*count)++ < REJECTED_SHOWN)
		log_warning("%s:%" PRIu64 ": %s: %.*s", rejection->path, rejection->line,
			    list_reason_text(rejection->reason), (int)rejection->text.size,
			    rejection->text.text);
}

/* Compiles the lists into the file pack. */
static int lists_compile(const char *const *paths, size_t count, const struct config *config,
			 const char *pack)
{
	uint64_t rejected = 0;
	struct compile_options options = {
		.never_block = config->intel.never_block,
		.rejected = line_rejected,
		.data = &rejected,
	};
	struct compile_report report = { 0 };
	int r = compile_lists(paths, count, &options, pack, &report);

	if (r < 0)
		return log_errno(LOG_ERR, r, "%s: can't be compiled",
				 report.failed_path ? report.failed_path : paths[0]);
	if (rejected > 0)
		log_warning("%" PRIu64 " lines of %" PRIu64 " rejected", rejected, report.lines);
	return 0;
}

static int intel_open_lists(struct replay_intel *intel, const char *const *paths, size_t count,
			    const struct config *config)
{
	const char *parent = getenv("TMPDIR");
	CLEANUP(free_cleanup) char *folder = NULL, *path = NULL;
	int r;

	if (asprintf(&folder, "%s/cordon-replay-XXXXXX", parent && *parent ? parent : "/tmp") < 0)
		return log_errno(LOG_ERR, -ENOMEM, "replay");
	if (!mkdtemp(folder))
		return log_errno(LOG_ERR, -errno, "%s", folder);
	if (asprintf(&path, "%s/lists.pack", folder) < 0) {
		(void)rmdir(folder);
		return log_errno(LOG_ERR, -ENOMEM, "replay");
	}
	r = lists_compile(paths, count, config, path);
	if (r == 0)
		r = intel_open_pack(intel, path, "the compiled lists");
	/* It stays mapped. */
	(void)unlink(path);
	(void)rmdir(folder);
	return r;
}

/* Without --intel. */
static int intel_open_default(struct replay_intel *intel, const struct config *config)
{
	static const char *const starter[] = { STARTER_LIST };

	if (access(config->intel.pack, F_OK) == 0)
		return intel_open_pack(intel, config->intel.pack, config->intel.pack);
	return intel_open_lists(intel, starter, ELEMENTS(starter), config);
}

int replay_intel_open(const char *const *paths, size_t count, const struct config *config,
		      struct replay_intel *ret)
{
	CLEANUP(free_cleanup) const char **lists = calloc(count + 1, sizeof(*lists));
	CLEANUP(free_cleanup) const char **packs = calloc(count + 1, sizeof(*packs));
	size_t list_count = 0, pack_count = 0;
	int r = 0;

	*ret = (struct replay_intel){ .packs = calloc(count + 1, sizeof(*ret->packs)) };
	if (!lists || !packs || !ret->packs)
		return log_errno(LOG_ERR, -ENOMEM, "replay");
	for (size_t i = 0; i < count; i++) {
		if (file_is_list(paths[i]))
			lists[list_count++] = paths[i];
		else
			packs[pack_count++] = paths[i];
	}
	if (count == 0)
		return intel_open_default(ret, config);
	if (list_count > 0)
		r = intel_open_lists(ret, lists, list_count, config);
	for (size_t i = 0; i < pack_count && r == 0; i++)
		r = intel_open_pack(ret, packs[i], packs[i]);
	return r;
}

void replay_intel_close(struct replay_intel *intel)
{
	for (size_t i = 0; i < intel->count; i++)
		pack_close(intel->packs[i]);
	free(intel->packs);
	*intel = (struct replay_intel){ 0 };
}
