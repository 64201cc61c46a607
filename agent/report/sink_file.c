/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON-lines file: one OCSF object a line, rotated by size. Log shippers read it while it is
 * written, so a line appears whole, with one write, or not at all.
 */
#include "report/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"

struct file {
	char *path;
	int fd; /* -1: could not be opened, tried again with each line */
	uint64_t size, max_bytes;
	unsigned keep;
	bool torn; /* half a line stands at the end, and could not be taken back */
};

static int file_open(struct file *file)
{
	CLEANUP(close_cleanup)
	/* O_NONBLOCK: a FIFO at the path is refused below, not waited for. */
	int fd =
		open(file->path,
		     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		     0600);
	struct stat status;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	file->size = (uint64_t)status.st_size;
	file->fd = take_fd(&fd);
	return 0;
}

static int sink_file_reopen(void *state)
{
	struct file *file = state;

	close_cleanup(&file->fd);
	file->fd = -1;
	return file_open(file);
}

static void sink_file_close(void *state)
{
	struct file *file = state;

	if (!file)
		return;
	close_cleanup(&file->fd);
	free(file->path);
	free(file);
}

static void file_cleanup(struct file **file)
{
	sink_file_close(*file);
}

static int sink_file_open(const struct sink_options *options, void **ret)
{
	CLEANUP(file_cleanup) struct file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		return -ENOMEM;
	file->fd = -1;
	file->max_bytes = options->file.max_bytes;
	file->keep = options->file.keep;
	file->path = strdup(options->file.path);
	if (!file->path)
		return -ENOMEM;
	r = file_open(file);
	if (r < 0)
		return r;
	*ret = take_ptr(file);
	return 0;
}

/* "path.N", or path itself for 0; from is renamed to the next higher number. */
static int file_shift(const struct file *file, unsigned number)
{
	CLEANUP(free_cleanup) char *from = NULL, *to = NULL;

	if (number == 0)
		from = strdup(file->path);
	else if (asprintf(&from, "%s.%u", file->path, number) < 0)
		from = NULL;
	if (!from || asprintf(&to, "%s.%u", file->path, number + 1) < 0) {
		to = NULL;
		return -ENOMEM;
	}
	return rename(from, to) < 0 && errno != ENOENT ? -errno : 0;
}

static int file_rotate(struct file *file)
{
	int r = 0;

	for (unsigned number = file->keep; r == 0 && number > 0; number--)
		r = file_shift(file, number - 1);
	if (r == 0 && file->keep == 0 && unlink(file->path) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? r : sink_file_reopen(file);
}

static int file_write(struct file *file, const char *line, size_t length)
{
	const struct iovec parts[] = {
		{ .iov_base = (void *)(uintptr_t) "\n", .iov_len = file->torn },
		{ .iov_base = (void *)(uintptr_t)line, .iov_len = length },
		{ .iov_base = (void *)(uintptr_t) "\n", .iov_len = 1 },
	};
	ssize_t n;

	do
		n = writev(file->fd, parts, (int)ELEMENTS(parts));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n != file->torn + length + 1) {
		/* The disk is full: half a line would spoil the next one, too. */
		file->torn = ftruncate(file->fd, (off_t)file->size) < 0;
		return -ENOSPC;
	}
	file->torn = false;
	file->size += length + 1;
	return 0;
}

static int sink_file_deliver(void *state, const struct sink_message *message)
{
	struct file *file = state;
	uint64_t size = file->size + message->length + 1;
	int r = 0;

	if (file->fd < 0)
		r = file_open(file);
	else if (file->max_bytes && file->size > 0 && size > file->max_bytes)
		r = file_rotate(file);
	return r < 0 ? r : file_write(file, message->line, message->length);
}

const struct sink_type sink_file = {
	.name = "file",
	.open = sink_file_open,
	.deliver = sink_file_deliver,
	.reopen = sink_file_reopen,
	.close = sink_file_close,
};
