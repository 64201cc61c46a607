/* SPDX-License-Identifier: Apache-2.0
 *
 * A file's bytes in memory. They are read, not mapped: a file that is cut short while it is
 * searched does no harm, and what is hashed is what was searched.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Kept for the next file; what was larger is given back: to have it again costs a hundredth of what
 * it takes to search it. */
#define FILE_BUFFER_KEPT ((size_t)1 << 20)

struct file_buffer {
	uint8_t *bytes;
	size_t room;
};

/* At least so much room; what is in it stays. */
int file_buffer_grow(struct file_buffer *buffer, size_t needed);
void file_buffer_trim(struct file_buffer *buffer);
/* All of a regular file. -EINVAL: it is none; -EFBIG: it is larger than size_max. */
int file_buffer_read(struct file_buffer *buffer, int fd, uint64_t size_max, size_t *ret_size);
