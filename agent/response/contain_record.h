/* SPDX-License-Identifier: Apache-2.0
 *
 * The record of a containment: a file in the state folder that says that the host was cut off, for
 * the next boot. Not a row of the journal: it is read before the network is up, by a program that
 * must not wait for a database, and it must be readable when the journal is damaged. Only root may
 * write it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "response/contain.h"

struct contain_record {
	uint64_t since; /* ns since the epoch */
	uint64_t until; /* likewise; 0: no end */
	uint64_t lasts; /* ns that were left of it when it was written: no clock that is set back
			 * makes it longer */
	bool provisional;
	char reason[CONTAIN_REASON_SIZE], finding[CONTAIN_FINDING_SIZE];
};

/* In the place of the one before; on disk when it returns. */
int contain_record_write(const char *path, const struct contain_record *record);
/* -ENOENT: there is none; -EBADMSG: it is no record. */
int contain_record_read(const char *path, struct contain_record *ret);
/* 0 also when there was none; the removal is on disk when it returns. */
int contain_record_remove(const char *path);
/* When a record's containment ends on this boot's clock; 0: it does not; 1: it is over. */
uint64_t contain_record_deadline(const struct contain_record *record);
