/* SPDX-License-Identifier: Apache-2.0
 *
 * The cases of tests/data/flow for the tests of what reads flows: packets in, facts out.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sensor/flow_facts.h"

#define FLOW_CASE_PACKETS_MAX 8
#define FLOW_CASE_FACTS_MAX   8

struct flow_case {
	const char *name;
	bool datagrams;
	struct {
		uint8_t *bytes;
		size_t size;
	} packets[FLOW_CASE_PACKETS_MAX];
	size_t packet_count;
	struct flow_facts facts[FLOW_CASE_FACTS_MAX];
	size_t fact_count;
};

/* Calls run for each; fails the test when the file cannot be read. */
void flow_cases_run(void (*run)(const struct flow_case *flow));

/* Prints what differs, and fails the test. */
void flow_facts_assert(const struct flow_case *flow, const struct flow_facts *found,
		       const struct flow_facts *expected);
