/* SPDX-License-Identifier: Apache-2.0
 *
 * Test program: makes one DNS lookup in one given way, building the query itself, and exits at
 * once. It is what the agent must name in a finding, so it says who it is before it sends.
 *
 *	sender [-w SECONDS] WAY[/FORM] ADDRESS PORT NAME
 *	sender -l                                    lists ways and forms
 *
 * With -w it waits for answers and prints a second line: the send's error, and which ids were
 * answered how. Started by the tests, which control all of its input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/system/sender.h"

#define REPLY_MAX  2048
#define MODE_MAX   64
#define ANSWER_MAX 8 /* more than any way sends questions */

static const struct way *const way_tables[] = { datagram_ways, stream_ways, handed_ways };

static const struct way *way_find(const char *name)
{
	for (size_t i = 0; i < sizeof(way_tables) / sizeof(way_tables[0]); i++)
		for (const struct way *way = way_tables[i]; way->name; way++)
			if (strcmp(way->name, name) == 0)
				return way;
	return NULL;
}

static void list_modes(void)
{
	for (size_t i = 0; i < sizeof(way_tables) / sizeof(way_tables[0]); i++)
		for (const struct way *way = way_tables[i]; way->name; way++)
			printf("way %s\n", way->name);
	message_list_forms();
}

void lookup_announce(pid_t opener)
{
	char exe[512], line[1024];
	ssize_t size = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int length;

	exe[size < 0 ? 0 : size] = '\0';
	length = snprintf(line, sizeof(line),
			  "{\"pid\": %d, \"tid\": %d, \"opener\": %d, \"exe\": \"%s\"}\n", getpid(),
			  gettid(), opener, exe);
	if (length > 0 && write(STDOUT_FILENO, line, (size_t)length) != length)
		exit(EXIT_FAILURE);
}

int lookup_open(struct lookup *lookup, int type, int protocol)
{
	lookup->fd = socket(lookup->to.ss_family, type | SOCK_CLOEXEC, protocol);
	lookup->stream = type == SOCK_STREAM;
	return lookup->fd < 0 ? -errno : 0;
}

int lookup_connect(struct lookup *lookup)
{
	int r = connect(lookup->fd, (const struct sockaddr *)&lookup->to, lookup->to_size);

	return r < 0 ? -errno : 0;
}

static int parse_destination(const char *address, const char *port, struct lookup *lookup)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&lookup->to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&lookup->to;
	uint16_t number = htons((uint16_t)strtoul(port, NULL, 10));

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		lookup->to_size = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
		lookup->to_size = sizeof(*v6);
		return 0;
	}
	return -EINVAL;
}

/* Prints what is in one read: over TCP that may be several answers, each after its length. */
static void print_answers(const uint8_t *bytes, size_t size, bool stream, int *printed)
{
	size_t at = 0;

	while (at + (stream ? 2U : 0U) + 12 <= size && *printed < ANSWER_MAX) {
		size_t length = stream ? (size_t)(bytes[at] << 8 | bytes[at + 1]) : size;
		const uint8_t *answer = bytes + at + (stream ? 2 : 0);

		printf("%s{\"id\": %d, \"rcode\": %d}", *printed ? ", " : "",
		       answer[0] << 8 | answer[1], answer[3] & 15);
		(*printed)++;
		at += length + (stream ? 2 : 0);
	}
}

static int64_t milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void print_outcome(const struct lookup *lookup, int error, double seconds)
{
	int64_t end = milliseconds() + (int64_t)(seconds * 1000);
	int printed = 0, receive_error = 0;

	printf("{\"error\": %d, \"answers\": [", -error);
	while (lookup->fd >= 0 && error == 0 && printed < ANSWER_MAX) {
		struct pollfd poller = { .fd = lookup->fd, .events = POLLIN };
		int64_t left = end - milliseconds();
		uint8_t bytes[REPLY_MAX];
		ssize_t size;

		if (left <= 0 || poll(&poller, 1, (int)left) <= 0)
			break;
		/* Of a send without copying, the end is told by the error queue first. */
		if (poller.revents & POLLERR)
			(void)recv(lookup->fd, bytes, sizeof(bytes), MSG_ERRQUEUE | MSG_DONTWAIT);
		size = recv(lookup->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (size < 0 && errno == EAGAIN)
			continue;
		if (size <= 0) {
			receive_error = size < 0 ? errno : 0;
			break;
		}
		print_answers(bytes, (size_t)size, lookup->stream, &printed);
	}
	printf("], \"receive_error\": %d}\n", receive_error);
}

static int usage(void)
{
	fprintf(stderr, "usage: sender [-w SECONDS] WAY[/FORM] ADDRESS PORT NAME\n"
			"       sender -l\n");
	return 2;
}

int main(int argc, char **argv)
{
	static struct lookup lookup = { .fd = -1 };
	char mode[MODE_MAX], *form;
	const struct way *way;
	double wait = -1;
	int option, r;

	while ((option = getopt(argc, argv, "lw:")) != -1) {
		if (option == 'l') {
			list_modes();
			return 0;
		}
		if (option != 'w')
			return usage();
		wait = strtod(optarg, NULL);
	}
	if (argc - optind != 4)
		return usage();
	(void)snprintf(mode, sizeof(mode), "%s", argv[optind]);
	form = strchr(mode, '/');
	if (form)
		*form++ = '\0';
	lookup.arguments = argv + optind;
	way = way_find(mode);
	if (!way || parse_destination(argv[optind + 1], argv[optind + 2], &lookup) < 0 ||
	    message_build(form ? form : "plain", argv[optind + 3], SENDER_ID_ASKED, &lookup.asked) <
		    0 ||
	    message_build("plain", "innocent.example", SENDER_ID_INNOCENT, &lookup.innocent) < 0) {
		fprintf(stderr, "sender: no such way, form, address or name\n");
		return 2;
	}
	if (!way->announces)
		lookup_announce(0);
	r = way->send(&lookup);
	if (wait >= 0)
		print_outcome(&lookup, r, wait);
	else if (r < 0)
		fprintf(stderr, "sender: %s: %s\n", mode, strerror(-r));
	return r < 0;
}
