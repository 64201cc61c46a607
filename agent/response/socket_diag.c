/* SPDX-License-Identifier: Apache-2.0 */
#include "response/socket_diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* A found socket is told with its addresses and its memory: below 200 bytes. */
#define REPLY_SIZE 1024

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 diag;
};

static struct request request_make(uint16_t type, uint16_t flags, uint8_t protocol,
				   const struct dns_answer_ends *ends)
{
	return (struct request){
		.header = { .nlmsg_len = sizeof(struct request),
			    .nlmsg_type = type,
			    .nlmsg_flags = NLM_F_REQUEST | flags },
		.diag = { .sdiag_family = address_is_ipv4(&ends->client) ? AF_INET : AF_INET6,
			  .sdiag_protocol = protocol,
			  .idiag_states = ~0U },
	};
}

static void cookie_fill(struct inet_diag_sockid *id, uint64_t cookie)
{
	id->idiag_cookie[0] = cookie ? (uint32_t)cookie : INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = cookie ? (uint32_t)(cookie >> 32) : INET_DIAG_NOCOOKIE;
}

/* IPv4 addresses stand in the first word. */
static void address_fill(__be32 out[static 4], const struct address *address)
{
	size_t skip = address_is_ipv4(address) ? 12 : 0;

	memcpy(out, address->bytes + skip, 16 - skip);
}

/* The kernel's word: 0 for an acknowledgement or an answer, or its error. */
static int request_send(int fd, const struct request *request)
{
	union {
		struct nlmsghdr header;
		struct {
			struct nlmsghdr header;
			struct nlmsgerr error;
		} error;
		char bytes[REPLY_SIZE];
	} reply;
	ssize_t n;

	if (fd < 0)
		return -EPROTONOSUPPORT;
	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		return -errno;
	n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(reply.header))
		return -EBADMSG;
	if (reply.header.nlmsg_type == request->header.nlmsg_type)
		return 0;
	if ((size_t)n < sizeof(reply.error) || reply.header.nlmsg_type != NLMSG_ERROR)
		return -EBADMSG;
	return reply.error.error.error;
}

int socket_diag_find(int fd, const struct dns_answer_ends *ends, uint64_t cookie)
{
	struct request request = request_make(SOCK_DIAG_BY_FAMILY, 0, IPPROTO_UDP, ends);
	struct inet_diag_sockid *id = &request.diag.id;

	/* Of UDP sockets the kernel takes source and destination as a packet to them has them
	 * (udp_dump_one(): "swapped for historical reasons"). */
	id->idiag_sport = htons(ends->server_port);
	id->idiag_dport = htons(ends->client_port);
	address_fill(id->idiag_src, &ends->server);
	address_fill(id->idiag_dst, &ends->client);
	cookie_fill(id, cookie);
	return request_send(fd, &request);
}

int socket_diag_destroy(int fd, uint8_t protocol, const struct dns_answer_ends *ends,
			uint64_t cookie)
{
	struct request request = request_make(SOCK_DESTROY, NLM_F_ACK, protocol, ends);
	struct inet_diag_sockid *id = &request.diag.id;

	id->idiag_sport = htons(ends->client_port);
	id->idiag_dport = htons(ends->server_port);
	address_fill(id->idiag_src, &ends->client);
	address_fill(id->idiag_dst, &ends->server);
	cookie_fill(id, cookie);
	return request_send(fd, &request);
}
