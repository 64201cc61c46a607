/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how the modes of cordon-scan that scan files begin and end. Called by worker_main.c.
 */
#include "scan/file_main.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cage.h"
#include "base/digest.h"
#include "scan/file_protocol.h"
#include "scan/file_zygote.h"
#include "scan/rule_compiler.h"
#include "scan/yara_compile.h"

/* What libraries load from files, they load now. */
int file_prepare(void)
{
	uint8_t hash[SHA256_SIZE];
	int r = digest_sha256("", 0, hash);

	/* Not to be had everywhere. */
	(void)digest_md5("", 0, hash);
	(void)digest_sha1("", 0, hash);
	return r < 0 ? r : yara_prepare();
}

int file_prepare_magic(void)
{
	int r = file_prepare();

	return r < 0 ? r : yara_prepare_magic();
}

int file_hello(const uint16_t layers[static CAGE_LAYERS], uint32_t uid)
{
	struct file_message message = { .type = FILE_HELLO, .descriptors = { -1, -1 } };

	message.numbers[FILE_HELLO_VERSION] = FILE_PROTOCOL_VERSION;
	message.numbers[FILE_HELLO_UID] = uid;
	for (size_t i = 0; i < CAGE_LAYERS; i++)
		message.numbers[FILE_HELLO_LAYERS + i] = layers[i];
	return file_message_send(CAGE_CHANNEL, &message, true);
}

int file_fail(const char *what, int error)
{
	char text[256];
	struct file_message message = { .type = FILE_FAILED,
					.descriptors = { -1, -1 },
					.texts = { text } };

	(void)snprintf(text, sizeof(text), "%s: %s", what, strerror(-error));
	(void)file_message_send(CAGE_CHANNEL, &message, true);
	return EXIT_FAILURE;
}

static int end_tell(int r, const char *why)
{
	if (r < 0 && r != -EPIPE)
		(void)file_fail(why ? why : "a request", r);
	return r;
}

int file_rules_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid)
{
	const char *why = NULL;
	int r = file_hello(layers, uid);

	return r < 0 ? r : end_tell(rule_compiler_serve(channel, &why), why);
}

int file_files_serve(int channel, const uint16_t layers[static CAGE_LAYERS], uint32_t uid)
{
	const char *why = NULL;
	int r = file_hello(layers, uid);

	return r < 0 ? r : end_tell(file_zygote_serve(channel, layers, uid, &why), why);
}
