/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections for the benchmark: a server, and clients that open short connections or send through
 * one. ADDRESS is the server's (IPv4).
 *
 *	connections serve ADDRESS PORT	answers requests of all kinds until it is killed
 *	connections http ADDRESS PORT	connect, one request, close, again
 *	connections hello ADDRESS PORT	the same with a TLS hello
 *	connections bulk ADDRESS PORT	one connection, as fast as it goes
 *
 * A client works for as many seconds as each line of its standard input says, and then prints how
 * many connections it made or bytes it sent, and the CPU time of it in seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BULK_CHUNK 65536
#define CLIENTS	   16 /* at a time, so that the server always has something to do */

static const char http_request[] = "GET /index.html HTTP/1.1\r\n"
				   "Host: www.innocent.example\r\n"
				   "User-Agent: bench/1.0\r\n"
				   "Accept: */*\r\n\r\n";
static const char http_answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static int fail(const char *what)
{
	perror(what);
	exit(2);
}

static double now(clockid_t clock)
{
	struct timespec time;

	(void)clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Answers the first bytes of a connection; what comes after them is read and thrown away. */
static void server_read(int epoll, int fd)
{
	static char buffer[BULK_CHUNK];
	ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

	if (n <= 0) {
		(void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
		(void)close(fd);
	} else if (n < 4096) {
		(void)send(fd, http_answer, sizeof(http_answer) - 1, MSG_NOSIGNAL);
	}
}

static int serve(const struct sockaddr_in *address)
{
	struct epoll_event events[64], event = { .events = EPOLLIN };
	int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0), one = 1;

	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
	    listen(listener, 1024) < 0)
		return fail("listen");
	event.data.fd = listener;
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	(void)printf("ready\n");
	(void)fflush(stdout);
	for (;;) {
		int count = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd != listener) {
				server_read(epoll, events[i].data.fd);
				continue;
			}
			event.data.fd = accept(listener, NULL, NULL);
			if (event.data.fd >= 0)
				(void)epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
		}
	}
}

/* A TLS 1.3 hello of ordinary size with a server name; the rest is padding (RFC 7685). */
static size_t hello_make(uint8_t hello[static 600])
{
	static const uint8_t head[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3 };
	static const uint8_t suites[] = { 0, 2, 0x13, 1, 1, 0 };
	static const char name[] = "www.innocent.example";
	size_t at = sizeof(head) + 32, room, length = sizeof(name) - 1;

	memset(hello, 0, 600);
	memcpy(hello, head, sizeof(head));
	hello[at++] = 0; /* no session */
	memcpy(hello + at, suites, sizeof(suites));
	at += sizeof(suites);
	room = 517 - at - 2;
	hello[at++] = (uint8_t)(room >> 8);
	hello[at++] = (uint8_t)room;
	memcpy(hello + at,
	       (uint8_t[]){ 0, 0, 0, (uint8_t)(length + 5), 0, (uint8_t)(length + 3), 0, 0,
			    (uint8_t)length },
	       9);
	memcpy(hello + at + 9, name, length);
	at += 9 + length;
	hello[at + 1] = 21;
	hello[at + 2] = (uint8_t)((517 - at - 4) >> 8);
	hello[at + 3] = (uint8_t)(517 - at - 4);
	return 517;
}

struct client {
	struct sockaddr_in server;
	const void *request;
	size_t size;
	int epoll, stream; /* of short connections, of the one */
};

static int client_open(const struct client *client)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLONESHOT };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail("socket");
	if (connect(fd, (const struct sockaddr *)&client->server, sizeof(client->server)) < 0 &&
	    errno != EINPROGRESS)
		return fail("connect");
	event.data.fd = fd;
	return epoll_ctl(client->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* One step of a client: its request, or the answer and the next connection. 1: one is done. */
static int client_step(const struct client *client, const struct epoll_event *ready)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data = ready->data };
	struct linger linger = { .l_onoff = 1 }; /* no port is left waiting */
	char answer[256];

	if (ready->events & EPOLLOUT) {
		if (send(ready->data.fd, client->request, client->size, MSG_NOSIGNAL) < 0)
			return fail("send");
		(void)epoll_ctl(client->epoll, EPOLL_CTL_MOD, ready->data.fd, &event);
		return 0;
	}
	if (recv(ready->data.fd, answer, sizeof(answer), 0) <= 0)
		return fail("recv");
	(void)setsockopt(ready->data.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)close(ready->data.fd);
	(void)client_open(client);
	return 1;
}

static uint64_t work_short(const struct client *client, double end)
{
	struct epoll_event events[CLIENTS];
	uint64_t done = 0;

	while (now(CLOCK_MONOTONIC) < end) {
		int count = epoll_wait(client->epoll, events, CLIENTS, 1000);

		for (int i = 0; i < count; i++)
			done += (uint64_t)client_step(client, &events[i]);
	}
	return done;
}

static uint64_t work_bulk(const struct client *client, double end)
{
	uint64_t sent = 0;

	while (now(CLOCK_MONOTONIC) < end) {
		ssize_t n = send(client->stream, client->request, client->size, MSG_NOSIGNAL);

		if (n < 0)
			return (uint64_t)fail("send");
		sent += (uint64_t)n;
	}
	return sent;
}

static int work(const struct client *client,
		uint64_t (*kind)(const struct client *client, double end))
{
	double seconds, begin, cpu;

	while (scanf("%lf", &seconds) == 1) {
		begin = now(CLOCK_MONOTONIC);
		cpu = now(CLOCK_PROCESS_CPUTIME_ID);
		(void)printf("%llu", (unsigned long long)kind(client, begin + seconds));
		(void)printf(" %.9f\n", now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
		(void)fflush(stdout);
	}
	return 0;
}

static int clients_short(struct client *client)
{
	client->epoll = epoll_create1(0);
	for (int i = 0; i < CLIENTS; i++)
		(void)client_open(client);
	return work(client, work_short);
}

static int client_bulk(struct client *client)
{
	static char chunk[BULK_CHUNK];

	memset(chunk, 0xc3, sizeof(chunk));
	client->request = chunk;
	client->size = sizeof(chunk);
	client->stream = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(client->stream, (struct sockaddr *)&client->server, sizeof(client->server)) < 0)
		return fail("connect");
	return work(client, work_bulk);
}

int main(int argc, char **argv)
{
	struct client client = { .server.sin_family = AF_INET,
				 .request = http_request,
				 .size = sizeof(http_request) - 1 };
	const char *kind = argc == 4 ? argv[1] : "";
	uint8_t hello[600];

	if (argc == 4 && inet_pton(AF_INET, argv[2], &client.server.sin_addr) != 1)
		kind = "";
	if (argc == 4)
		client.server.sin_port = htons((uint16_t)atoi(argv[3]));
	if (strcmp(kind, "serve") == 0)
		return serve(&client.server);
	if (strcmp(kind, "http") == 0)
		return clients_short(&client);
	if (strcmp(kind, "hello") == 0) {
		client.size = hello_make(hello);
		client.request = hello;
		return clients_short(&client);
	}
	if (strcmp(kind, "bulk") == 0)
		return client_bulk(&client);
	(void)fprintf(stderr, "usage: connections serve|http|hello|bulk ADDRESS PORT\n");
	return 2;
}
