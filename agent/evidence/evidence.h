/* SPDX-License-Identifier: Apache-2.0
 *
 * The evidence bundle: what this host looks like at the moment, and the process behind a finding,
 * in one archive that only root can read. Bounded in bytes and time; what cannot be read is told in
 * the manifest, and keeps nothing else from being read. Runs no program, and needs no daemon.
 *
 * What is read was written by whoever runs on the host, and is copied, not believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"

#define EVIDENCE_FOLDER	   "evidence" /* in the state folder */
#define EVIDENCE_SUFFIX	   ".tar.gz"
#define EVIDENCE_TEXT_SIZE 256

/* Texts are borrowed; "" where there is nothing to say. */
struct evidence_options {
	const char *root;   /* before each path that is read: "" but in tests */
	const char *output; /* the archive's path; what stands there is replaced when it is whole */
	const char *journal;
	const char *key; /* file with a private seed (cordon intel keygen); "": not signed */
	const char *isolation, *finding, *reason, *host;
	pid_t pid;	     /* of the culprit; 0: none */
	uint64_t start;	     /* ns on the boot clock, as process_end_one() takes it; 0: whoever has
			      * the pid */
	uint64_t size_max;   /* bytes collected, before they are compressed */
	uint64_t memory_max; /* of the culprit's memory among them; 0: none */
	uint64_t time;	     /* ns in all */
};

struct evidence_result {
	char sha256[SHA256_TEXT_SIZE];
	uint64_t size;
	unsigned files, missing, cut; /* missing: could not be read at all; cut: not all of it */
	bool is_signed;
};

/* Makes it. -ENOSPC: the disk has no room for it beside a reserve; others as open(2) and write(2)
 * have them; -ENOKEY: the key cannot be read. On failure there is nothing at output. */
int evidence_make(const struct evidence_options *options, struct evidence_result *ret);

/* Removes the oldest bundles until at most keep are in the folder, of at most bytes; and what was
 * left half written, but for the newest minutes'. Makes the folder if there is none. */
int evidence_prune(const char *folder, size_t keep, uint64_t bytes);
