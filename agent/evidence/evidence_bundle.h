/* SPDX-License-Identifier: Apache-2.0
 *
 * The archive: a gzipped tar, written piece by piece, with the SHA-256 of each file in a manifest
 * that is its last one. The manifest has the form that sha256sum(1) checks (`sha256sum -c
 * MANIFEST`); what else there is to say, of what is missing among it, stands in it as comments, and
 * so does its signature (base/signature.h, kind "evidence").
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/signature.h"

#define EVIDENCE_MANIFEST  "MANIFEST"
#define EVIDENCE_KIND	   "evidence"
#define EVIDENCE_NAME_SIZE 512

struct evidence_bundle;

/* fd: borrowed. max: bytes that may be written to it; beyond that it fails with -ENOSPC. */
int evidence_bundle_open(int fd, uint64_t max, struct evidence_bundle **ret);
void evidence_bundle_free(struct evidence_bundle *bundle);

/* A name as it stands in the archive: letters that no shell and no sha256sum has to be told about,
 * never a way out of the folder it is unpacked to. */
void evidence_bundle_name(const char *path, unsigned number, char out[static EVIDENCE_NAME_SIZE]);

/* Errors of write(2). */
int evidence_bundle_add(struct evidence_bundle *bundle, const char *name, const void *data,
			size_t size);
/* A comment in the manifest: what it is, of what, and why. Foreign text is escaped. */
void evidence_bundle_remark(struct evidence_bundle *bundle, const char *what, const char *name,
			    const char *why);
/* The manifest, signed with the seed unless that is NULL, and the end. ret_digest: of the file. */
int evidence_bundle_end(struct evidence_bundle *bundle, const uint8_t *seed,
			uint8_t ret_digest[static SHA256_SIZE], uint64_t *ret_size);
