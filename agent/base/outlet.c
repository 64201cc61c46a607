/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what waits for a reader. Gets lines from the log and the screen, which have escaped what is
 * not theirs.
 */
#include "base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Room for the line that tells of dropped ones. */
#define TOLD_SIZE 96

struct outlet {
	int fd;	      /* that is written to */
	bool own;     /* opened here, with O_NONBLOCK */
	bool socket;  /* send(2) can be told not to wait */
	bool patient; /* it may wait, and could not be opened anew: asked before each write */
	uint64_t dropped, untold;
	size_t used;
	char buffer[OUTLET_BUFFER_SIZE];
};

/* O_NONBLOCK belongs to what others have open as well (the shell its terminal): the same file is
 * opened once more. */
static void outlet_reopen(struct outlet *outlet)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", outlet->fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	outlet->patient = fd < 0;
	if (fd < 0)
		return;
	outlet->fd = fd;
	outlet->own = true;
}

int outlet_open(int fd, struct outlet **ret)
{
	CLEANUP(free_cleanup) struct outlet *outlet = calloc(1, sizeof(*outlet));
	struct stat status;

	if (!outlet)
		return -ENOMEM;
	if (fstat(fd, &status) < 0)
		return -errno;
	outlet->fd = fd;
	outlet->socket = S_ISSOCK(status.st_mode);
	if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))
		outlet_reopen(outlet);
	*ret = take_ptr(outlet);
	return 0;
}

void outlet_close(struct outlet *outlet)
{
	if (!outlet)
		return;
	(void)outlet_flush(outlet);
	if (outlet->own)
		(void)close(outlet->fd);
	free(outlet);
}

/* Bytes written, 0 when it would wait. A terminal writes less than PIPE_BUF bytes at a time without
 * waiting when it says that it writes at all. */
static ssize_t outlet_try(const struct outlet *outlet, const char *bytes, size_t size)
{
	struct pollfd wait = { .fd = outlet->fd, .events = POLLOUT };
	ssize_t n;

	if (outlet->patient) {
		if (poll(&wait, 1, 0) <= 0)
			return 0;
		size = size < PIPE_BUF ? size : PIPE_BUF;
	}
	if (outlet->socket)
		n = send(outlet->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = write(outlet->fd, bytes, size);
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* Writes as much as can be: how much, or a negative errno. */
static ssize_t outlet_push(const struct outlet *outlet, const char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = outlet_try(outlet, bytes + done, size - done);

		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static void outlet_keep(struct outlet *outlet, const char *bytes, size_t size)
{
	memcpy(outlet->buffer + outlet->used, bytes, size);
	outlet->used += size;
}

/* Once there is room again, where the dropped lines would have stood. */
static void outlet_tell(struct outlet *outlet)
{
	char text[TOLD_SIZE];
	int n;

	if (outlet->untold == 0 || outlet->used > OUTLET_BUFFER_SIZE / 2)
		return;
	n = snprintf(text, sizeof(text), "[%llu lines were lost while nobody read this]\n",
		     (unsigned long long)outlet->untold);
	outlet_keep(outlet, text, (size_t)n);
	outlet->untold = 0;
}

int outlet_flush(struct outlet *outlet)
{
	ssize_t n = outlet_push(outlet, outlet->buffer, outlet->used);

	if (n < 0) {
		outlet->used = 0;
		return (int)n;
	}
	outlet->used -= (size_t)n;
	memmove(outlet->buffer, outlet->buffer + n, outlet->used);
	if (outlet->untold == 0)
		return 0;
	outlet_tell(outlet);
	return n > 0 && outlet->untold == 0 ? outlet_flush(outlet) : 0;
}

int outlet_write(struct outlet *outlet, const char *line, size_t length)
{
	ssize_t done = 0;
	int r = outlet_flush(outlet);

	if (r < 0)
		return r;
	if (outlet->used == 0)
		done = outlet_push(outlet, line, length);
	if (done < 0)
		return (int)done;
	length -= (size_t)done;
	if (length > OUTLET_BUFFER_SIZE - outlet->used) {
		outlet->dropped++;
		outlet->untold++;
		return -ENOBUFS;
	}
	outlet_keep(outlet, line + done, length);
	return 0;
}

uint64_t outlet_dropped(const struct outlet *outlet)
{
	return outlet->dropped;
}
