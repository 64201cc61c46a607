/* SPDX-License-Identifier: Apache-2.0
 *
 * Test program: asks for names at a steady rate, over one UDP socket, in turn.
 *
 *	flood RATE SECONDS ADDRESS PORT NAME...
 *
 * Prints how many queries the kernel took: {"sent": N, "refused": N}. Started by the tests.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/system/sender.h"

#define TICKS 1000 /* bursts in a second */

struct flood {
	int fd;
	struct sockaddr_in to;
	struct message *messages;
	size_t count, next;
	unsigned long sent, refused;
};

static void send_burst(struct flood *flood, unsigned long size)
{
	while (size--) {
		const struct message *message = &flood->messages[flood->next];

		flood->next = (flood->next + 1) % flood->count;
		if (sendto(flood->fd, message_bytes(message), message->size, 0,
			   (const struct sockaddr *)&flood->to, sizeof(flood->to)) < 0)
			flood->refused++;
		else
			flood->sent++;
	}
}

/* A late burst is made up for: the rate holds over the whole. */
static void run(struct flood *flood, unsigned long rate, unsigned long seconds)
{
	struct timespec next;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (unsigned long tick = 0; tick < seconds * TICKS; tick++) {
		send_burst(flood, rate * (tick + 1) / TICKS - rate * tick / TICKS);
		next.tv_nsec += 1000000000 / TICKS;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
}

int main(int argc, char **argv)
{
	struct flood flood = { .to.sin_family = AF_INET };

	if (argc < 6 || inet_pton(AF_INET, argv[3], &flood.to.sin_addr) != 1) {
		fprintf(stderr, "usage: flood RATE SECONDS ADDRESS PORT NAME...\n");
		return 2;
	}
	flood.to.sin_port = htons((uint16_t)strtoul(argv[4], NULL, 10));
	flood.count = (size_t)argc - 5;
	flood.messages = calloc(flood.count, sizeof(*flood.messages));
	flood.fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (!flood.messages || flood.fd < 0)
		return 1;
	for (size_t i = 0; i < flood.count; i++)
		if (message_build("plain", argv[5 + i], SENDER_ID_ASKED, &flood.messages[i]) < 0)
			return 2;
	run(&flood, strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10));
	printf("{\"sent\": %lu, \"refused\": %lu}\n", flood.sent, flood.refused);
	free(flood.messages);
	return 0;
}
