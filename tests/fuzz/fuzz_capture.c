/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: capture files, frames peeled, and large packets split. Input is a file as it is.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/capture.h"
#include "sensor/replay_split.h"

/* Small, so that inputs of a size that a fuzzer likes are split. */
#define PACKET_MAX REPLAY_SPLIT_MIN

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int part_seen(const void *packet, size_t size, void *userdata)
{
	const uint8_t *bytes = packet;
	size_t *total = userdata;
	volatile uint8_t sum = 0;

	assert(size <= PACKET_MAX);
	for (size_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + bytes[i]);
	*total += size;
	return 0;
}

static void check_packet(const struct capture_packet *packet)
{
	size_t total = 0;

	assert(packet->ip.size > 0 && packet->ip.size <= packet->ip.whole);
	assert(packet->ip.cut == (packet->ip.size < packet->ip.whole));
	assert(replay_split(packet->ip.data, packet->ip.size, PACKET_MAX, part_seen, &total) == 0);
	assert(total >= (packet->ip.size < PACKET_MAX ? packet->ip.size : PACKET_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture *capture = NULL;
	struct capture_packet packet;
	const struct capture_counters *counters;
	char why[CAPTURE_WHY_SIZE];
	FILE *stream;
	int r;

	if (size == 0)
		return 0;
	stream = fmemopen((void *)(uintptr_t)data, size, "rb");
	if (!stream || capture_open_file(stream, &capture, why) < 0)
		return 0;
	while ((r = capture_next(capture, &packet)) == 1)
		check_packet(&packet);
	assert(r == 0 || (r == -EBADMSG && capture_error(capture)[0]));
	counters = capture_counters(capture);
	assert(counters->frames ==
	       counters->packets + counters->other + counters->broken + counters->skipped);
	capture_close(capture);
	return 0;
}
