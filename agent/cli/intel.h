/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands of `cordon intel`, and what they share. They work on files only: no daemon is
 * asked. All that they print of lists and packs is somebody else's, and escaped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#define INTEL_PACK CORDON_STATEDIR "/intel.pack"

struct pack;

int intel_compile(int argc, char **argv);
int intel_lookup(int argc, char **argv);
int intel_info(int argc, char **argv);

/* Opens a pack, or says why not and returns a negative errno. */
int intel_open(const char *path, struct pack **ret);
/* Text that may hold anything as a JSON string. */
json_t *intel_json_text(const char *text);
/* Prints a line of JSON to standard output and frees it: COMMAND_FINE or COMMAND_FAILED (also for
 * NULL). */
int intel_json_print(json_t *object);
/* "high", or "not set" for 0. */
const char *intel_severity(unsigned severity);
/* "2027-01-01T00:00:00Z". */
#define INTEL_TIME_SIZE 32
void intel_time(uint64_t seconds, char out[static INTEL_TIME_SIZE]);
