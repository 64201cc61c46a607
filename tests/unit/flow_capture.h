/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded packets through the readers of flows, for tests: splits a capture into flows, and hands
 * each direction to a flow_reader of its own, packet by packet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow_facts;

struct flow_capture_flow {
	uint8_t key[37]; /* source, destination, protocol, ports */
	unsigned number; /* from 0, in order of their first packets */
};

/* Calls told for all facts of all flows; those of a flow in their order. 0, or what capture or
 * reader failed with. */
typedef void (*flow_capture_told)(const struct flow_capture_flow *flow,
				  const struct flow_facts *facts, void *context);
int flow_capture_read(const char *path, flow_capture_told told, void *context);
