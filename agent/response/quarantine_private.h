/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the quarantine share: the item's record, with how far a move has come.
 */
#pragma once

#include <jansson.h>

#include "response/quarantine.h"

struct quarantine {
	int folder;
	int lock; /* flock(2): whoever changes the folder has it */
};

/* How far it is; what each means for recovery is in quarantine.c. */
enum quarantine_state {
	QUARANTINE_TAKING, /* the file is where it was, or came in whole by a rename */
	QUARANTINE_COPIED, /* the copy is whole; the original may still be there */
	QUARANTINE_HELD,
	QUARANTINE_RESTORING, /* the item is here, or went out whole by a rename */
	QUARANTINE_DELETING,
	QUARANTINE_STATES,
};

/* Bounds what is kept of a file besides its content, and so how much a record may be. */
#define QUARANTINE_ATTRIBUTES_MAX ((size_t)256 * 1024)

struct quarantine_record {
	struct quarantine_item item;
	enum quarantine_state state;
	uint64_t device, inode; /* of the original */
	char *target;		/* of a restoration that is under way; else NULL */
	json_t *attributes;	/* extended attributes: name to hexadecimal digits */
};

void quarantine_record_free(struct quarantine_record *record);
/* On disk when it returns; it replaces the one before in one step. */
int quarantine_record_write(int folder, const struct quarantine_record *record);
/* -EBADMSG: it is damaged. */
int quarantine_record_read(int folder, const char *id, struct quarantine_record **ret);
void quarantine_record_unlink(int folder, const char *id);
bool quarantine_id_sound(const char *id);

#define QUARANTINE_NAME_SIZE (QUARANTINE_ID_SIZE + 16)
/* "ID.data" */
void quarantine_name(const char *id, const char *suffix, char out[static QUARANTINE_NAME_SIZE]);

/* quarantine_file.c */
/* Owner, mode, extended attributes and times as the record has them. */
int quarantine_file_dress(int fd, const struct quarantine_record *record);
int quarantine_attributes_read(int fd, json_t **ret);
/* All of it, with its holes; ret_sha256 as text. */
int quarantine_file_copy(int from, int to, char ret_sha256[static SHA256_TEXT_SIZE]);
/* The folder of path, without symbolic links on the way. *ret_name: borrowed from path. */
int quarantine_folder_open(const char *path, const char **ret_name);
bool quarantine_entry_is(int folder, const char *name, uint64_t device, uint64_t inode);
/* Gives what stands at name the name target in another folder, unless there is something. */
int quarantine_entry_put(int folder, const char *name, int to, const char *target);

/* quarantine.c */
/* Waits a moment for whoever has it; -EBUSY. *ret: what quarantine_unlock() is to be given. */
int quarantine_lock(struct quarantine *quarantine, struct quarantine **ret);
void quarantine_unlock(struct quarantine **locked);

/* quarantine_take.c */
/* The name that an original gets in its own folder before it is removed. */
void quarantine_aside_name(const char *id, char out[static QUARANTINE_NAME_SIZE]);
/* Removes what a restoration that was interrupted left beside its target. */
void quarantine_aside_remove(const struct quarantine_record *record);
/* Removes the original of a copy, if it still is that file. 0 also when it is gone already. */
int quarantine_original_remove(const struct quarantine_record *record);
