/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the room that a worker reads files into. Anybody may have written them, and may go on.
 */
#include "scan/file_buffer.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOM_FIRST ((size_t)256 * 1024)

int file_buffer_grow(struct file_buffer *buffer, size_t needed)
{
	size_t room = buffer->room ? buffer->room : ROOM_FIRST;
	void *bytes;

	if (needed <= buffer->room)
		return 0;
	while (room < needed)
		room *= 2;
	/* Large ones are pages of their own, which are moved and given back without a copy. */
	bytes = buffer->bytes ? mremap(buffer->bytes, buffer->room, room, MREMAP_MAYMOVE)
			      : mmap(NULL, room, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return -ENOMEM;
	buffer->bytes = bytes;
	buffer->room = room;
	return 0;
}

void file_buffer_trim(struct file_buffer *buffer)
{
	void *bytes;

	if (buffer->room <= FILE_BUFFER_KEPT)
		return;
	bytes = mremap(buffer->bytes, buffer->room, FILE_BUFFER_KEPT, MREMAP_MAYMOVE);
	if (bytes == MAP_FAILED)
		return;
	buffer->bytes = bytes;
	buffer->room = FILE_BUFFER_KEPT;
}

/* Its size is only a hint: it may change. */
int file_buffer_read(struct file_buffer *buffer, int fd, uint64_t size_max, size_t *ret_size)
{
	size_t size = 0, wanted;
	struct stat status;

	if (syscall(SYS_fstat, fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if ((uint64_t)status.st_size > size_max)
		return -EFBIG;
	wanted = (size_t)status.st_size + 1;
	for (;;) {
		ssize_t n;
		int r = file_buffer_grow(buffer, wanted);

		if (r < 0)
			return r;
		n = pread(fd, buffer->bytes + size, buffer->room - size, (off_t)size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > size_max)
			return -EFBIG;
		wanted = size + 1;
	}
	*ret_size = size;
	return 0;
}
