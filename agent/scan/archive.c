/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the reading of archives, by libarchive: only the three formats that are asked for, from
 * memory. Gets bytes from file_worker.c.
 */
#include "scan/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"

/* The first piece of a member; doubled as it grows. */
#define MEMBER_FIRST ((size_t)64 * 1024)

struct member {
	uint8_t *bytes;
	size_t size, room;
};

struct reading {
	struct archive *archive;
	struct archive_budget *budget;
	uint64_t packed, unpacked; /* bytes of this archive */
	struct member member;	   /* the room is used again */
};

static void budget_fault(struct archive_budget *budget, const char *reason)
{
	if (!budget->reason)
		budget->reason = reason;
}

/* raw: whatever is unpacked is taken as one member. */
static int archive_open(const uint8_t *bytes, size_t size, bool raw, struct archive **ret)
{
	struct archive *archive = archive_read_new();

	if (!archive)
		return -ENOMEM;
	if (archive_read_support_filter_gzip(archive) < ARCHIVE_WARN ||
	    (!raw && (archive_read_support_format_zip(archive) < ARCHIVE_WARN ||
		      archive_read_support_format_tar(archive) < ARCHIVE_WARN)) ||
	    archive_read_support_format_raw(archive) < ARCHIVE_WARN ||
	    archive_read_support_format_empty(archive) < ARCHIVE_WARN) {
		(void)archive_read_free(archive);
		return -ENOMEM;
	}
	if (archive_read_open_memory(archive, bytes, size) != ARCHIVE_OK) {
		(void)archive_read_free(archive);
		return -EBADMSG;
	}
	*ret = archive;
	return 0;
}

/* What may still come; false: nothing. */
static bool budget_allows(struct reading *reading)
{
	struct archive_budget *budget = reading->budget;

	if (reading->unpacked > ARCHIVE_BOMB_MIN &&
	    reading->unpacked / ARCHIVE_BOMB_RATIO > reading->packed)
		budget_fault(budget, "an archive bomb");
	else if (budget->bytes_left == 0)
		budget_fault(budget, "more in archives than is unpacked of one file");
	else if (clock_boottime() >= budget->deadline)
		budget_fault(budget, "no time to unpack it all");
	else
		return true;
	return false;
}

static int member_grow(struct member *member, size_t needed)
{
	size_t room = member->room ? member->room : MEMBER_FIRST;
	uint8_t *bytes;

	if (needed <= member->room)
		return 0;
	while (room < needed)
		room *= 2;
	bytes = realloc(member->bytes, room);
	if (!bytes)
		return -ENOMEM;
	member->bytes = bytes;
	member->room = room;
	return 0;
}

/* 1: there is more that may not be had; 0: it is whole, or damaged from here on; -ENOMEM. */
static int member_read(struct reading *reading)
{
	struct member *member = &reading->member;
	struct archive_budget *budget = reading->budget;

	member->size = 0;
	for (;;) {
		size_t want = MEMBER_FIRST;
		la_ssize_t n;
		int r;

		if (!budget_allows(reading))
			return 1;
		if (member->size >= budget->member_max) {
			budget_fault(budget, "a member of an archive that is too large");
			return 0;
		}
		if (want > budget->bytes_left)
			want = (size_t)budget->bytes_left;
		r = member_grow(member, member->size + want);
		if (r < 0)
			return r;
		n = archive_read_data(reading->archive, member->bytes + member->size, want);
		if (n < 0) {
			budget_fault(budget, "a member of an archive that is damaged or encrypted");
			return 0;
		}
		if (n == 0)
			return 0;
		member->size += (size_t)n;
		reading->unpacked += (uint64_t)n;
		budget->bytes_left -= (uint64_t)n;
	}
}

static void member_name(struct archive_entry *entry, char name[static ARCHIVE_NAME_MAX])
{
	const char *raw = archive_entry_pathname(entry);

	if (!raw)
		raw = "?";
	(void)escape_text(raw, strlen(raw), name, ARCHIVE_NAME_MAX);
}

/* 1: goes on; 0: the end. */
static int member_next(struct reading *reading, archive_member met, void *userdata)
{
	char name[ARCHIVE_NAME_MAX];
	struct archive_entry *entry;
	int r = archive_read_next_header(reading->archive, &entry), stop;

	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_WARN) {
		budget_fault(reading->budget, "an archive that is damaged");
		return 0;
	}
	/* It began like gzip, and is not: these are the bytes that we were given. */
	if (archive_format(reading->archive) == ARCHIVE_FORMAT_RAW &&
	    archive_filter_code(reading->archive, 0) == ARCHIVE_FILTER_NONE) {
		budget_fault(reading->budget, "an archive that is damaged");
		return 0;
	}
	if (reading->budget->members_left == 0) {
		budget_fault(reading->budget, "more members than are unpacked of one file");
		return 0;
	}
	reading->budget->members_left--;
	member_name(entry, name);
	stop = member_read(reading);
	if (stop < 0)
		return stop;
	r = reading->member.size > 0
		    ? met(name, reading->member.bytes, reading->member.size, userdata)
		    : 0;
	return r < 0 ? r : !stop;
}

static int archive_read_all(struct reading *reading, const uint8_t *bytes, size_t size, bool raw,
			    archive_member member, void *userdata)
{
	int r = archive_open(bytes, size, raw, &reading->archive);

	if (r == -EBADMSG) {
		budget_fault(reading->budget, "an archive that is damaged");
		return 0;
	}
	if (r < 0)
		return r;
	do
		r = member_next(reading, member, userdata);
	while (r > 0);
	(void)archive_read_free(reading->archive);
	return r;
}

int archive_each(const uint8_t *bytes, size_t size, struct archive_budget *budget,
		 archive_member member, void *userdata)
{
	struct reading reading = { .budget = budget, .packed = size };
	unsigned before = budget->members_left;
	int r = archive_read_all(&reading, bytes, size, false, member, userdata);

	/* What is zipped and begins with zeros passes for a tar that is over before it begins. */
	if (r == 0 && budget->members_left == before && !budget->reason && size > 2 &&
	    bytes[0] == 0x1f && bytes[1] == 0x8b)
		r = archive_read_all(&reading, bytes, size, true, member, userdata);
	free(reading.member.bytes);
	return r;
}
