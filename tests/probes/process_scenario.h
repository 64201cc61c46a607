/* SPDX-License-Identifier: Apache-2.0
 *
 * The ways in which the process test's child comes to be: where its program lies, and how it is
 * started. Asserts inside: for cmocka tests only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sensor/process.h"

/* Where the child's program is. */
struct place {
	char folder[64]; /* the test's own, below /tmp */
	char exe[4096];
};

struct scenario {
	const char *what;
	/* Puts the program somewhere. */
	void (*prepare)(struct place *place);
	/* In the child, in its cgroup: executes the program, or returns to go on without. */
	void (*become)(const struct place *place, char *const *arguments);
	enum process_source source;
	bool cut;     /* the path is longer than what is kept of it */
	bool foreign; /* what stands at the path is the child's own doing */
};

extern const struct scenario scenarios[];
extern const size_t scenarios_count;
/* The plain ones, for tests of something else. */
extern const struct scenario scenario_forked, scenario_executed;

/* A folder of the test's own for the program. */
void place_make(struct place *place);
void place_remove(struct place *place);
