/* SPDX-License-Identifier: Apache-2.0 */
#include "response/block.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "response/dns_answer.h"
#include "response/namespace.h"
#include "response/socket_diag.h"
#include "sensor/process.h"

/* Failures come as fast as lookups do; the log gets one line in this time. */
#define LOG_PAUSE (60 * NS_PER_SECOND)

struct block {
	struct namespace_cache *namespaces;
	struct block_statistics statistics;
	uint64_t second; /* of the boot clock, that told belongs to */
	unsigned told;
	uint64_t logged; /* boot clock, when a failure was last logged; 0: never */
};

int block_open(sd_event *loop, struct block **ret)
{
	CLEANUP(free_cleanup) struct block *block = calloc(1, sizeof(*block));
	int r;

	if (!block)
		return -ENOMEM;
	r = namespace_cache_open(loop, &block->namespaces);
	if (r < 0)
		return r;
	*ret = take_ptr(block);
	return 0;
}

void block_close(struct block *block)
{
	if (!block)
		return;
	namespace_cache_close(block->namespaces);
	free(block);
}

void block_statistics(const struct block *block, struct block_statistics *ret)
{
	*ret = block->statistics;
}

/* A socket address of either family, for bind and send. */
static socklen_t socket_address(const struct address *address, struct sockaddr_storage *ret)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	memset(ret, 0, sizeof(*ret));
	if (address_is_ipv4(address)) {
		memcpy(&in.sin_addr, address->bytes + 12, 4);
		memcpy(ret, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, address->bytes, 16);
	memcpy(ret, &in6, sizeof(in6));
	return sizeof(in6);
}

/* Writes the answer as a raw packet to the client. It comes in over the loopback interface with
 * its route already chosen, so neither rp_filter nor the check for loopback sources looks at it. */
static int answer_send(const struct namespace_sockets *sockets, const struct event *event,
		       const struct dns_answer_ends *ends)
{
	int fd = address_is_ipv4(&ends->client) ? sockets->raw4 : sockets->raw6;
	uint8_t datagram[DNS_ANSWER_DATAGRAM_MAX];
	struct sockaddr_storage to;
	ssize_t length, n;
	socklen_t size;
	int r;

	length = dns_answer_datagram(event, ends, datagram, sizeof(datagram));
	if (length < 0)
		return (int)length;
	if (fd < 0)
		return -EAFNOSUPPORT;
	size = socket_address(&ends->client, &to);
	/* The kernel binds only to addresses of this namespace: if the process was not known and we
	 * are in the wrong one, the forged packet must not get onto a wire. */
	if (bind(fd, (const struct sockaddr *)&to, size) < 0)
		return -errno;
	/* With nobody at the port the kernel would tell the server so, and quote the answer: the
	 * name that was blocked would get out after all. */
	r = socket_diag_find(sockets->diag, ends, event->socket_cookie);
	if (r < 0)
		return r;
	n = sendto(fd, datagram, (size_t)length, MSG_NOSIGNAL, (const struct sockaddr *)&to, size);
	return n < 0 ? -errno : 0;
}

/* Over UDP: nobody waits at a group's address, and a link-local one says nothing without its
 * interface, which events do not carry. A message without a readable question is not a
 * resolver's. */
static bool event_tellable(const struct event *event, const struct dns_answer_ends *ends)
{
	const uint8_t *server = ends->server.bytes, *client = ends->client.bytes;

	if (event->protocol == IPPROTO_TCP)
		return true;
	if (event->protocol != IPPROTO_UDP || event->name.length == 0 || ends->client_port == 0)
		return false;
	if (address_is_ipv4(&ends->server))
		return server[12] < 224;
	return server[0] != 0xff && !(client[0] == 0xfe && (client[1] & 0xc0) == 0x80);
}

static bool budget_take(struct block *block)
{
	uint64_t second = clock_boottime() / NS_PER_SECOND;

	if (second != block->second) {
		block->second = second;
		block->told = 0;
	}
	if (block->told >= BLOCK_RATE)
		return false;
	block->told++;
	return true;
}

/* The thread that sent it is in the socket's namespace even where its process's other threads are
 * not. */
static pid_t event_asker(const struct event *event)
{
	if (event->tid > 0)
		return event->tid;
	return event->process ? event->process->pid : 0;
}

static void outcome_count(struct block *block, const struct event *event, int r)
{
	struct block_statistics *statistics = &block->statistics;

	if (r >= 0) {
		*(event->protocol == IPPROTO_UDP ? &statistics->answered
						 : &statistics->destroyed) += 1;
		return;
	}
	/* It had ended, or had closed its socket, before its turn came: glibc does. */
	if (r == -ENOENT || r == -ESRCH || r == -ESTALE) {
		statistics->gone++;
		return;
	}
	if (r == -EBUSY) {
		statistics->limited++;
		return;
	}
	/* Its process is not known, and its namespace not ours. */
	if (r == -EADDRNOTAVAIL) {
		statistics->skipped++;
		return;
	}
	statistics->failed++;
	if (block->logged && clock_boottime() - block->logged < LOG_PAUSE)
		return;
	block->logged = clock_boottime();
	(void)log_errno(LOG_WARNING, r, "cannot tell a program that its lookup was blocked");
}

void block_fail_fast(struct block *block, const struct event *event)
{
	const struct namespace_sockets *sockets;
	struct dns_answer_ends ends;
	int r;

	if (event->disposition != EVENT_BLOCKED)
		return;
	if (!dns_answer_ends(event, &ends) || !event_tellable(event, &ends)) {
		block->statistics.skipped++;
		return;
	}
	if (!budget_take(block)) {
		block->statistics.limited++;
		return;
	}
	r = namespace_find(block->namespaces, event_asker(event), &sockets);
	if (r >= 0 && event->protocol == IPPROTO_UDP)
		r = answer_send(sockets, event, &ends);
	else if (r >= 0)
		r = socket_diag_destroy(sockets->diag, IPPROTO_TCP, &ends, event->socket_cookie);
	outcome_count(block, event, r);
}
