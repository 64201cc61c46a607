/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels between programs: SOCK_SEQPACKET over AF_UNIX, one message a frame, and the table of
 * what may be asked over one. Knows nothing of what is asked. Whoever may open the socket writes
 * what is received here: each frame is bounded, and nothing waits for a peer without a deadline.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Largest frame either way. A frame is copied into the peer's queue whole, and must fit into the
 * kernel's default socket buffer (208 KiB) with room to spare. */
#define CHANNEL_FRAME_MAX ((size_t)128 * 1024)

/* Who is at the other end, as it was when it connected (unix(7), SO_PEERCRED). */
struct channel_peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/* Listens at path, which gets the mode, and the group unless it is (gid_t)-1. A socket that nobody
 * listens on is replaced. -EADDRINUSE: somebody does; -EEXIST: it is no socket; -ENAMETOOLONG. */
int channel_listen(const char *path, mode_t mode, gid_t group);

/* Takes a waiting connection: its descriptor, which does not block. -EAGAIN: there is none. */
int channel_accept(int listener, struct channel_peer *ret);

/* Connects; the descriptor does not block. -ENOENT, -ECONNREFUSED: nobody listens; -EACCES;
 * -EAGAIN: the listener's backlog is full. */
int channel_connect(const char *path);

/* Sends one frame. -EAGAIN: the peer does not read; -EMSGSIZE: too large; -EPIPE: it is gone. */
int channel_send(int fd, const void *data, size_t size);

/* Receives one frame of at most size bytes; its length. -EMSGSIZE: it is larger (and lost);
 * -EAGAIN: none waits; -EPIPE: the peer is gone, or sent an empty frame, which looks the same.
 * Descriptors sent along are closed by the kernel. */
ssize_t channel_receive(int fd, void *buffer, size_t size);

/* Waits until events (poll(2)) can be had; deadline on the boot clock. -ETIMEDOUT. */
int channel_wait(int fd, short events, uint64_t deadline);

/* A row of a table of requests. The owner of the table says what the bits of allowed mean: who
 * asks, or what state the channel is in. */
struct channel_request {
	const char *name;
	size_t size_max;  /* of its frame */
	unsigned allowed; /* bits: at least one must be set in the asker's */
};

/* The row called name: its number, to which the caller has a handler. -ENOENT: there is none;
 * -EMSGSIZE: its frame may not be of that size; -EPERM: not with these bits. */
ssize_t channel_request_find(const struct channel_request *table, size_t count, const char *name,
			     size_t size, unsigned bits);
