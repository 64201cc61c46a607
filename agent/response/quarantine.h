/* SPDX-License-Identifier: Apache-2.0
 *
 * Quarantine: files that were found bad, moved where nobody but root comes to, with what is needed
 * to put them back. A folder (mode 0700) with three files an item:
 *
 *   ID.json   what it is, where it was, and how far a move has come
 *   ID.data   the file itself, without any permission
 *   HASH.allowed   a file of this SHA-256 was put back: it is not to be taken again
 *
 * A file is moved by rename where that can be, else copied, and the original removed when the copy
 * is on disk. Whatever is interrupted in between is finished or undone at the next opening: either
 * the original is in its place, or the item is whole. Whoever owns the folder that the file is in
 * may rename things meanwhile; what is taken is the file of the descriptor, or nothing.
 *
 * The daemon and the commands work on the same folder: a lock lets one at a time change it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/digest.h"
#include "base/file_identity.h"

#define QUARANTINE_FOLDER  "quarantine" /* below state_dir */
#define QUARANTINE_ID_SIZE 33		/* 128 random bits, in hexadecimal digits */

struct quarantine;

/* Why, as it is kept with the item. Strings are copied; NULL: not known. */
struct quarantine_reason {
	const char *finding; /* its uid */
	const char *rule;    /* the YARA rule, or the entry */
	const char *sha256;  /* hexadecimal; NULL: it is computed where the file is copied */
};

struct quarantine_item {
	char id[QUARANTINE_ID_SIZE];
	char *path; /* where it was; raw bytes */
	char *finding, *rule;
	char sha256[SHA256_TEXT_SIZE]; /* "": not known */
	uint64_t time;		       /* ns since the epoch */
	uint64_t size;
	uint32_t mode, uid, gid;
	uint64_t links; /* names that the file had: others of them stay where they are */
	bool copied;	/* it was on another file system */
	uint64_t accessed, modified; /* times, ns since the epoch */
};

/* Opens the folder, makes it when it is missing, and ends what was interrupted. ret_ended: how many
 * were; may be NULL. -EPERM: others than us have a hand in the folder. -EBUSY: it is being changed
 * right now, by a process that takes its time. */
int quarantine_open(const char *folder, struct quarantine **ret, size_t *ret_ended);
void quarantine_close(struct quarantine *quarantine);

/* Takes the file that fd is open on, if it still is what was scanned, and still has the name that
 * it was opened by. -ESTALE: it is another one by now, or another file stands in its place;
 * -ENOENT: it has no name (a memfd, a deleted file); -EBUSY. On failure the file is where it was.
 */
int quarantine_take(struct quarantine *quarantine, int fd, const struct file_identity *scanned,
		    const struct quarantine_reason *reason, char ret_id[static QUARANTINE_ID_SIZE]);

/* Calls show for each item, which is borrowed for the call, the oldest first. Returns how many, or
 * the first negative value of show. What is damaged is counted in ret_damaged. */
int quarantine_list(struct quarantine *quarantine,
		    int (*show)(const struct quarantine_item *item, void *userdata), void *userdata,
		    size_t *ret_damaged);

/* Puts it back: content, mode, owner, extended attributes and times, to where it was, or to path.
 * allow: a file of this content is not taken again. -EEXIST: there is a file; -ENOENT: no such
 * item, or the folder is gone; -ELOOP: a symbolic link in the way. On failure the item stays. */
int quarantine_restore(struct quarantine *quarantine, const char *id, const char *path, bool allow);
int quarantine_delete(struct quarantine *quarantine, const char *id);

/* Whether a file of this content was put back with allow. */
bool quarantine_allows(const struct quarantine *quarantine, const char *sha256);
