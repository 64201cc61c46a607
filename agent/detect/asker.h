/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asked a resolver on this host lately: when that stub asks on, the finding can name them. The
 * last few are kept.
 */
#pragma once

#include <stdint.h>

#include "sensor/event.h"
#include "sensor/process.h"

/* Lookups remembered, and for how long: a stub asks on at once. */
#define ASKERS_MAX 64
#define ASKER_TIME UINT64_C(5000000000)

struct asker {
	uint64_t time;
	pid_t pid;
	char comm[17];
	struct domain_name qname; /* lower case */
};

struct askers {
	struct asker asked[ASKERS_MAX];
	size_t next;
};

/* Notes a question to a resolver on this host's loopback. */
void askers_note(struct askers *askers, const struct event *event);
/* The latest who asked for this name, or NULL. */
const struct asker *askers_find(const struct askers *askers, const struct event *event);
