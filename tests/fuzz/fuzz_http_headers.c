/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the headers of a reply, line by line. Whatever comes: texts end within their bounds,
 * and nobody is made to wait longer than is allowed.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cloud/http_headers.h"

#define WAIT_MAX (3600 * NS_PER_SECOND)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reply reply = { 0 };
	const char *line = (const char *)data, *stop = line + size;

	while (line < stop) {
		const char *end = memchr(line, '\n', (size_t)(stop - line));

		end = end ? end + 1 : stop;
		http_header_read(line, (size_t)(end - line), &reply);
		line = end;
	}
	assert(memchr(reply.error_type, '\0', sizeof(reply.error_type)));
	assert(memchr(reply.etag, '\0', sizeof(reply.etag)));
	assert(memchr(reply.modified, '\0', sizeof(reply.modified)));
	assert(memchr(reply.location, '\0', sizeof(reply.location)));
	assert(reply.retry_after <= WAIT_MAX && reply.date >= 0);
	return 0;
}
