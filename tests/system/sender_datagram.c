/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways of sending a query over UDP.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef WITH_URING
#include <liburing.h>
#endif

#include "tests/system/sender.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, which does not go together with netinet/udp.h */
#endif

static int sent(ssize_t result)
{
	return result < 0 ? -errno : 0;
}

static int open_datagram(struct lookup *lookup)
{
	return lookup_open(lookup, SOCK_DGRAM, 0);
}

static int open_connected(struct lookup *lookup)
{
	int r = open_datagram(lookup);

	return r < 0 ? r : lookup_connect(lookup);
}

static int send_to(struct lookup *lookup, const void *bytes, size_t size, int flags)
{
	return sent(sendto(lookup->fd, bytes, size, flags, (const struct sockaddr *)&lookup->to,
			   lookup->to_size));
}

static int send_asked(struct lookup *lookup)
{
	return send_to(lookup, message_bytes(&lookup->asked), lookup->asked.size, 0);
}

static int way_sendto(struct lookup *lookup)
{
	int r = open_datagram(lookup);

	return r < 0 ? r : send_asked(lookup);
}

/* The query in two pieces that part it in the middle of the name. */
static struct msghdr message_header(struct lookup *lookup, struct iovec pieces[static 2])
{
	uint8_t *bytes = lookup->asked.prefixed + 2;
	size_t first = lookup->asked.size / 2;

	pieces[0] = (struct iovec){ .iov_base = bytes, .iov_len = first };
	pieces[1] =
		(struct iovec){ .iov_base = bytes + first, .iov_len = lookup->asked.size - first };
	return (struct msghdr){ .msg_name = &lookup->to,
				.msg_namelen = lookup->to_size,
				.msg_iov = pieces,
				.msg_iovlen = 2 };
}

static int way_sendmsg(struct lookup *lookup)
{
	struct iovec pieces[2];
	struct msghdr header = message_header(lookup, pieces);
	int r = open_datagram(lookup);

	return r < 0 ? r : sent(sendmsg(lookup->fd, &header, 0));
}

/* An innocent query first, in the same call. */
static int way_sendmmsg(struct lookup *lookup)
{
	struct iovec pieces[2], innocent = { .iov_base = lookup->innocent.prefixed + 2,
					     .iov_len = lookup->innocent.size };
	struct mmsghdr headers[2] = { { .msg_hdr = { .msg_name = &lookup->to,
						     .msg_namelen = lookup->to_size,
						     .msg_iov = &innocent,
						     .msg_iovlen = 1 } },
				      { .msg_hdr = message_header(lookup, pieces) } };
	int r = open_datagram(lookup);

	if (r < 0)
		return r;
	r = sendmmsg(lookup->fd, headers, 2, 0);
	if (r < 0)
		return -errno;
	/* An error of the second is told by the next call on the socket only. */
	return r == 2 ? 0 : -EPERM;
}

static int way_connect_send(struct lookup *lookup)
{
	int r = open_connected(lookup);

	if (r < 0)
		return r;
	return sent(send(lookup->fd, message_bytes(&lookup->asked), lookup->asked.size, 0));
}

static int way_write(struct lookup *lookup)
{
	int r = open_connected(lookup);

	if (r < 0)
		return r;
	return sent(write(lookup->fd, message_bytes(&lookup->asked), lookup->asked.size));
}

static int way_writev(struct lookup *lookup)
{
	struct iovec pieces[2];
	int r = open_connected(lookup);

	(void)message_header(lookup, pieces);
	return r < 0 ? r : sent(writev(lookup->fd, pieces, 2));
}

/* Two calls, one packet. */
static int way_cork(struct lookup *lookup)
{
	const uint8_t *bytes = message_bytes(&lookup->asked);
	size_t first = lookup->asked.size / 2;
	int r = open_datagram(lookup);

	if (r == 0)
		r = send_to(lookup, bytes, first, MSG_MORE);
	return r < 0 ? r : send_to(lookup, bytes + first, lookup->asked.size - first, 0);
}

/* Without copying: the packet's pages are the program's. */
static int way_zerocopy(struct lookup *lookup)
{
	int r = open_datagram(lookup);

	if (r == 0)
		r = sent(setsockopt(lookup->fd, SOL_SOCKET, SO_ZEROCOPY, &(int){ 1 }, sizeof(int)));
	if (r < 0)
		return r;
	return send_to(lookup, message_bytes(&lookup->asked), lookup->asked.size, MSG_ZEROCOPY);
}

/* Through a pipe: the packet's data lies in pages beside it, not in its linear part. */
static int way_splice(struct lookup *lookup)
{
	struct iovec all = { .iov_base = lookup->asked.prefixed + 2,
			     .iov_len = lookup->asked.size };
	int ends[2], r = open_connected(lookup);

	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0 || vmsplice(ends[1], &all, 1, 0) < 0)
		return -errno;
	return sent(splice(ends[0], NULL, lookup->fd, NULL, lookup->asked.size, 0));
}

/* Two queries in one send, cut by the kernel (UDP_SEGMENT): all segments but the last have the
 * same size, so the innocent one is filled up with trailing bytes, or the asked one is. */
static int way_gso(struct lookup *lookup)
{
	uint8_t both[2 * SENDER_MESSAGE_MAX] = { 0 };
	size_t segment = lookup->asked.size > lookup->innocent.size ? lookup->asked.size
								    : lookup->innocent.size;
	int r = open_datagram(lookup);

	if (r == 0)
		r = sent(setsockopt(lookup->fd, IPPROTO_UDP, UDP_SEGMENT, &(int){ (int)segment },
				    sizeof(int)));
	if (r < 0)
		return r;
	memcpy(both, message_bytes(&lookup->innocent), lookup->innocent.size);
	memcpy(both + segment, message_bytes(&lookup->asked), lookup->asked.size);
	return send_to(lookup, both, segment + lookup->asked.size, 0);
}

