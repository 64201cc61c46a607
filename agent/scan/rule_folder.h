/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of rules below a path. The paths are the administrator's.
 */
#pragma once

#include <stddef.h>

#include "base/file_identity.h"

struct rule_file {
	char *path;  /* without links: one file has one name */
	char *root;  /* the folder that its includes must lie in */
	char *asked; /* the path that it was included by, with links; NULL: it was found */
	struct file_identity identity; /* as it was when it was opened; zero: it was not */
};

struct rule_files {
	struct rule_file *files;
	size_t count;
};

/* path: a file, or a folder, in which those called *.yar, *.yara, *.rule, *.rules and *.yarc are
 * taken, also from folders in it, in the order of their names. -ENOENT...: of the path itself. */
int rule_files_add(struct rule_files *files, const char *path);
void rule_files_clear(struct rule_files *files);

/* Opens it for reading if it is a regular file; else -EINVAL. Notes its identity. */
int rule_file_open(struct rule_file *file);
/* What from includes as name: opened, and added to files. -ENOENT...; -EXDEV: it lies elsewhere. */
int rule_file_include(struct rule_files *files, const char *from, const char *name,
		      const struct rule_file **ret);
