/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the test program that makes one DNS lookup in one given way and exits: messages
 * that it builds itself, and ways of sending them. Everything here is the test's own input.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define SENDER_MESSAGE_MAX 1024

/* DNS ids: an answer tells which of two questions in one packet got through. */
#define SENDER_ID_ASKED	   0x4344
#define SENDER_ID_INNOCENT 0x4f4b

/* A DNS message with room before it for the length that goes with it over TCP. */
struct message {
	uint8_t prefixed[2 + SENDER_MESSAGE_MAX];
	size_t size; /* without the prefix */
};

static inline const uint8_t *message_bytes(const struct message *message)
{
	return message->prefixed + 2;
}

/* Builds a question for name in the form of that name ("plain", "edns"...). -EINVAL: no such form,
 * or no such name. */
int message_build(const char *form, const char *name, uint16_t id, struct message *ret);
/* Prints the forms, one a line. */
void message_list_forms(void);

/* One lookup to be made. */
struct lookup {
	struct sockaddr_storage to;
	socklen_t to_size;
	struct message asked;	 /* the one that is to be found */
	struct message innocent; /* goes along in ways that send more than one */
	int fd;			 /* -1, or what it was sent by: answers come here */
	bool stream;
	char *const *arguments; /* to run this program again with the same address and name */
};

/* Says on stdout, before it sends, who is going to: one line of JSON. opener: pid of the process
 * that opened the socket, or 0 for the same one. */
void lookup_announce(pid_t opener);

/* Sends it. 0 or a negative errno. */
typedef int (*lookup_way)(struct lookup *lookup);

struct way {
	const char *name;
	lookup_way send;
	bool announces; /* calls lookup_announce() itself, from the process or thread that sends */
};

extern const struct way datagram_ways[], stream_ways[], handed_ways[];

/* Opens the lookup's socket. */
int lookup_open(struct lookup *lookup, int type, int protocol);
int lookup_connect(struct lookup *lookup);
