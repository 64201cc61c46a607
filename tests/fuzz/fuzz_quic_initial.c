/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: QUIC. The first byte chooses: 0, datagrams, each behind its length in two bytes; 1,
 * the frames of an Initial packet as they are, for hardly any change of a sealed packet opens.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/flow_names.h"
#include "scan/quic_initial.h"
#include "scan/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void datagrams_read(struct quic_initial *quic, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		size_t length = (size_t)data[0] << 8 | data[1];
		uint8_t *copy;

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		/* A copy of its own, so that the sanitizer sees each read beyond it. */
		copy = malloc(length + 1);
		if (!copy)
			return;
		memcpy(copy + 1, data, length);
		(void)quic_initial_take(quic, copy + 1, length);
		free(copy);
		data += length;
		size -= length;
	}
}

static void frames_read(struct quic_initial *quic, const uint8_t *data, size_t size)
{
	static const uint8_t header[] = { 0xc0, 0, 0, 0, 1, 0, 0, 0, 0 };
	CLEANUP(free_cleanup) uint8_t *copy = malloc(size + 1);
	struct quic_packet packet;

	if (!copy)
		return;
	memcpy(copy + 1, data, size);
	(void)quic_packet_read(header, sizeof(header), &packet);
	(void)quic_frames_read(&quic->connections[0], packet.row, copy + 1, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct quic_initial quic = { 0 };
	struct flow_facts facts = { .protocol = FLOW_QUIC };
	struct flow_names names = { 0 };

	if (size == 0)
		return 0;
	if (data[0] & 1)
		frames_read(&quic, data + 1, size - 1);
	else
		datagrams_read(&quic, data + 1, size - 1);
	assert(quic.packets <= QUIC_PACKETS_MAX);
	for (unsigned i = 0; i < QUIC_CONNECTIONS_MAX; i++) {
		const struct assembly *crypto = &quic.connections[i].crypto;

		assert(crypto->ready <= ASSEMBLY_MAX);
		if (crypto->ready > 0)
			tls_hello_read(crypto->bytes, crypto->ready, TLS_QUIC, &facts, &names);
	}
	quic_initial_clear(&quic);
	return 0;
}
