/* SPDX-License-Identifier: Apache-2.0 */
#include "base/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Connections that wait to be accepted; further ones fail at once with EAGAIN. */
#define BACKLOG 16

static int address_make(const char *path, struct sockaddr_un *ret)
{
	size_t length = strlen(path);

	if (length == 0)
		return -EINVAL;
	if (length >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, path, length);
	return 0;
}

static int socket_open(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int channel_connect(const char *path)
{
	CLEANUP(close_cleanup) int fd = -1;
	struct sockaddr_un address;
	int r;

	r = address_make(path, &address);
	if (r < 0)
		return r;
	fd = socket_open();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

/* Makes room for a socket at path where a dead one lies. */
static int path_clear(const char *path)
{
	CLEANUP(close_cleanup) int fd = -1;
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(status.st_mode))
		return -EEXIST;
	fd = channel_connect(path);
	/* A full backlog is a listener's, too. */
	if (fd >= 0 || fd == -EAGAIN)
		return -EADDRINUSE;
	if (fd != -ECONNREFUSED)
		return fd;
	return unlink(path) < 0 ? -errno : 0;
}

int channel_listen(const char *path, mode_t mode, gid_t group)
{
	CLEANUP(close_cleanup) int fd = -1;
	struct sockaddr_un address;
	mode_t before;
	int r;

	r = address_make(path, &address);
	if (r < 0)
		return r;
	r = path_clear(path);
	if (r < 0)
		return r;
	fd = socket_open();
	if (fd < 0)
		return fd;
	/* Nobody but us may connect until group and mode are as they should be. */
	before = umask(0177);
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)umask(before);
	if (r < 0)
		return r;
	if ((group != (gid_t)-1 && lchown(path, (uid_t)-1, group) < 0) || chmod(path, mode) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		r = -errno;
		(void)unlink(path);
		return r;
	}
	return take_fd(&fd);
}

int channel_accept(int listener, struct channel_peer *ret)
{
	CLEANUP(close_cleanup) int fd = -1;
	struct ucred credentials;
	socklen_t size = sizeof(credentials);
	int buffer = (int)CHANNEL_FRAME_MAX;

	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	/* Where the system's default is smaller than a frame needs. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	*ret = (struct channel_peer){ credentials.pid, credentials.uid, credentials.gid };
	return take_fd(&fd);
}

int channel_send(int fd, const void *data, size_t size)
{
	ssize_t n;

	if (size > CHANNEL_FRAME_MAX)
		return -EMSGSIZE;
	do
		n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

ssize_t channel_receive(int fd, void *buffer, size_t size)
{
	struct iovec part = { .iov_base = buffer, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(fd, &message, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (message.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return n == 0 ? -EPIPE : n;
}

int channel_wait(int fd, short events, uint64_t deadline)
{
	struct pollfd waiting = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = clock_boottime();
		uint64_t left = deadline > now ? (deadline - now) / NS_PER_MILLISECOND + 1 : 0;
		int n = poll(&waiting, 1, left > INT32_MAX ? INT32_MAX : (int)left);

		if (n > 0)
			return 0;
		if (n == 0 && now >= deadline)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

ssize_t channel_request_find(const struct channel_request *table, size_t count, const char *name,
			     size_t size, unsigned bits)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		if (!(table[i].allowed & bits))
			return -EPERM;
		if (size > table[i].size_max)
			return -EMSGSIZE;
		return (ssize_t)i;
	}
	return -ENOENT;
}
