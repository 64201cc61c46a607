/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-scan: a worker of cordond and of `cordon replay`, which alone start it, with a channel as
 * descriptor 3 (worker_process.c). It gives up every right that it has, says which layers of its
 * cage hold, and reads hostile bytes from then on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "scan/protocol.h"
#include "scan/scan_cage.h"
#include "scan/worker.h"

static int fail(const char *what, int error)
{
	static struct protocol_frame frame;
	char text[PROTOCOL_TEXT_MAX + 1];

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-error));
	(void)protocol_add_failed(&frame, text);
	(void)protocol_send(CAGE_CHANNEL, &frame, true);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static struct protocol_frame frame;
	struct protocol_hello hello = { .version = PROTOCOL_VERSION };
	struct cage_options options = { .plan = &scan_cage };
	uid_t before = geteuid();
	enum cage_layer layer;
	int r = cage_arguments(argc, argv, &options);

	if (r < 0) {
		(void)fputs("cordon-scan is started by cordond and by cordon replay\n", stderr);
		return 2;
	}
	/* It was executed by a path that says nothing: /proc/self/fd/N. */
	(void)prctl(PR_SET_NAME, "cordon-scan", 0, 0, 0);
	if (flow_reader_prepare() < 0)
		return fail("libcrypto", -EIO);
	r = cage_enter(&options, hello.layers, &layer);
	if (r < 0)
		return fail(cage_layer_name(layer), r);
	hello.uid = hello.layers[CAGE_USER] == 0 ? options.uid : before;
	(void)protocol_add_hello(&frame, &hello);
	r = protocol_send(CAGE_CHANNEL, &frame, true);
	if (r == 0)
		r = worker_serve(CAGE_CHANNEL);
	/* Nothing that runs at exit is worth a system call that is not allowed. */
	_exit(r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS);
}
