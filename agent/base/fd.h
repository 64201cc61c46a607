/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole reads and writes, and files replaced in one step.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Writes all of it; 0 or a negative errno. EINTR is retried. */
int fd_write_all(int fd, const void *data, size_t size);

/* Reads a regular file of at most max bytes. *ret_data is NUL-terminated (not counted) and the
 * caller's to free. -EFBIG when the file is larger, -EISDIR and others as open(2) and read(2). */
int fd_read_file(const char *path, size_t max, char **ret_data, size_t *ret_size);

/* A file in memory with these bytes, at its start: the caller's to close. -errno. */
int fd_open_memory(const void *data, size_t size);

/* Opens a temporary file beside path; *ret_temporary is the caller's to free. fd_replace() makes
 * it the file at path: contents on disk first, then the rename, then the folder. */
int fd_open_temporary(const char *path, mode_t mode, char **ret_temporary);
int fd_replace(int fd, const char *temporary, const char *path);
/* Both, with the whole contents between: on failure what stood at path stays, and nothing beside
 * it. */
int fd_write_file(const char *path, mode_t mode, const void *data, size_t size);

/* mkdir -p; folders that it makes get the mode, whatever the umask. -ENOTDIR: path, or a part of
 * it, is something else. */
int fd_make_folders(const char *path, mode_t mode);
