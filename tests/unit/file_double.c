/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker of the tests in place of file_worker.c: the program of worker_main.c, the same zygote
 * and cage, but files say what it is to do. So tests can have it do whatever somebody would who has
 * taken it over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cage.h"
#include "scan/file_protocol.h"
#include "scan/file_worker.h"
#include "tests/unit/cage_tries.h"

static volatile char *volatile nowhere;

static void message_say(enum file_message_type type, uint64_t id, const char *text)
{
	struct file_message message = { .type = type,
					.id = id,
					.texts = { text, text, text, text, text },
					.descriptors = { -1, -1 } };

	(void)file_message_send(CAGE_CHANNEL, &message, true);
}

/* Replies that no worker may send. */
static void lie(const char *what, uint64_t id)
{
	if (strcmp(what, "hello") == 0)
		message_say(FILE_HELLO, 0, "");
	else if (strcmp(what, "other") == 0)
		message_say(FILE_DONE, id + 1000, "");
	else if (strcmp(what, "match") == 0)
		message_say(FILE_MATCH, id + 1, "rule");
	else if (strcmp(what, "scan") == 0)
		message_say(FILE_LOADED, 0, "");
	else if (strcmp(what, "failed") == 0)
		message_say(FILE_FAILED, 0, "no more\033[2J");
	else if (strcmp(what, "flood") == 0)
		for (unsigned i = 0; i < 20000; i++)
			message_say(FILE_MATCH, id, "rule");
}

static void command_run(const char *text, uint64_t id)
{
	if (strncmp(text, "try ", 4) == 0) {
		message_say(FILE_MATCH, id, cage_try(text + 4));
		return;
	}
	if (strncmp(text, "lie ", 4) == 0)
		lie(text + 4, id);
	else if (strcmp(text, "crash") == 0)
		*nowhere = 0;
	else if (strcmp(text, "abort") == 0)
		abort();
	else if (strcmp(text, "leave") == 0)
		_exit(7);
	while (strcmp(text, "hang") == 0)
		;
}

int file_worker_serve(int channel, struct yara_engine *engine, const struct file_limits *limits,
		      const char **ret_why)
{
	static struct file_frame frame;

	(void)engine;
	(void)limits;
	for (;;) {
		struct file_message message;
		char text[64] = "";
		int r = file_frame_receive(channel, &frame, true);

		if (r == 0)
			r = file_message_read(&frame, FILE_READER_WORKER, &message, ret_why);
		if (r < 0)
			return r;
		(void)!pread(message.descriptors[0], text, sizeof(text) - 1, 0);
		command_run(text, message.id);
		file_message_close(&message);
		message_say(FILE_DONE, message.id, "");
	}
}
