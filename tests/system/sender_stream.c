/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways of sending a query over TCP: in one segment, and cut where a parser may lose its place.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/system/sender.h"

/* Each write becomes a segment of its own. */
static int open_stream(struct lookup *lookup)
{
	int r = lookup_open(lookup, SOCK_STREAM, 0);

	if (r == 0 &&
	    setsockopt(lookup->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) < 0)
		r = -errno;
	return r < 0 ? r : lookup_connect(lookup);
}

static int send_piece(struct lookup *lookup, const uint8_t *bytes, size_t size)
{
	return send(lookup->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -errno;
}

/* The asked message with its length, cut after each of the given sizes; 0 ends them. */
static int send_pieces(struct lookup *lookup, const size_t *sizes)
{
	const uint8_t *at = lookup->asked.prefixed;
	size_t left = 2 + lookup->asked.size;
	int r = 0;

	while (left > 0 && r == 0) {
		size_t size = *sizes && *sizes < left ? *sizes : left;

		r = send_piece(lookup, at, size);
		at += size;
		left -= size;
		sizes += *sizes != 0;
	}
	return r;
}

static int way_tcp(struct lookup *lookup)
{
	int r = open_stream(lookup);

	return r < 0 ? r : send_pieces(lookup, (size_t[]){ 0 });
}

/* The length in a segment of its own. */
static int way_tcp_split(struct lookup *lookup)
{
	int r = open_stream(lookup);

	return r < 0 ? r : send_pieces(lookup, (size_t[]){ 2, 0 });
}

/* Cut in the middle of the length, the header and the name. */
static int way_tcp_cut(struct lookup *lookup)
{
	int r = open_stream(lookup);

	return r < 0 ? r : send_pieces(lookup, (size_t[]){ 1, 7, 9, 0 });
}

static int way_tcp_bytewise(struct lookup *lookup)
{
	int r = open_stream(lookup);

	for (size_t i = 0; i < 2 + lookup->asked.size && r == 0; i++)
		r = send_piece(lookup, lookup->asked.prefixed + i, 1);
	return r;
}

static int send_after(struct lookup *lookup, size_t innocent, size_t asked)
{
	struct iovec pieces[2] = {
		{ .iov_base = lookup->innocent.prefixed, .iov_len = innocent },
		{ .iov_base = lookup->asked.prefixed, .iov_len = asked },
	};

	return writev(lookup->fd, pieces, 2) < 0 ? -errno : 0;
}

/* Two messages in one segment, the innocent one first. */
static int way_tcp_pipelined(struct lookup *lookup)
{
	int r = open_stream(lookup);

	return r < 0 ? r : send_after(lookup, 2 + lookup->innocent.size, 2 + lookup->asked.size);
}

/* The second message starts in the first one's segment and ends in the next. */
static int way_tcp_straddling(struct lookup *lookup)
{
	size_t first = 2 + lookup->asked.size / 2;
	int r = open_stream(lookup);

	if (r == 0)
		r = send_after(lookup, 2 + lookup->innocent.size, first);
	if (r < 0)
		return r;
	return send_piece(lookup, lookup->asked.prefixed + first, 2 + lookup->asked.size - first);
}

/* A second message on the same connection, in a segment of its own. */
static int way_tcp_second(struct lookup *lookup)
{
	int r = open_stream(lookup);

	if (r == 0)
		r = send_piece(lookup, lookup->innocent.prefixed, 2 + lookup->innocent.size);
	return r < 0 ? r : send_pieces(lookup, (size_t[]){ 0 });
}

/* Data goes with the first packet where a cookie is known, else right after it. */
static int way_tcp_fastopen(struct lookup *lookup)
{
	int r = lookup_open(lookup, SOCK_STREAM, 0);

	if (r < 0)
		return r;
	if (sendto(lookup->fd, lookup->asked.prefixed, 2 + lookup->asked.size,
		   MSG_FASTOPEN | MSG_NOSIGNAL, (const struct sockaddr *)&lookup->to,
		   lookup->to_size) < 0)
		return -errno;
	return 0;
}

const struct way stream_ways[] = {
	{ "tcp", way_tcp, false },
	{ "tcp-split", way_tcp_split, false },
	{ "tcp-cut", way_tcp_cut, false },
	{ "tcp-bytewise", way_tcp_bytewise, false },
	{ "tcp-pipelined", way_tcp_pipelined, false },
	{ "tcp-straddling", way_tcp_straddling, false },
	{ "tcp-second", way_tcp_second, false },
	{ "tcp-fastopen", way_tcp_fastopen, false },
	{ NULL, NULL, false },
};
