/* SPDX-License-Identifier: Apache-2.0
 *
 * What is inside zip, gzip and tar, in a worker's cage. Bounded by a budget for one file, however
 * deep things are nested in it. The bytes are an attacker's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ARCHIVE_NAME_MAX 1024

struct archive_budget {
	uint64_t bytes_left;   /* that may still be unpacked, in all */
	uint64_t member_max;   /* bytes of one member */
	unsigned members_left; /* in all */
	uint64_t deadline;     /* on the boot clock */
	const char *reason;    /* what was left out, and why: the first; static; NULL: nothing */
};

/* Members that are more than so many times their archive's size, beyond ARCHIVE_BOMB_MIN, are no
 * honest ones. Deflate makes at most 1,032 of one. */
#define ARCHIVE_BOMB_RATIO 200
#define ARCHIVE_BOMB_MIN   ((uint64_t)16 << 20)
#define ARCHIVE_MEMBERS	   20000

/* name: safe text, cut to ARCHIVE_NAME_MAX; all borrowed for the call. Negative ends it. */
typedef int (*archive_member)(const char *name, const uint8_t *bytes, size_t size, void *userdata);

/* Each member that can be had, in order. Damage and limits end it early and are told in the budget.
 * 0, -ENOMEM, or what member said. */
int archive_each(const uint8_t *bytes, size_t size, struct archive_budget *budget,
		 archive_member member, void *userdata);
