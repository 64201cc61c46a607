/* SPDX-License-Identifier: Apache-2.0
 *
 * The subcommands of `cordon intel`, and what they share. They work on files only: no daemon is
 * asked. All that they print of lists and packs is somebody else's, and escaped.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/signature.h"

#define INTEL_PACK CORDON_STATEDIR "/intel.pack"

struct pack;

int intel_compile(int argc, char **argv);
int intel_lookup(int argc, char **argv);
int intel_info(int argc, char **argv);
/* intel_sign.c */
int intel_keygen(int argc, char **argv);
int intel_sign(int argc, char **argv);
int intel_verify(int argc, char **argv);
/* intel_feeds.c: these ask the daemon. */
int intel_update(int argc, char **argv);
int intel_accept(int argc, char **argv);
int intel_rollback(int argc, char **argv);
/* What the daemon wrote down of its feeds, beside a pack; NULL: nothing. */
json_t *intel_feeds_state(const char *path);
void intel_feeds_print(const json_t *state);

/* The private key in a file, or a message and a negative errno. */
int intel_seed_load(const char *path, uint8_t ret_seed[static SIGNATURE_KEY_SIZE]);
/* "version" or "valid" with its value; -EINVAL, told. */
int intel_sign_option(const char *name, const char *value, struct signature *signature);
/* What was not said: created now, version by the time. */
void intel_sign_defaults(struct signature *signature);
/* Replaces the file by one that is signed; kind and the like are in signature. */
int intel_sign_file(const char *path, const uint8_t seed[static SIGNATURE_KEY_SIZE],
		    struct signature *signature);

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
