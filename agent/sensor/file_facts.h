/* SPDX-License-Identifier: Apache-2.0
 *
 * What scanning a file brought: plain values, from the sandboxed workers in scan/. Whoever wrote
 * the file chose its path and what is inside; whoever wrote the rules, the texts of a match.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

/* A rule that matches. */
struct file_match {
	const char *rule, *namespace_, *reference, *description; /* safe to show; "": none */
	int severity;						 /* 1 to 5; 0: not said */
	uint64_t score;						 /* 0: not said */
	const char *inside; /* path inside an archive, safe to show; "": the file itself */
};

/* Kinds of hashes, as a mask. */
enum {
	FILE_HASH_MD5 = 1,
	FILE_HASH_SHA1 = 2,
	FILE_HASH_SHA256 = 4,
};

/* Of a file, or of what is packed in it. */
struct file_hashes {
	unsigned kinds; /* that are there */
	uint8_t md5[MD5_SIZE], sha1[SHA1_SIZE], sha256[SHA256_SIZE];
	uint64_t size;
	const char *inside; /* as in a match */
};

/* Why a file is told. */
struct file_reasons {
	const struct file_match *matches;
	size_t matches_count;
	const struct file_hashes *listed;
	size_t listed_count;
};

struct file_facts {
	const char *path; /* raw */
	uint64_t size;
	bool hashed; /* sha256 is of the whole file */
	uint8_t sha256[SHA256_SIZE];
	/* What it is told for: one of both. */
	const struct file_match *match;
	const struct file_hashes *hashes;
};
