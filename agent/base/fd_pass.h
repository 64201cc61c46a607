/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames over a SOCK_SEQPACKET channel that carry one descriptor, or none (unix(7), SCM_RIGHTS).
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* fd: -1 for none; stays the caller's. Does not wait: -EAGAIN, -EPIPE. */
int fd_pass_send(int channel, const void *frame, size_t size, int fd);
/* The frame's length, with *ret_fd its descriptor (the caller's, close-on-exec) or -1. Does not
 * wait. -EMSGSIZE: it is larger than size, or has several descriptors; none is kept then. */
ssize_t fd_pass_receive(int channel, void *frame, size_t size, int *ret_fd);
/* The same, and waits for it, on a channel that waits. -EBADMSG: it is not of that size, or has no
 * descriptor. */
int fd_pass_await(int channel, void *frame, size_t size, int *ret_fd);
