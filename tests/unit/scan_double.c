/* SPDX-License-Identifier: Apache-2.0
 *
 * A reader in place of the parsers, for a worker of the tests: the program of worker_main.c in the
 * same cage, whose payload is a line of commands. So the tests can have it find what they want, and
 * do from within the cage whatever somebody would do who has taken it over.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cage.h"
#include "scan/flow_reader.h"
#include "scan/protocol.h"
#include "tests/unit/cage_tries.h"

#define LINES_MAX 4096

struct flow_reader {
	struct flow_facts facts;
	char text[LINES_MAX];
	size_t size, at;
	bool ended;
};

static void try_command(const char *name, struct flow_facts *facts)
{
	const char *result = cage_try(name);

	if (result)
		(void)snprintf(facts->name, sizeof(facts->name), "%s", result);
}

/* ---- replies that no worker may send ---- */

static void send_frame(const struct protocol_frame *frame)
{
	(void)protocol_send(CAGE_CHANNEL, frame, true);
}

static void say(const char *what)
{
	static struct protocol_frame frame;
	const struct protocol_hello hello = { .version = PROTOCOL_VERSION };
	const struct protocol_pong pong = { 0 };
	const struct flow_facts facts = { 0 };

	frame.size = 0;
	if (strcmp(what, "garbage") == 0) {
		memset(frame.bytes, 0x5a, 100);
		frame.size = 100;
	} else if (strcmp(what, "hello") == 0) {
		(void)protocol_add_hello(&frame, &hello);
	} else if (strcmp(what, "facts") == 0) {
		(void)protocol_add_facts(&frame, UINT64_MAX, &facts);
	} else if (strcmp(what, "ended") == 0) {
		(void)protocol_add_ended(&frame, UINT64_MAX);
	} else if (strcmp(what, "pong") == 0) {
		(void)protocol_add_pong(&frame, UINT64_MAX, &pong);
	} else if (strcmp(what, "ping") == 0) {
		(void)protocol_add_ping(&frame, 0);
	} else if (strcmp(what, "failed") == 0) {
		(void)protocol_add_failed(&frame, "no more\033[2J");
	} else if (strcmp(what, "descriptor") == 0) {
		char control[CMSG_SPACE(sizeof(int))] = { 0 };
		struct iovec part = { .iov_base = frame.bytes, .iov_len = 16 };
		struct msghdr message = { .msg_iov = &part,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		struct cmsghdr *head = CMSG_FIRSTHDR(&message);

		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		(void)sendmsg(CAGE_CHANNEL, &message, MSG_NOSIGNAL);
		return;
	}
	send_frame(&frame);
}

static volatile char *volatile nowhere;

static int command_run(struct flow_reader *reader, const char *command)
{
	memset(&reader->facts, 0, sizeof(reader->facts));
	reader->facts.protocol = FLOW_TLS;
	if (strncmp(command, "name ", 5) == 0)
		(void)snprintf(reader->facts.name, sizeof(reader->facts.name), "%s", command + 5);
	else if (strncmp(command, "try ", 4) == 0)
		try_command(command + 4, &reader->facts);
	else if (strncmp(command, "say ", 4) == 0)
		say(command + 4);
	else if (strcmp(command, "none") == 0)
		reader->facts.protocol = FLOW_NONE;
	else if (strcmp(command, "crash") == 0)
		*nowhere = 0;
	else if (strcmp(command, "abort") == 0)
		abort();
	else if (strcmp(command, "leave") == 0)
		_exit(7);
	else if (strcmp(command, "end") == 0)
		return -ENODATA;
	while (strcmp(command, "hang") == 0)
		;
	return FLOW_READER_DONE;
}

/* ---- the interface ---- */

int flow_reader_prepare(void)
{
	return 0;
}

int flow_reader_new(enum flow_transport transport, struct flow_reader **ret)
{
	struct flow_reader *reader = calloc(1, sizeof(*reader));

	(void)transport;
	if (!reader)
		return -ENOMEM;
	*ret = reader;
	return 0;
}

void flow_reader_free(struct flow_reader *reader)
{
	free(reader);
}

int flow_reader_next(struct flow_reader *reader)
{
	char *line = reader->text + reader->at;
	char *end = memchr(line, '\n', reader->size - reader->at);

	if (!end)
		return reader->ended ? -ENODATA : 0;
	*end = '\0';
	reader->at = (size_t)(end + 1 - reader->text);
	return command_run(reader, line);
}

int flow_reader_take(struct flow_reader *reader, uint32_t offset, const uint8_t *bytes, size_t size,
		     bool last)
{
	size_t room = offset < sizeof(reader->text) ? sizeof(reader->text) - offset : 0;

	reader->ended = last;
	if (size > room)
		size = room;
	memcpy(reader->text + (size ? offset : 0), bytes, size);
	if (size > 0 && reader->size < offset + size)
		reader->size = offset + size;
	if (!last || memchr(reader->text + reader->at, '\n', reader->size - reader->at))
		return flow_reader_next(reader);
	memset(&reader->facts, 0, sizeof(reader->facts));
	reader->facts.outcome = FLOW_INCOMPLETE;
	return FLOW_READER_DONE;
}

const struct flow_facts *flow_reader_facts(const struct flow_reader *reader)
{
	return &reader->facts;
}
