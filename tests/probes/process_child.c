/* SPDX-License-Identifier: Apache-2.0 */
#include "process_child.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/domain_name.h"
#include "packet_build.h"

static const struct sockaddr_in resolver = {
	.sin_family = AF_INET,
	.sin_port = 0x3500, /* 53 on the wire */
	.sin_addr = { .s_addr = 0x0100007f },
};

struct asked {
	int fd;
	struct message message;
};

typedef int (*child_way)(struct asked *asked);

static int resolver_connect(const struct asked *asked)
{
	return connect(asked->fd, (const struct sockaddr *)&resolver, sizeof(resolver));
}

static int way_sendto(struct asked *asked)
{
	return sendto(asked->fd, asked->message.bytes, asked->message.size, 0,
		      (const struct sockaddr *)&resolver, sizeof(resolver)) < 0;
}

static int way_connect_send(struct asked *asked)
{
	return resolver_connect(asked) < 0 ||
	       send(asked->fd, asked->message.bytes, asked->message.size, 0) < 0;
}

static int way_connect_write(struct asked *asked)
{
	return resolver_connect(asked) < 0 ||
	       write(asked->fd, asked->message.bytes, asked->message.size) < 0;
}

static void *thread_sendto(void *argument)
{
	return way_sendto(argument) ? argument : NULL;
}

static int way_thread(struct asked *asked)
{
	pthread_t thread;
	void *failed = asked;

	return pthread_create(&thread, NULL, thread_sendto, asked) != 0 ||
	       pthread_join(thread, &failed) != 0 || failed;
}

const char *const child_ways[] = { "sendto", "connect+send", "connect+write", "thread" };
static const child_way ways[] = { way_sendto, way_connect_send, way_connect_write, way_thread };
const size_t child_ways_count = ELEMENTS(child_ways);

int child_run(const char *way, const char *name)
{
	CLEANUP(close_cleanup) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct asked asked = { .fd = fd };
	struct domain_name qname;

	if (fd < 0 || domain_name_parse(name, &qname) < 0)
		return 1;
	message_query(&asked.message, &qname);
	for (size_t i = 0; i < ELEMENTS(ways); i++)
		if (strcmp(way, child_ways[i]) == 0 && ways[i](&asked) != 0)
			return 1;
	(void)raise(SIGSTOP);
	return 1;
}

int child_main(int argc, char **argv)
{
	return argc < 4 ? 1 : child_run(argv[2], argv[3]);
}
