/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections for the benchmark: a server on loopback, and clients that open short connections or
 * send through one.
 *
 *	connections serve PORT			answers requests of both kinds until it is killed
 *	connections rate PORT SECONDS [hello]	connect, one request, close, again; prints how many
 *a second. The request is HTTP, or a TLS hello. connections bulk PORT SECONDS		one
 *connection, as fast as it goes; prints bytes a second
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
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

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static double now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
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

static int serve(int port)
{
	struct sockaddr_in address = loopback(port);
	struct epoll_event events[64], event = { .events = EPOLLIN };
	int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0), one = 1;

	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
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

static int client_open(int epoll, const struct sockaddr_in *server)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLONESHOT };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fail("socket");
	if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0 &&
	    errno != EINPROGRESS)
		return fail("connect");
	event.data.fd = fd;
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* One step of a client: its request, or the answer and the next connection. 1: one is done. */
static int client_step(int epoll, const struct epoll_event *ready, const void *request, size_t size,
		       const struct sockaddr_in *server)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data = ready->data };
	struct linger linger = { .l_onoff = 1 }; /* no port is left waiting */
	char answer[256];

	if (ready->events & EPOLLOUT) {
		if (send(ready->data.fd, request, size, MSG_NOSIGNAL) < 0)
			return fail("send");
		(void)epoll_ctl(epoll, EPOLL_CTL_MOD, ready->data.fd, &event);
		return 0;
	}
	if (recv(ready->data.fd, answer, sizeof(answer), 0) <= 0)
		return fail("recv");
	(void)setsockopt(ready->data.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	(void)close(ready->data.fd);
	(void)client_open(epoll, server);
	return 1;
}

static int rate(int port, double seconds, bool tls)
{
	struct sockaddr_in server = loopback(port);
	struct epoll_event events[CLIENTS];
	uint8_t hello[600];
	size_t size = tls ? hello_make(hello) : sizeof(http_request) - 1;
	const void *request = tls ? (const void *)hello : http_request;
	double begin = now();
	uint64_t done = 0;
	int epoll = epoll_create1(0);

	for (int i = 0; i < CLIENTS; i++)
		(void)client_open(epoll, &server);
	while (now() < begin + seconds) {
		int count = epoll_wait(epoll, events, CLIENTS, 1000);

		for (int i = 0; i < count; i++)
			done += (uint64_t)client_step(epoll, &events[i], request, size, &server);
	}
	(void)printf("%.0f\n", (double)done / (now() - begin));
	return 0;
}

static int bulk(int port, double seconds)
{
	static char chunk[BULK_CHUNK];
	struct sockaddr_in server = loopback(port);
	double begin = now();
	uint64_t sent = 0;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(chunk, 0xc3, sizeof(chunk));
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) < 0)
		return fail("connect");
	while (now() < begin + seconds) {
		ssize_t n = send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL);

		if (n < 0)
			return fail("send");
		sent += (uint64_t)n;
	}
	(void)printf("%.0f\n", (double)sent / (now() - begin));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		return serve(atoi(argv[2]));
	if (argc >= 4 && strcmp(argv[1], "rate") == 0)
		return rate(atoi(argv[2]), atof(argv[3]), argc > 4);
	if (argc == 4 && strcmp(argv[1], "bulk") == 0)
		return bulk(atoi(argv[2]), atof(argv[3]));
	(void)fprintf(stderr, "usage: connections serve PORT | rate PORT SECONDS [hello] | "
			      "bulk PORT SECONDS\n");
	return 2;
}
