/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: replies of services, as cordon-cloud reads them: PutLogEvents, and errors of each
 * protocol. Whatever comes: numbers are within the batch, and texts end.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/client.h"
#include "cloud/cloudwatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char code[CLIENT_CODE_SIZE], message[CLIENT_MESSAGE_SIZE];
	size_t before, from;
	/* As from http.c: a NUL stands behind it. */
	char *body = malloc(size + 1);

	if (!body)
		return 0;
	memcpy(body, data, size);
	body[size] = '\0';
	if (cloudwatch_reply(body, size, COUNT, &before, &from) == 0)
		assert(before <= COUNT && from <= COUNT);
	for (int protocol = SERVICE_JSON; protocol <= SERVICE_REST_XML; protocol++) {
		client_error_read((enum service_protocol)protocol, "", body, size, code, message);
		assert(memchr(code, '\0', sizeof(code)) && memchr(message, '\0', sizeof(message)));
	}
	free(body);
	return 0;
}
