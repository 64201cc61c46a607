/* SPDX-License-Identifier: Apache-2.0
 *
 * Test program: a DNS server for tests on loopback. Answers every question over UDP and TCP, IPv4
 * and IPv6, with "no such name", or with an address.
 *
 *	responder [-a IPV4] PORT
 *
 * Prints "ready" when it listens, and serves until its standard input is closed: it ends with the
 * test that started it. Queries are answered by copying them, whatever they are: it is no judge of
 * messages. What it is sent comes from tests only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_SIZE  12
#define MESSAGE_MAX  4096
#define ANSWER_SIZE  16 /* pointer, type, class, time to live, length, address */
#define CLIENTS_MAX  64 /* further connections wait in the backlog */
#define BURST	     64 /* datagrams taken in a row before connections get their turn */
#define RECEIVE_ROOM (4 * 1024 * 1024)

enum {
	POLL_INPUT,
	POLL_DATAGRAM,
	POLL_LISTEN,
	POLL_CLIENTS,
	POLL_SIZE = POLL_CLIENTS + CLIENTS_MAX,
};

struct client {
	uint8_t bytes[2 + MESSAGE_MAX];
	size_t size;
};

struct responder {
	bool has_address;
	struct in_addr address;
	struct pollfd poll[POLL_SIZE];
	struct client clients[CLIENTS_MAX];
};

/* Where the first question ends, 0 when there is none. */
static size_t question_end(const uint8_t *message, size_t size)
{
	size_t at = HEADER_SIZE;

	while (at < size && message[at] && message[at] < 64)
		at += 1 + (size_t)message[at];
	return at + 5 <= size && message[at] == 0 ? at + 5 : 0;
}

/* Turns the query into its answer in place; message has ANSWER_SIZE bytes of room after size. */
static size_t answer(const struct responder *responder, uint8_t *message, size_t size)
{
	static const uint8_t record[] = { 0xc0, HEADER_SIZE, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4 };
	size_t end = question_end(message, size);
	bool is_a = end && message[end - 3] == 1 && message[end - 4] == 0;

	message[2] |= 0x80;
	if (!responder->has_address) {
		message[3] = 3;
		return size;
	}
	message[3] = 0;
	if (!is_a)
		return size;
	/* Only the question is kept: an OPT record would have to follow the answer. */
	memset(message + 4, 0, 8);
	message[5] = message[7] = 1;
	memcpy(message + end, record, sizeof(record));
	memcpy(message + end + sizeof(record), &responder->address, 4);
	return end + ANSWER_SIZE;
}

static void serve_datagrams(const struct responder *responder, int fd)
{
	for (int i = 0; i < BURST; i++) {
		uint8_t message[MESSAGE_MAX + ANSWER_SIZE];
		struct sockaddr_in6 from;
		socklen_t from_size = sizeof(from);
		ssize_t size = recvfrom(fd, message, MESSAGE_MAX, MSG_DONTWAIT,
					(struct sockaddr *)&from, &from_size);

		if (size < 0)
			return;
		if (size < HEADER_SIZE || message[2] & 0x80)
			continue;
		(void)sendto(fd, message, answer(responder, message, (size_t)size), 0,
			     (struct sockaddr *)&from, from_size);
	}
}

/* Answers the whole messages that came so far; false when the connection is to be closed. */
static bool client_answer(const struct responder *responder, int fd, struct client *client)
{
	while (client->size >= 2) {
		size_t length = (size_t)(client->bytes[0] << 8 | client->bytes[1]);
		uint8_t reply[2 + MESSAGE_MAX + ANSWER_SIZE];
		size_t size;

		if (length < HEADER_SIZE || length > MESSAGE_MAX)
			return false;
		if (client->size < 2 + length)
			return true;
		memcpy(reply + 2, client->bytes + 2, length);
		size = answer(responder, reply + 2, length);
		reply[0] = (uint8_t)(size >> 8);
		reply[1] = (uint8_t)size;
		if (send(fd, reply, 2 + size, MSG_NOSIGNAL) < 0)
			return false;
		client->size -= 2 + length;
		memmove(client->bytes, client->bytes + 2 + length, client->size);
	}
	return true;
}

static void serve_client(struct responder *responder, size_t slot)
{
	struct client *client = &responder->clients[slot];
	struct pollfd *poller = &responder->poll[POLL_CLIENTS + slot];
	ssize_t size = recv(poller->fd, client->bytes + client->size,
			    sizeof(client->bytes) - client->size, 0);

	if (size > 0) {
		client->size += (size_t)size;
		if (client_answer(responder, poller->fd, client))
			return;
	}
	(void)close(poller->fd);
	poller->fd = -1;
}

static void accept_client(struct responder *responder)
{
	for (size_t slot = 0; slot < CLIENTS_MAX; slot++) {
		struct pollfd *poller = &responder->poll[POLL_CLIENTS + slot];

		if (poller->fd >= 0)
			continue;
		responder->clients[slot].size = 0;
		poller->fd = accept(responder->poll[POLL_LISTEN].fd, NULL, NULL);
		poller->events = POLLIN;
		return;
	}
	/* All slots are taken by idle connections: the first one goes. */
	(void)close(responder->poll[POLL_CLIENTS].fd);
	responder->poll[POLL_CLIENTS].fd = -1;
}

static int open_socket(int type, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_addr = in6addr_any,
				    .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type, 0);

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ RECEIVE_ROOM }, sizeof(int)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)) {
		perror("responder");
		exit(EXIT_FAILURE);
	}
	return fd;
}

static void serve(struct responder *responder)
{
	while (poll(responder->poll, POLL_SIZE, -1) >= 0 || errno == EINTR) {
		if (responder->poll[POLL_INPUT].revents)
			return;
		if (responder->poll[POLL_DATAGRAM].revents)
			serve_datagrams(responder, responder->poll[POLL_DATAGRAM].fd);
		for (size_t slot = 0; slot < CLIENTS_MAX; slot++)
			if (responder->poll[POLL_CLIENTS + slot].fd >= 0 &&
			    responder->poll[POLL_CLIENTS + slot].revents)
				serve_client(responder, slot);
		if (responder->poll[POLL_LISTEN].revents)
			accept_client(responder);
	}
}

int main(int argc, char **argv)
{
	static struct responder responder;
	uint16_t port;

	if (argc == 4 && strcmp(argv[1], "-a") == 0)
		responder.has_address = inet_pton(AF_INET, argv[2], &responder.address) == 1;
	if (argc != 2 && !responder.has_address) {
		fprintf(stderr, "usage: responder [-a IPV4] PORT\n");
		return 2;
	}
	port = (uint16_t)strtoul(argv[argc - 1], NULL, 10);
	for (size_t i = 0; i < POLL_SIZE; i++)
		responder.poll[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
	responder.poll[POLL_INPUT].fd = STDIN_FILENO;
	responder.poll[POLL_DATAGRAM].fd = open_socket(SOCK_DGRAM, port);
	responder.poll[POLL_LISTEN].fd = open_socket(SOCK_STREAM, port);
	puts("ready");
	(void)fflush(stdout);
	serve(&responder);
	return 0;
}
