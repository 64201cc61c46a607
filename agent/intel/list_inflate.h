/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip (RFC 1952) around a list, of one or several members. Whoever wrote it chose the bytes: how
 * much comes out is bounded by the reader (LIST_BYTES_MAX), and nothing is kept of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct list_inflate;

/* Whether gzip begins with these bytes, of which at least two are to be there. */
bool list_inflate_begins(const void *head, size_t size);
/* fd: borrowed. head: what was read of it (copied; at most LIST_INFLATE_HEAD bytes). -ENOMEM. */
#define LIST_INFLATE_HEAD 65536
int list_inflate_new(int fd, const void *head, size_t size, struct list_inflate **ret);
void list_inflate_free(struct list_inflate *inflate);

/* Bytes read into out, 0 at the end. -EBADMSG: damaged, truncated, or with something behind it;
 * errors of read(2). */
ssize_t list_inflate_read(struct list_inflate *inflate, void *out, size_t size);
