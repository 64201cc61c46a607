/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/flow_capture.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "scan/flow_reader.h"
#include "sensor/capture.h"
#include "sensor/flow_facts.h"

#define FLOWS_MAX    4096
#define TCP_SYN	     0x02
#define SEQUENCE_MAX (1u << 20) /* an offset beyond this is of before the flow's first segment */

struct flow {
	struct flow_capture_flow public;
	struct flow_reader *reader;
	uint32_t sequence; /* of the stream's first byte */
	bool begun, done;
};

struct flows {
	struct flow list[FLOWS_MAX];
	unsigned count;
	flow_capture_told told;
	void *context;
};

/* The transport header of an IP packet and who talks to whom; false for fragments and others. */
static bool packet_split(const struct frame_packet *packet, uint8_t key[static 37],
			 const uint8_t **ret, size_t *ret_size)
{
	const uint8_t *ip = packet->data;
	size_t at = ip[0] >> 4 == 4 ? (ip[0] & 15u) * 4 : 40;
	uint8_t protocol = ip[0] >> 4 == 4 ? ip[9] : ip[6];

	memset(key, 0, 37);
	if (ip[0] >> 4 == 4) {
		if ((ip[6] << 8 | ip[7]) & 0x3fff)
			return false;
		memcpy(key, ip + 12, 4);
		memcpy(key + 16, ip + 16, 4);
	} else {
		memcpy(key, ip + 8, 32);
		while (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_DSTOPTS) {
			if (at + 8 > packet->size)
				return false;
			protocol = ip[at];
			at += (ip[at + 1] + 1u) * 8;
		}
	}
	if (at + 8 > packet->size || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return false;
	key[32] = protocol;
	memcpy(key + 33, ip + at, 4);
	*ret = ip + at;
	*ret_size = packet->size - at;
	return true;
}

static struct flow *flow_begin(struct flows *flows, const uint8_t key[static 37])
{
	struct flow *flow = &flows->list[flows->count];

	if (flows->count == FLOWS_MAX ||
	    flow_reader_new(key[32] == IPPROTO_TCP ? FLOW_STREAM : FLOW_DATAGRAMS, &flow->reader) <
		    0)
		return NULL;
	memcpy(flow->public.key, key, 37);
	flow->public.number = flows->count++;
	return flow;
}

static struct flow *flow_find(struct flows *flows, const uint8_t key[static 37])
{
	for (unsigned i = flows->count; i-- > 0;)
		if (memcmp(flows->list[i].public.key, key, 37) == 0)
			return &flows->list[i];
	return flow_begin(flows, key);
}

static int flow_take(struct flows *flows, struct flow *flow, uint32_t offset, const uint8_t *bytes,
		     size_t size, bool last)
{
	int r = 0;

	if (!flow->done)
		r = flow_reader_take(flow->reader, offset, bytes, size, last);
	while (r == FLOW_READER_DONE) {
		flows->told(&flow->public, flow_reader_facts(flow->reader), flows->context);
		r = flow_reader_next(flow->reader);
	}
	flow->done |= r == -ENODATA;
	return r == -ENODATA ? 0 : r;
}

static int packet_take(struct flows *flows, const struct frame_packet *packet)
{
	const uint8_t *bytes;
	uint8_t key[37];
	uint32_t sequence;
	struct flow *flow;
	size_t size, header;

	if (!packet_split(packet, key, &bytes, &size))
		return 0;
	if (key[32] == IPPROTO_UDP) {
		flow = flow_find(flows, key);
		return flow && size > 8 ? flow_take(flows, flow, 0, bytes + 8, size - 8, false) : 0;
	}
	header = size < 20 ? 0 : (bytes[12] >> 4) * 4u;
	if (header < 20 || header > size)
		return 0;
	sequence = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 | (uint32_t)bytes[6] << 8 |
		   bytes[7];
	/* The SYN counts as one byte before the first. */
	sequence += (bytes[13] & TCP_SYN) != 0;
	flow = flow_find(flows, key);
	if (flow && !flow->begun) {
		flow->sequence = sequence;
	} else if (flow && (bytes[13] & TCP_SYN) && flow->sequence != sequence) {
		flow = flow_begin(flows, key);
		if (flow)
			flow->sequence = sequence;
	}
	if (!flow)
		return 0;
	flow->begun = true;
	sequence -= flow->sequence;
	if (sequence > SEQUENCE_MAX)
		return 0;
	return flow_take(flows, flow, sequence, bytes + header, size - header, false);
}

static void flows_free(struct flows *flows)
{
	for (unsigned i = 0; flows && i < flows->count; i++)
		flow_reader_free(flows->list[i].reader);
	free(flows);
}

CLEANUP_DEFINE(struct flows *, flows_free)
CLEANUP_DEFINE(struct capture *, capture_close)

int flow_capture_read(const char *path, flow_capture_told told, void *context)
{
	CLEANUP(flows_free_cleanup) struct flows *flows = calloc(1, sizeof(*flows));
	CLEANUP(capture_close_cleanup) struct capture *capture = NULL;
	struct capture_packet packet;
	char why[CAPTURE_WHY_SIZE];
	int r;

	if (!flows)
		return -ENOMEM;
	flows->told = told;
	flows->context = context;
	r = capture_open(path, &capture, why);
	while (r >= 0 && (r = capture_next(capture, &packet)) > 0)
		r = packet_take(flows, &packet.ip);
	for (unsigned i = 0; i < flows->count && r >= 0; i++)
		r = flow_take(flows, &flows->list[i], 0, NULL, 0, true);
	return r < 0 ? r : 0;
}
