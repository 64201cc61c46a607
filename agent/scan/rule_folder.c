/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/rule_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Folders in folders: links may go round in circles. */
#define DEPTH_MAX 16
/* The compiler has as many. */
#define FILES_MAX 65536

void rule_files_clear(struct rule_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->files[i].path);
		free(files->files[i].root);
		free(files->files[i].asked);
	}
	free(files->files);
	*files = (struct rule_files){ 0 };
}

static bool path_known(const struct rule_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->files[i].path, path) == 0)
			return true;
	return false;
}

/* Copies both. One that is there already stays as it is. */
static int file_add(struct rule_files *files, const char *path, const char *root)
{
	struct rule_file *grown, file;

	if (path_known(files, path))
		return 0;
	if (files->count == FILES_MAX)
		return -E2BIG;
	grown = reallocarray(files->files, files->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	files->files = grown;
	file = (struct rule_file){ .path = strdup(path), .root = strdup(root) };
	if (!file.path || !file.root) {
		free(file.path);
		free(file.root);
		return -ENOMEM;
	}
	grown[files->count++] = file;
	return 0;
}

static bool name_rules(const char *name)
{
	static const char *const endings[] = { ".yar", ".yara", ".rule", ".rules", ".yarc" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < ELEMENTS(endings); i++)
		if (strcmp(dot, endings[i]) == 0)
			return true;
	return false;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int folder_add(struct rule_files *files, const char *folder, const char *root,
		      unsigned depth)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, visible, alphasort), r = 0;

	if (count < 0)
		return depth == 0 ? -errno : 0;
	for (int i = 0; i < count; i++) {
		CLEANUP(free_cleanup) char *path = NULL, *real = NULL;
		struct stat status;

		if (r == 0 && asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
			r = -ENOMEM;
		if (r == 0)
			real = realpath(path, NULL);
		if (real && stat(real, &status) == 0) {
			if (S_ISDIR(status.st_mode) && depth < DEPTH_MAX)
				r = folder_add(files, real, root, depth + 1);
			else if (S_ISREG(status.st_mode) && name_rules(entries[i]->d_name))
				r = file_add(files, real, root);
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

int rule_files_add(struct rule_files *files, const char *path)
{
	CLEANUP(free_cleanup) char *real = realpath(path, NULL);
	struct stat status;
	char *slash;
	char root[PATH_MAX];

	if (!real || stat(real, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return folder_add(files, real, real, 0);
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	(void)snprintf(root, sizeof(root), "%s", real);
	slash = strrchr(root, '/');
	if (slash)
		slash[slash == root] = '\0';
	return file_add(files, real, root);
}

int rule_file_open(struct rule_file *file)
{
	/* Should it be a pipe by now, opening it does not wait. */
	CLEANUP(close_cleanup)
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	file_identity_take(&status, &file->identity);
	return take_fd(&fd);
}

static bool path_within(const char *path, const char *root)
{
	size_t length = strlen(root);

	return strncmp(path, root, length) == 0 && (path[length] == '/' || strcmp(root, "/") == 0);
}

static struct rule_file *file_find(const struct rule_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->files[i].path, path) == 0)
			return &files->files[i];
	return NULL;
}

int rule_file_include(struct rule_files *files, const char *from, const char *name,
		      const struct rule_file **ret)
{
	const struct rule_file *file = file_find(files, from);
	CLEANUP(free_cleanup) char *path = NULL, *real = NULL;
	struct rule_file *included;
	int r, fd;

	if (!file)
		return -EINVAL;
	if (name[0] == '/' ? asprintf(&path, "%s", name) < 0
			   : asprintf(&path, "%.*s%s", (int)(strrchr(from, '/') + 1 - from), from,
				      name) < 0)
		return -ENOMEM;
	real = realpath(path, NULL);
	if (!real)
		return -errno;
	/* Who writes rules shall not have other files read, and told in the compiler's errors. */
	if (!path_within(real, file->root))
		return -EXDEV;
	r = file_add(files, real, file->root);
	if (r < 0)
		return r;
	included = file_find(files, real);
	if (!included->asked)
		included->asked = take_ptr(path);
	fd = rule_file_open(included);
	if (fd >= 0)
		*ret = included;
	return fd;
}
