/* SPDX-License-Identifier: Apache-2.0
 *
 * The servers that one message names. One stands in flow_facts; where a message names more (two
 * Host headers, two host names in a ClientHello), receivers differ in which one they take, so none
 * may get lost: the others are kept here. The names are the sender's own choice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/flow_facts.h"

/* Others that are kept. Nobody has a use for even one; a message with more is malformed, and is
 * told as that. */
#define FLOW_NAMES_MAX 4

struct flow_names {
	unsigned count;
	struct {
		char name[FLOW_NAME_MAX + 1];
		uint16_t port;
	} others[FLOW_NAMES_MAX];
};

/* Puts a name into facts when it has none yet, else among the others, unless it is one of them
 * already, whatever the port. What does not fit is left out, as is everything from a NUL on; then
 * false. */
bool flow_names_add(struct flow_names *names, struct flow_facts *facts, const char *name,
		    size_t size, uint16_t port);

/* Moves the next of the others into facts; false when there is none. */
bool flow_names_next(struct flow_names *names, struct flow_facts *facts);

/* Notes what is wrong, of which the first stands, and that facts are malformed. */
void flow_facts_fault(struct flow_facts *facts, const char *reason);
