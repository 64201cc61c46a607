/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a frame on the control socket. The first byte says whether root sent it.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/control_request.h"

CLEANUP_DEFINE(json_t *, json_decref)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size, so that the sanitizer sees each read beyond it. */
	CLEANUP(free_cleanup) char *frame = size > 1 ? malloc(size - 1) : NULL;
	CLEANUP(json_decref_cleanup) json_t *arguments = NULL;
	enum control_peer peer;
	int r;

	if (!frame)
		return 0;
	peer = data[0] & 1 ? CONTROL_PEER_ROOT : CONTROL_PEER_OTHER;
	memcpy(frame, data + 1, size - 1);
	r = control_request_read(frame, size - 1, peer, &arguments);
	assert(r < CONTROL_REQUESTS);
	assert(r >= 0 || r == -EBADMSG || r == -ENOENT || r == -EPERM || r == -EMSGSIZE);
	assert(r < 0 || r == CONTROL_STATUS || peer == CONTROL_PEER_ROOT);
	assert((r >= 0) == (arguments != NULL));
	if (r >= 0) {
		const json_t *reason = json_object_get(arguments, "reason");

		assert(!reason || json_string_length(reason) <= CONTROL_TEXT_MAX);
	}
	assert(r < 0 || strlen(control_request_name((enum control_request)r)) > 0);
	return 0;
}