/* IP header options: three no-operations and an end. */
static int way_ip_options(struct lookup *lookup)
{
	static const uint8_t options[] = { IPOPT_NOP, IPOPT_NOP, IPOPT_NOP, IPOPT_EOL };
	int r = open_datagram(lookup);

	if (r == 0)
		r = sent(setsockopt(lookup->fd, IPPROTO_IP, IP_OPTIONS, options, sizeof(options)));
	return r < 0 ? r : send_asked(lookup);
}

/* An IPv6 extension header of that kind: eight bytes, a padding option fills it (RFC 8200, 4.2). */
static int send_extended(struct lookup *lookup, int kind)
{
	static const uint8_t extension[] = { 0, 0, 1, 4, 0, 0, 0, 0 };
	int r = open_datagram(lookup);

	if (r == 0)
		r = sent(setsockopt(lookup->fd, IPPROTO_IPV6, kind, extension, sizeof(extension)));
	return r < 0 ? r : send_asked(lookup);
}

static int way_hopopts(struct lookup *lookup)
{
	return send_extended(lookup, IPV6_HOPOPTS);
}

static int way_dstopts(struct lookup *lookup)
{
	return send_extended(lookup, IPV6_DSTOPTS);
}

/* A raw socket and a UDP header of our own, without a checksum. */
static int way_raw(struct lookup *lookup)
{
	const struct sockaddr_in *to = (const struct sockaddr_in *)&lookup->to;
	struct udphdr header = { .uh_sport = htons(40000),
				 .uh_dport = to->sin_port,
				 .uh_ulen =
					 htons((uint16_t)(sizeof(header) + lookup->asked.size)) };
	uint8_t packet[sizeof(header) + SENDER_MESSAGE_MAX];
	int r = lookup_open(lookup, SOCK_RAW, IPPROTO_UDP);

	if (r < 0)
		return r;
	memcpy(packet, &header, sizeof(header));
	memcpy(packet + sizeof(header), message_bytes(&lookup->asked), lookup->asked.size);
	return send_to(lookup, packet, sizeof(header) + lookup->asked.size, 0);
}

static void *thread_run(void *userdata)
{
	struct lookup *lookup = userdata;

	lookup_announce(0);
	return send_asked(lookup) < 0 ? userdata : NULL;
}

/* From a second thread, on a socket that the first one opened. */
static int way_thread(struct lookup *lookup)
{
	pthread_t thread;
	void *failed = NULL;
	int r = open_datagram(lookup);

	if (r < 0)
		return r;
	r = -pthread_create(&thread, NULL, thread_run, lookup);
	if (r < 0)
		return r;
	(void)pthread_join(thread, &failed);
	return failed ? -EPERM : 0;
}

#ifdef WITH_URING
/* prepare: fills the submission; flags: IOSQE_*. */
static int uring_run(struct lookup *lookup,
		     void (*prepare)(struct io_uring_sqe *sqe, struct lookup *lookup),
		     unsigned flags)
{
	struct io_uring ring;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	int r = io_uring_queue_init(4, &ring, 0);

	if (r < 0)
		return r;
	sqe = io_uring_get_sqe(&ring);
	prepare(sqe, lookup);
	sqe->flags = (uint8_t)(sqe->flags | flags);
	r = io_uring_submit(&ring);
	if (r >= 0)
		r = io_uring_wait_cqe(&ring, &cqe);
	if (r >= 0)
		r = cqe->res < 0 ? cqe->res : 0;
	io_uring_queue_exit(&ring);
	return r;
}

static void prepare_send(struct io_uring_sqe *sqe, struct lookup *lookup)
{
	io_uring_prep_send(sqe, lookup->fd, message_bytes(&lookup->asked), lookup->asked.size, 0);
}

static void prepare_sendmsg(struct io_uring_sqe *sqe, struct lookup *lookup)
{
	static struct iovec pieces[2];
	static struct msghdr header;

	header = message_header(lookup, pieces);
	io_uring_prep_sendmsg(sqe, lookup->fd, &header, 0);
}

static int way_uring_send(struct lookup *lookup)
{
	int r = open_connected(lookup);

	return r < 0 ? r : uring_run(lookup, prepare_send, 0);
}

static int way_uring_sendmsg(struct lookup *lookup)
{
	int r = open_datagram(lookup);

	return r < 0 ? r : uring_run(lookup, prepare_sendmsg, 0);
}

/* By a worker thread that the kernel makes for the process. */
static int way_uring_async(struct lookup *lookup)
{
	int r = open_datagram(lookup);

	return r < 0 ? r : uring_run(lookup, prepare_sendmsg, IOSQE_ASYNC);
}
#endif

const struct way datagram_ways[] = {
	{ "sendto", way_sendto, false },
	{ "sendmsg", way_sendmsg, false },
	{ "sendmmsg", way_sendmmsg, false },
	{ "connect-send", way_connect_send, false },
	{ "write", way_write, false },
	{ "writev", way_writev, false },
	{ "cork", way_cork, false },
	{ "zerocopy", way_zerocopy, false },
	{ "splice", way_splice, false },
	{ "gso", way_gso, false },
	{ "ip-options", way_ip_options, false },
	{ "hopopts", way_hopopts, false },
	{ "dstopts", way_dstopts, false },
	{ "raw", way_raw, false },
	{ "thread", way_thread, true },
#ifdef WITH_URING
	{ "uring-send", way_uring_send, false },
	{ "uring-sendmsg", way_uring_sendmsg, false },
	{ "uring-async", way_uring_async, false },
#endif
	{ NULL, NULL, false },
};
