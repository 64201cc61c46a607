/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-cloud: what talks to AWS for cordond, which alone starts it, with a channel as descriptor
 * 3 (base/worker_process.c). It gives up every right but the network, says which layers of its cage
 * hold, and works until its parent is gone.
 */
#include <curl/curl.h>
#include <errno.h>
#include <libxml/parser.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/cleanup.h"
#include "cloud/cloud_cage.h"
#include "cloud/dispatch.h"
#include "cloud/fetch_protocol.h"
#include "cloud/fetch_worker.h"
#include "cloud/message.h"

static int fail(const char *what, int error)
{
	struct message_frame frame;
	char text[MESSAGE_TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-error));
	message_put_failed(&frame, text);
	(void)channel_send(CAGE_CHANNEL, frame.bytes, frame.size);
	return EXIT_FAILURE;
}

/* What reads its configuration and loads modules when it starts: nothing of it is foreign. */
static int libraries_prepare(void)
{
	/* Each arena takes address space that a thread which asks one name does not need. */
	(void)mallopt(M_ARENA_MAX, 1);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return -ENOMEM;
	xmlInitParser();
	return 0;
}

static int serve(sd_event *loop)
{
	struct dispatch *dispatch = NULL;
	int r = dispatch_new(loop, CAGE_CHANNEL, &dispatch);

	if (r >= 0)
		r = sd_event_loop(loop);
	/* Nothing of it outlives the process, and nobody waits for an answer. */
	return r;
}

int main(int argc, char **argv)
{
	struct message_hello hello = { .version = MESSAGE_VERSION };
	struct cage_options options = { .plan = &cloud_cage };
	struct message_frame frame;
	uid_t before = geteuid();
	enum cage_layer layer;
	sd_event *loop = NULL;
	int r = cage_arguments(argc, argv, &options);

	if (r < 0) {
		(void)fputs("cordon-cloud is started by cordond\n", stderr);
		return 2;
	}
	/* It was executed by a path that says nothing: /proc/self/fd/N. */
	(void)prctl(PR_SET_NAME, "cordon-cloud", 0, 0, 0);
	r = libraries_prepare();
	if (r < 0)
		return fail("libraries", r);
	r = cage_enter(&options, hello.layers, &layer);
	if (r < 0)
		return fail(cage_layer_name(layer), r);
	r = sd_event_new(&loop);
	if (r < 0)
		return fail("event loop", r);
	hello.uid = hello.layers[CAGE_USER] == 0 ? options.uid : before;
	if (strcmp(options.mode, FETCH_MODE) == 0) {
		r = fetch_worker_serve(loop, CAGE_CHANNEL, hello.layers, hello.uid);
		_exit(r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	message_put_hello(&frame, &hello);
	r = channel_send(CAGE_CHANNEL, frame.bytes, frame.size);
	if (r == 0)
		r = serve(loop);
	_exit(r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS);
}
