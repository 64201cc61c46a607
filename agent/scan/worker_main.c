/* SPDX-License-Identifier: Apache-2.0
 *
 * cordon-scan: a worker of cordond and of `cordon`, which alone start it, with a channel as
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
#include "scan/compile_protocol.h"
#include "scan/compile_worker.h"
#include "scan/file_cage.h"
#include "scan/file_main.h"
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

static int payload_prepare(void)
{
	return flow_reader_prepare() < 0 ? -EIO : 0;
}

static int payload_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid)
{
	static struct protocol_frame frame;
	struct protocol_hello hello = { .version = PROTOCOL_VERSION, .uid = uid };
	int r;

	memcpy(hello.layers, layers, sizeof(hello.layers));
	(void)protocol_add_hello(&frame, &hello);
	r = protocol_send(channel, &frame, true);
	return r < 0 ? r : worker_serve(channel);
}

/* What a worker may be started for: by its last argument. */
static const struct mode {
	const char *name;
	const struct cage_plan *cage;
	int (*prepare)(void); /* before the cage */
	int (*serve)(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid);
	int (*fail)(const char *what, int error); /* tells the parent */
} modes[] = {
	{ "", &scan_cage, payload_prepare, payload_serve, fail },
	{ COMPILE_MODE, &compile_cage, compile_worker_prepare, compile_worker_serve, fail },
	{ FILE_MODE_RULES, &compiler_cage, file_prepare, file_rules_serve, file_fail },
	{ FILE_MODE_FILES, &zygote_cage, file_prepare, file_files_serve, file_fail },
	{ FILE_MODE_MAGIC, &zygote_cage, file_prepare_magic, file_files_serve, file_fail },
};

static const struct mode *mode_find(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(modes); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	return NULL;
}

int main(int argc, char **argv)
{
	uint16_t layers[CAGE_LAYERS] = { 0 };
	struct cage_options options = { 0 };
	const struct mode *mode = NULL;
	uid_t before = geteuid();
	enum cage_layer layer;
	int r = cage_arguments(argc, argv, &options);

	if (r == 0)
		mode = mode_find(options.mode);
	if (!mode) {
		(void)fputs("cordon-scan is started by cordond and by cordon\n", stderr);
		return 2;
	}
	options.plan = mode->cage;
	/* It was executed by a path that says nothing: /proc/self/fd/N. */
	(void)prctl(PR_SET_NAME, "cordon-scan", 0, 0, 0);
	r = mode->prepare();
	if (r < 0)
		return mode->fail("libraries", r);
	r = cage_enter(&options, layers, &layer);
	if (r < 0)
		return mode->fail(cage_layer_name(layer), r);
	r = mode->serve(CAGE_CHANNEL, layers, layers[CAGE_USER] == 0 ? options.uid : before);
	/* Nothing that runs at exit is worth a system call that is not allowed. */
	_exit(r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS);
}
