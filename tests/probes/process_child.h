/* SPDX-License-Identifier: Apache-2.0
 *
 * What a child of the process test does: it asks for a name, in one of some ways, and stops, so
 * that what was noted of it can be held against /proc.
 */
#pragma once

#include <stddef.h>

#define CHILD_FLAG "--child"

extern const char *const child_ways[];
extern const size_t child_ways_count;

/* Sends a question for name to port 53 of loopback, and stops until it is killed. Returns only when
 * that failed: what main() should return. */
int child_run(const char *way, const char *name);

/* The program again, as a child: PROGRAM --child WAY NAME [ANYTHING...]. */
int child_main(int argc, char **argv);
