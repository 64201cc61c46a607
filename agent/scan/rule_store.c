/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the form of the two files. What stands in them we wrote ourselves; what else is found there
 * is as good as nothing. The compiled rules are loaded in a cage, as all rules are.
 */
#include "scan/rule_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fd.h"
#include "scan/rule_folder.h"
#include "scan/rule_session.h"

CLEANUP_DEFINE(json_t *, json_decref)

/* Another form, or another meaning. */
#define STORE_VERSION 1
/* 65,536 files, each with a path. */
#define STORE_MAX     ((size_t)64 << 20)
/* A file that changes twice within the kernel's tick keeps its ctime. */
#define TICK	      (20 * NS_PER_MILLISECOND)
#define MODE	      0600
/* 64-bit numbers do not all fit JSON's integers. */
#define IDENTITY_FORM "%" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64

static void store_path(const char *name, const char *ending, char out[static PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s.%s", name, ending);
}

static json_t *identity_json(const struct file_identity *identity)
{
	return json_sprintf(IDENTITY_FORM, identity->device, identity->inode, identity->changed,
			    identity->size);
}

static bool identity_is(const json_t *json, const struct file_identity *identity)
{
	CLEANUP(json_decref_cleanup) json_t *now = identity_json(identity);

	return now && json_equal(now, json);
}

/* Any bytes but NUL may stand in a path. */
static json_t *path_json(const char *path)
{
	size_t length = strlen(path);
	CLEANUP(free_cleanup) char *digits = malloc(length * 2 + 1);

	if (!digits)
		return NULL;
	digest_text((const uint8_t *)path, length, digits);
	return json_string(digits);
}

static bool path_is(const json_t *json, const char *path)
{
	CLEANUP(json_decref_cleanup) json_t *now = path_json(path);

	return now && json_equal(now, json);
}

/* NULL for one that is not there: its digits are ours, or refused. */
static char *path_read(const json_t *json)
{
	const char *digits = json_string_value(json);
	size_t length = digits ? strlen(digits) / 2 : 0;
	char *path = length > 0 ? malloc(length + 1) : NULL;

	for (size_t i = 0; path && i < length; i++) {
		unsigned byte = 0;

		if (sscanf(digits + i * 2, "%2x", &byte) != 1 || byte == 0) {
			free(path);
			return NULL;
		}
		path[i] = (char)byte;
	}
	if (path)
		path[length] = '\0';
	return path;
}

/* ---- keeping ---- */

/* [[path, identity, path that it was included by], ...]; NULL: one of them is too young to be known
 * again. */
static json_t *files_json(const struct rule_set *set)
{
	CLEANUP(json_decref_cleanup) json_t *files = json_array();

	for (size_t i = 0; i < set->files->count; i++) {
		const struct rule_file *file = &set->files->files[i];

		if (file->identity.inode == 0 || file->identity.changed + TICK > set->begun ||
		    json_array_append_new(files,
					  json_pack("[o,o,o]", path_json(file->path),
						    identity_json(&file->identity),
						    path_json(file->asked ? file->asked : ""))) < 0)
			return NULL;
	}
	return take_ptr(files);
}

/* Its identity is the one that it has at its place. */
static int set_write(const char *name, const struct rule_set *set, struct file_identity *ret)
{
	CLEANUP(free_cleanup) char *temporary = NULL;
	CLEANUP(close_cleanup) int fd = -1;
	struct stat status;
	char path[PATH_MAX];
	off_t offset = 0;
	int r;

	store_path(name, "set", path);
	if (fstat(set->fd, &status) < 0)
		return -errno;
	fd = fd_open_temporary(path, MODE, &temporary);
	if (fd < 0)
		return fd;
	r = 0;
	while (r == 0 && offset < status.st_size) {
		ssize_t n = sendfile(fd, set->fd, &offset, (size_t)(status.st_size - offset));

		if (n <= 0)
			r = n < 0 ? -errno : -EIO;
	}
	if (r == 0)
		r = fd_replace(fd, temporary, path);
	if (r < 0) {
		(void)unlink(temporary);
		return r;
	}
	return file_identity_read(fd, ret, NULL);
}

int rule_store_keep(const char *name, const struct file_identity *program,
		    const struct rule_set *set)
{
	CLEANUP(json_decref_cleanup) json_t *files = NULL, *object = NULL;
	CLEANUP(free_cleanup) char *text = NULL;
	char path[PATH_MAX], digest[SHA256_TEXT_SIZE];
	struct file_identity identity;
	int r;

	if (!set->files || !set->troubles)
		return 0;
	files = files_json(set);
	if (!files)
		return 0;
	r = set_write(name, set, &identity);
	if (r < 0)
		return r;
	digest_text(set->digest, sizeof(set->digest), digest);
	object = json_pack("{s:i, s:o, s:o, s:O, s:I, s:O, s:I, s:I, s:b, s:s}", "version",
			   STORE_VERSION, "program", identity_json(program), "set",
			   identity_json(&identity), "files", files, "given",
			   (json_int_t)set->files_given, "troubles", set->troubles, "rules",
			   (json_int_t)set->rules, "left_out", (json_int_t)set->left_out, "magic",
			   set->magic, "digest", digest);
	text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	if (!text)
		return -ENOMEM;
	store_path(name, "json", path);
	return fd_write_file(path, MODE, text, strlen(text));
}

void rule_store_forget(const char *name)
{
	char path[PATH_MAX];

	store_path(name, "json", path);
	(void)unlink(path);
	store_path(name, "set", path);
	(void)unlink(path);
}

/* ---- finding ---- */

/* The same files are below the paths, in the same order. */
static bool given_same(const json_t *files, size_t given, const char *const *paths, size_t count)
{
	struct rule_files now = { 0 };
	bool same = true;

	for (size_t i = 0; same && i < count; i++)
		same = rule_files_add(&now, paths[i]) == 0;
	same = same && now.count == given && given <= json_array_size(files);
	for (size_t i = 0; same && i < given; i++)
		same = path_is(json_array_get(json_array_get(files, i), 0), now.files[i].path);
	rule_files_clear(&now);
	return same;
}

/* An include leads to the same file, and that is as it was. */
static bool file_same(const json_t *file, bool given)
{
	CLEANUP(free_cleanup) char *path = path_read(json_array_get(file, 0));
	CLEANUP(free_cleanup) char *asked = path_read(json_array_get(file, 2));
	CLEANUP(free_cleanup) char *real = asked ? realpath(asked, NULL) : NULL;
	struct file_identity identity;
	struct stat status;

	if (!path || (!given && (!real || strcmp(real, path) != 0)) || stat(path, &status) < 0)
		return false;
	file_identity_take(&status, &identity);
	return identity_is(json_array_get(file, 1), &identity);
}

static bool files_same(const json_t *files, size_t given)
{
	for (size_t i = 0; i < json_array_size(files); i++)
		if (!file_same(json_array_get(files, i), i < given))
			return false;
	return true;
}

/* A sealed copy: whoever loads it knows that nobody cuts it short meanwhile. */
static int set_read(const char *name, const json_t *identity)
{
	CLEANUP(close_cleanup) int fd = -1;
	CLEANUP(close_cleanup) int copy = -1;
	struct file_identity now;
	struct stat status;
	char path[PATH_MAX];
	off_t offset = 0;

	store_path(name, "set", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || file_identity_read(fd, &now, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_uid != geteuid() || status.st_mode & 022 || !identity_is(identity, &now))
		return -ENOENT;
	copy = memfd_create("cordon-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (copy < 0)
		return -errno;
	while (offset < status.st_size)
		if (sendfile(copy, fd, &offset, (size_t)(status.st_size - offset)) <= 0)
			return -EIO;
	if (fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	return take_fd(&copy);
}

static bool digest_read(const json_t *json, uint8_t out[static SHA256_SIZE])
{
	const char *digits = json_string_value(json);

	if (!digits || strlen(digits) != SHA256_TEXT_SIZE - 1)
		return false;
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		unsigned byte;

		if (sscanf(digits + i * 2, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

static json_t *manifest_read(const char *name)
{
	CLEANUP(free_cleanup) char *text = NULL;
	char path[PATH_MAX];
	struct stat status;
	size_t size;

	store_path(name, "json", path);
	if (lstat(path, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
	    status.st_mode & 022 || fd_read_file(path, STORE_MAX, &text, &size) < 0)
		return NULL;
	return json_loadb(text, size, 0, NULL);
}

int rule_store_find(const char *name, const struct file_identity *program, const char *const *paths,
		    size_t count, void (*trouble)(const char *text, bool warning, void *userdata),
		    void *userdata, struct rule_set *ret)
{
	CLEANUP(json_decref_cleanup) json_t *object = manifest_read(name);
	const json_t *files = json_object_get(object, "files");
	const json_t *troubles = json_object_get(object, "troubles");
	json_int_t given = json_integer_value(json_object_get(object, "given"));
	struct rule_set set = {
		.rules = (uint64_t)json_integer_value(json_object_get(object, "rules")),
		.left_out = (uint64_t)json_integer_value(json_object_get(object, "left_out")),
		.magic = json_is_true(json_object_get(object, "magic")),
	};

	if (json_integer_value(json_object_get(object, "version")) != STORE_VERSION || given < 0 ||
	    !identity_is(json_object_get(object, "program"), program) ||
	    !digest_read(json_object_get(object, "digest"), set.digest) ||
	    !given_same(files, (size_t)given, paths, count) || !files_same(files, (size_t)given))
		return -ENOENT;
	set.fd = set_read(name, json_object_get(object, "set"));
	if (set.fd < 0)
		return -ENOENT;
	for (size_t i = 0; i < json_array_size(troubles); i++) {
		const json_t *told = json_array_get(troubles, i);
		const char *text = json_string_value(json_array_get(told, 0));

		if (text)
			trouble(text, json_is_true(json_array_get(told, 1)), userdata);
	}
	*ret = set;
	return 0;
}
