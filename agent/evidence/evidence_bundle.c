/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence_bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/fd.h"

/* A line for each of some thousand files. */
#define MANIFEST_MAX ((size_t)4 * 1024 * 1024)

struct evidence_bundle {
	struct archive *archive;
	struct digest *digest;
	int fd, error; /* error: of the first write that failed; nothing is written after it */
	uint64_t written, max;
	FILE *manifest;
	char *manifest_text;
	size_t manifest_size;
};

CLEANUP_DEFINE(struct evidence_bundle *, evidence_bundle_free)
CLEANUP_DEFINE(struct archive_entry *, archive_entry_free)

/* Never fails: libarchive would not give back what its filter has. */
static la_ssize_t bytes_write(struct archive *archive, void *userdata, const void *data,
			      size_t size)
{
	struct evidence_bundle *bundle = userdata;

	(void)archive;
	if (bundle->error == 0 && bundle->written + size > bundle->max)
		bundle->error = -ENOSPC;
	if (bundle->error == 0)
		bundle->error = fd_write_all(bundle->fd, data, size);
	if (bundle->error == 0)
		bundle->error = digest_add(bundle->digest, data, size);
	if (bundle->error == 0)
		bundle->written += size;
	return (la_ssize_t)size;
}

/* done: what libarchive returned. */
static int archive_result(const struct evidence_bundle *bundle, int done)
{
	if (bundle->error < 0)
		return bundle->error;
	return done < ARCHIVE_WARN ? -ENOMEM : 0;
}

int evidence_bundle_open(int fd, uint64_t max, struct evidence_bundle **ret)
{
	CLEANUP(evidence_bundle_free_cleanup)
	struct evidence_bundle *bundle = calloc(1, sizeof(*bundle));

	if (!bundle)
		return -ENOMEM;
	bundle->fd = fd;
	bundle->max = max;
	bundle->digest = digest_new();
	bundle->manifest = open_memstream(&bundle->manifest_text, &bundle->manifest_size);
	bundle->archive = archive_write_new();
	if (!bundle->digest || !bundle->manifest || !bundle->archive)
		return -ENOMEM;
	if (archive_write_add_filter_gzip(bundle->archive) < ARCHIVE_WARN ||
	    archive_write_set_format_pax_restricted(bundle->archive) < ARCHIVE_WARN ||
	    archive_write_set_bytes_in_last_block(bundle->archive, 1) < ARCHIVE_WARN ||
	    archive_write_open(bundle->archive, bundle, NULL, bytes_write, NULL) < ARCHIVE_WARN)
		return -ENOMEM;
	*ret = take_ptr(bundle);
	return 0;
}

void evidence_bundle_free(struct evidence_bundle *bundle)
{
	if (!bundle)
		return;
	/* Not to be ended: what is half written is thrown away. */
	if (bundle->archive) {
		bundle->error = -ECANCELED;
		(void)archive_write_free(bundle->archive);
	}
	digest_free(bundle->digest);
	if (bundle->manifest)
		(void)fclose(bundle->manifest);
	free(bundle->manifest_text);
	free(bundle);
}

void evidence_bundle_name(const char *path, unsigned number, char out[static EVIDENCE_NAME_SIZE])
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-+@:/";
	bool changed = strlen(path) > EVIDENCE_NAME_SIZE - 16;
	size_t used = 0;

	while (*path == '/')
		path++;
	for (; *path && used < EVIDENCE_NAME_SIZE - 16; path++) {
		bool dots = *path == '.' && (used == 0 || out[used - 1] == '/');
		bool fine = strchr(plain, *path) && !(dots && path[1] == '.');

		out[used++] = fine ? *path : '_';
		changed |= !fine;
	}
	/* Two that were different must not be one. */
	if (changed)
		used += (size_t)snprintf(out + used, 16, "~%u", number);
	out[used] = '\0';
}

static int entry_add(struct evidence_bundle *bundle, const char *name, const void *data,
		     size_t size)
{
	CLEANUP(archive_entry_free_cleanup) struct archive_entry *entry = archive_entry_new();
	const char *at = data;
	int r;

	if (!entry)
		return -ENOMEM;
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0400);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_mtime(entry, (time_t)(clock_realtime() / NS_PER_SECOND), 0);
	r = archive_result(bundle, archive_write_header(bundle->archive, entry));
	while (r == 0 && size > 0) {
		la_ssize_t n = archive_write_data(bundle->archive, at, size);

		r = archive_result(bundle, n > 0 ? ARCHIVE_OK : ARCHIVE_FATAL);
		at += n;
		size -= (size_t)n;
	}
	return r < 0 ? r : archive_result(bundle, archive_write_finish_entry(bundle->archive));
}

int evidence_bundle_add(struct evidence_bundle *bundle, const char *name, const void *data,
			size_t size)
{
	char text[SHA256_TEXT_SIZE];
	uint8_t digest[SHA256_SIZE];
	int r = digest_sha256(data, size, digest);

	if (r == 0)
		r = entry_add(bundle, name, data, size);
	if (r < 0)
		return r;
	digest_text(digest, sizeof(digest), text);
	(void)fprintf(bundle->manifest, "%s  %s\n", text, name);
	return 0;
}

void evidence_bundle_remark(struct evidence_bundle *bundle, const char *what, const char *name,
			    const char *why)
{
	char shown_name[EVIDENCE_NAME_SIZE], shown_why[512];

	(void)escape_text(name, strlen(name), shown_name, sizeof(shown_name));
	(void)escape_text(why, strlen(why), shown_why, sizeof(shown_why));
	(void)fprintf(bundle->manifest, "# %s: %s%s%s\n", what, shown_name,
		      *shown_name && *shown_why ? ": " : "", shown_why);
}

/* The manifest with its signature, the caller's to free. */
static int manifest_sign(const struct evidence_bundle *bundle, const uint8_t *seed, char **ret,
			 size_t *ret_size)
{
	CLEANUP(close_cleanup)
	int fd = fd_open_memory(bundle->manifest_text, bundle->manifest_size);
	struct signature signature = { .kind = EVIDENCE_KIND };
	CLEANUP(free_cleanup) char *text = NULL;
	struct stat status;
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return fd;
	signature.created = signature.version = clock_realtime() / NS_PER_SECOND;
	if (seed)
		r = signature_write(fd, seed, &signature);
	if (r < 0)
		return r;
	if (fstat(fd, &status) < 0 || (size_t)status.st_size > MANIFEST_MAX)
		return -EFBIG;
	text = malloc((size_t)status.st_size + 1);
	n = text ? pread(fd, text, (size_t)status.st_size, 0) : -1;
	if (n != status.st_size)
		return text ? -EIO : -ENOMEM;
	*ret = take_ptr(text);
	*ret_size = (size_t)n;
	return 0;
}

int evidence_bundle_end(struct evidence_bundle *bundle, const uint8_t *seed,
			uint8_t ret_digest[static SHA256_SIZE], uint64_t *ret_size)
{
	CLEANUP(free_cleanup) char *text = NULL;
	size_t size;
	int r;

	if (!seed)
		evidence_bundle_remark(bundle, "signature", "none", "no key is configured");
	if (fflush(bundle->manifest) != 0 || ferror(bundle->manifest))
		return -ENOMEM;
	r = manifest_sign(bundle, seed, &text, &size);
	if (r == 0)
		r = entry_add(bundle, EVIDENCE_MANIFEST, text, size);
	if (r < 0)
		return r;
	r = archive_result(bundle, archive_write_close(bundle->archive));
	if (r < 0)
		return r;
	*ret_size = bundle->written;
	return digest_finish(bundle->digest, ret_digest);
}
