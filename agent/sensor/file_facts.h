/* SPDX-License-Identifier: Apache-2.0
 *
 * What scanning a file brought: plain values, from the sandboxed workers in scan/. Whoever wrote
 * the file chose its path and what is inside; whoever wrote the rules, the texts of a match.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

/* A rule that matches. */
struct file_match {
	const char *rule, *namespace_, *reference, *description; /* safe to show; "": none */
	int severity;						 /* 1 to 5; 0: not said */
	uint64_t score;						 /* 0: not said */
	const char *inside; /* path inside an archive, safe to show; "": the file itself */
};

struct file_facts {
	const char *path; /* raw */
	uint64_t size;
	bool hashed; /* sha256 is of the whole file */
	uint8_t sha256[SHA256_SIZE];
	const struct file_match *match; /* NULL: no rule does; its hash may be listed */
};
