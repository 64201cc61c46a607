/* SPDX-License-Identifier: Apache-2.0
 *
 * What courier.c (its life and its channel) and courier_status.c share.
 */
#pragma once

#include "base/worker_process.h"
#include "cloud/courier.h"
#include "cloud/courier_calls.h"
#include "cloud/places.h"

#define COURIER_REASON_SIZE 384

enum courier_state {
	STATE_DOWN,
	STATE_STARTING,
	STATE_READY,
	STATE_DYING,
};

struct courier {
	sd_event *loop;
	sd_event_source *channel_source, *process_source, *timer;
	struct courier_handlers handlers;
	void *userdata;
	struct worker_program program;
	struct worker_process process;
	uint64_t memory;
	char *settings;
	size_t settings_size;
	enum courier_state state;
	uint64_t started, heard, restart_at, backoff;
	struct message_hello hello;
	struct message_state said;
	char pending[COURIER_REASON_SIZE], reason[COURIER_REASON_SIZE];
	uint64_t broken;
	struct places places;
	struct courier_calls calls;
	/* What is being sent; NULL: nothing. */
	uint8_t *sending;
	enum message_type sending_type;
	uint64_t sending_id;
	size_t sending_size, sent;
	bool stuck; /* it does not read as fast as we write */
};

/* One that has no process yet. */
struct courier *courier_make(const struct courier_handlers *handlers, void *userdata);
