/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups by one process on a socket that another one opened: inherited over fork, over fork and
 * exec, or passed over a Unix socket. The process that must be found is the one that sends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/system/sender.h"

/* Tells the second process who opened the socket. */
#define OPENER_VARIABLE "CORDON_SENDER_OPENER"
/* Where the second process finds the socket, or the Unix socket that it comes by. */
#define HANDED_FD	3

static int send_unconnected(struct lookup *lookup)
{
	ssize_t r = sendto(lookup->fd, message_bytes(&lookup->asked), lookup->asked.size, 0,
			   (const struct sockaddr *)&lookup->to, lookup->to_size);

	return r < 0 ? -errno : 0;
}

static int send_connected(struct lookup *lookup)
{
	ssize_t r = write(lookup->fd, message_bytes(&lookup->asked), lookup->asked.size);

	return r < 0 ? -errno : 0;
}

static int open_for(struct lookup *lookup, lookup_way send)
{
	int r = lookup_open(lookup, SOCK_DGRAM, 0);

	return r < 0 || send == send_unconnected ? r : lookup_connect(lookup);
}

/* Waits for the second process: its result is ours. */
static int child_wait(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int forked(struct lookup *lookup, lookup_way send)
{
	int r = open_for(lookup, send);
	pid_t opener = getpid(), child;

	if (r < 0)
		return r;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		lookup_announce(opener);
		_exit(send(lookup) < 0);
	}
	return child_wait(child);
}

static int way_forked(struct lookup *lookup)
{
	return forked(lookup, send_unconnected);
}

static int way_forked_connected(struct lookup *lookup)
{
	return forked(lookup, send_connected);
}

/* Starts this program again with the given way, fd as its HANDED_FD. */
static pid_t start_again(const struct lookup *lookup, const char *way, int fd)
{
	char *arguments[] = { (char[]){ "sender" }, strdup(way),	  lookup->arguments[1],
			      lookup->arguments[2], lookup->arguments[3], NULL };
	char opener[16];
	pid_t child;

	(void)snprintf(opener, sizeof(opener), "%d", getpid());
	child = fork();
	if (child == 0) {
		/* dup2() onto itself would leave it closed on exec. */
		if (fd == HANDED_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, HANDED_FD) < 0)
			_exit(1);
		if (setenv(OPENER_VARIABLE, opener, 1) == 0)
			(void)execv("/proc/self/exe", arguments);
		_exit(1);
	}
	free(arguments[1]);
	return child;
}

static void announce_handed(void)
{
	const char *opener = getenv(OPENER_VARIABLE);

	lookup_announce(opener ? (pid_t)strtol(opener, NULL, 10) : 0);
}

static int inherited(struct lookup *lookup, lookup_way send, const char *second)
{
	int r = open_for(lookup, send);
	pid_t child;

	if (r < 0)
		return r;
	child = start_again(lookup, second, lookup->fd);
	return child < 0 ? -errno : child_wait(child);
}

static int way_inherited(struct lookup *lookup)
{
	return inherited(lookup, send_unconnected, "held");
}

static int way_inherited_connected(struct lookup *lookup)
{
	return inherited(lookup, send_connected, "held-connected");
}

static int way_held(struct lookup *lookup)
{
	lookup->fd = HANDED_FD;
	announce_handed();
	return send_unconnected(lookup);
}

static int way_held_connected(struct lookup *lookup)
{
	lookup->fd = HANDED_FD;
	announce_handed();
	return send_connected(lookup);
}

/* Room for one descriptor beside one byte. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int pass_fd(int channel, int fd)
{
	union control control = { 0 };
	struct iovec byte = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &byte,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(channel, &message, 0) < 0 ? -errno : 0;
}

static int receive_fd(int channel)
{
	union control control = { 0 };
	char byte;
	struct iovec into = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &into,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header;
	int fd;

	if (recvmsg(channel, &message, 0) < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* The second process is there before the socket is opened. */
static int passed(struct lookup *lookup, lookup_way send, const char *second)
{
	int channel[2], r;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return -errno;
	child = start_again(lookup, second, channel[1]);
	if (child < 0)
		return -errno;
	r = open_for(lookup, send);
	if (r == 0)
		r = pass_fd(channel[0], lookup->fd);
	/* Without a descriptor the other end must not wait for ever. */
	(void)close(channel[0]);
	(void)close(channel[1]);
	return r < 0 ? r : child_wait(child);
}

static int way_passed(struct lookup *lookup)
{
	return passed(lookup, send_unconnected, "received");
}

static int way_passed_connected(struct lookup *lookup)
{
	return passed(lookup, send_connected, "received-connected");
}

static int receive_and(struct lookup *lookup, lookup_way send)
{
	announce_handed();
	lookup->fd = receive_fd(HANDED_FD);
	return lookup->fd < 0 ? lookup->fd : send(lookup);
}

static int way_received(struct lookup *lookup)
{
	return receive_and(lookup, send_unconnected);
}

static int way_received_connected(struct lookup *lookup)
{
	return receive_and(lookup, send_connected);
}

/* The held and received ones are second halves, started by the others. */
const struct way handed_ways[] = {
	{ "forked", way_forked, true },
	{ "forked-connected", way_forked_connected, true },
	{ "inherited", way_inherited, true },
	{ "inherited-connected", way_inherited_connected, true },
	{ "passed", way_passed, true },
	{ "passed-connected", way_passed_connected, true },
	{ "held", way_held, true },
	{ "held-connected", way_held_connected, true },
	{ "received", way_received, true },
	{ "received-connected", way_received_connected, true },
	{ NULL, NULL, false },
};
