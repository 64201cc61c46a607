/* SPDX-License-Identifier: Apache-2.0 */
#include "intel/list_inflate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define GZIP_ID1    0x1f
#define GZIP_ID2    0x8b
/* The largest window, and gzip around it (zlib.h, inflateInit2()). */
#define WINDOW_BITS (15 + 16)

struct list_inflate {
	int fd;
	bool input_end; /* nothing more to read */
	bool in_member;
	z_stream stream;
	unsigned char input[LIST_INFLATE_HEAD];
};

bool list_inflate_begins(const void *head, size_t size)
{
	const unsigned char *bytes = head;

	return size >= 2 && bytes[0] == GZIP_ID1 && bytes[1] == GZIP_ID2;
}

int list_inflate_new(int fd, const void *head, size_t size, struct list_inflate **ret)
{
	struct list_inflate *inflate = calloc(1, sizeof(*inflate));

	if (!inflate)
		return -ENOMEM;
	inflate->fd = fd;
	inflate->in_member = true;
	memcpy(inflate->input, head, size);
	inflate->stream.next_in = inflate->input;
	inflate->stream.avail_in = (uInt)size;
	if (inflateInit2(&inflate->stream, WINDOW_BITS) != Z_OK) {
		free(inflate);
		return -ENOMEM;
	}
	*ret = inflate;
	return 0;
}

void list_inflate_free(struct list_inflate *inflate)
{
	if (!inflate)
		return;
	(void)inflateEnd(&inflate->stream);
	free(inflate);
}

/* Has input, unless there is none any more. */
static int input_fill(struct list_inflate *inflate)
{
	ssize_t n;

	if (inflate->stream.avail_in > 0 || inflate->input_end)
		return 0;
	do
		n = read(inflate->fd, inflate->input, sizeof(inflate->input));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	inflate->input_end = n == 0;
	inflate->stream.next_in = inflate->input;
	inflate->stream.avail_in = (uInt)n;
	return 0;
}

/* Behind a member: another one begins, or the file ends. */
static int member_next(struct list_inflate *gzip)
{
	if (inflateReset(&gzip->stream) != Z_OK)
		return -EBADMSG;
	gzip->in_member = true;
	return 0;
}

static int inflate_step(struct list_inflate *gzip)
{
	int r = inflate(&gzip->stream, Z_NO_FLUSH);

	if (r == Z_STREAM_END) {
		gzip->in_member = false;
		return 0;
	}
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	if (r != Z_OK && r != Z_BUF_ERROR)
		return -EBADMSG;
	/* Everything is used up and it has not ended. */
	return gzip->input_end && gzip->stream.avail_out > 0 ? -EBADMSG : 0;
}

ssize_t list_inflate_read(struct list_inflate *gzip, void *out, size_t size)
{
	int r = 0;

	gzip->stream.next_out = out;
	gzip->stream.avail_out = (uInt)size;
	while (r == 0 && gzip->stream.avail_out == size) {
		r = input_fill(gzip);
		if (r == 0 && !gzip->in_member) {
			if (gzip->stream.avail_in == 0 && gzip->input_end)
				return 0;
			r = member_next(gzip);
		}
		if (r == 0)
			r = inflate_step(gzip);
	}
	return r < 0 ? r : (ssize_t)(size - gzip->stream.avail_out);
}
