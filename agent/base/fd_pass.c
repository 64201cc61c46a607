/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd_pass.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for more than is taken, so that what comes too many is seen, and closed. */
#define ROOM 4

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * ROOM)];
};

int fd_pass_send(int channel, const void *frame, size_t size, int fd)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)frame, .iov_len = size };
	union control control = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *head;
	ssize_t n;

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(fd));
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	do
		n = sendmsg(channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

/* Closes all but the only one; how many there were. */
static size_t descriptors_take(struct msghdr *message, int *ret)
{
	size_t count = 0;
	int kept = -1;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head;
	     head = CMSG_NXTHDR(message, head)) {
		size_t here = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < here; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof(fd), sizeof(fd));
			if (count++ == 0)
				kept = fd;
			else
				(void)close(fd);
		}
	}
	if (count > 1) {
		(void)close(kept);
		kept = -1;
	}
	*ret = kept;
	return count;
}

static ssize_t frame_receive(int channel, void *frame, size_t size, int flags, int *ret_fd)
{
	struct iovec part = { .iov_base = frame, .iov_len = size };
	union control control;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	int fd = -1;
	ssize_t n;

	do
		n = recvmsg(channel, &message, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (descriptors_take(&message, &fd) > 1 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		if (fd >= 0)
			(void)close(fd);
		return -EMSGSIZE;
	}
	if (n == 0) {
		if (fd >= 0)
			(void)close(fd);
		return -EPIPE;
	}
	*ret_fd = fd;
	return n;
}

ssize_t fd_pass_receive(int channel, void *frame, size_t size, int *ret_fd)
{
	return frame_receive(channel, frame, size, MSG_DONTWAIT, ret_fd);
}

int fd_pass_await(int channel, void *frame, size_t size, int *ret_fd)
{
	int fd = -1;
	ssize_t n = frame_receive(channel, frame, size, 0, &fd);

	if (n < 0)
		return (int)n;
	if ((size_t)n != size || fd < 0) {
		if (fd >= 0)
			(void)close(fd);
		return -EBADMSG;
	}
	*ret_fd = fd;
	return 0;
}
