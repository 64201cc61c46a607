/* SPDX-License-Identifier: Apache-2.0
 *
 * What the processes that scan files say to each other: one message a frame of a SOCK_SEQPACKET
 * socketpair, descriptors with it. A table says of each message what it carries and who may get it
 * when. Each side takes the other's frames as hostile; the parent has the most reason to.
 *
 *   parent -> compiler   SOURCE (a file of rules)..., COMPILE (where to); after an INCLUDE: SOURCE
 *                        or MISSING
 *   compiler -> parent   INCLUDE (asks for a file), TROUBLE..., COMPILED
 *   parent -> zygote     RULES (the compiled set, limits), FORK (a worker's channel)
 *   zygote -> parent     LOADED, FORKED
 *   parent -> worker     SCAN (a file, or the memory of a process)
 *   worker -> parent     MATCH..., HASHES..., DONE, and later perhaps SLOW (a rule)
 *
 * Each of the three says HELLO first, and FAILED as its last word.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cage_layer.h"
#include "base/digest.h"

#define FILE_PROTOCOL_VERSION 2
/* The longest: a MATCH with all its texts. */
#define FILE_FRAME_MAX	      ((size_t)16 * 1024)
#define FILE_NUMBERS_MAX      (2 + CAGE_LAYERS)
#define FILE_TEXTS_MAX	      5
#define FILE_DESCRIPTORS      2

enum file_message_type {
	FILE_HELLO = 1,
	FILE_FAILED,
	FILE_SOURCE,
	FILE_MISSING,
	FILE_COMPILE,
	FILE_INCLUDE,
	FILE_TROUBLE,
	FILE_COMPILED,
	FILE_RULES,
	FILE_LOADED,
	FILE_FORK,
	FILE_FORKED,
	FILE_SCAN,
	FILE_MATCH,
	FILE_DONE,
	FILE_SLOW,
	FILE_HASHES,
	FILE_MESSAGES,
};

/* Who reads: bits of the table. The parent_* are the parent, of such a process. */
enum file_reader {
	FILE_READER_COMPILER = 1,
	FILE_READER_ZYGOTE = 2,
	FILE_READER_WORKER = 4,
	FILE_READER_PARENT_COMPILER = 8,
	FILE_READER_PARENT_ZYGOTE = 16,
	FILE_READER_PARENT_WORKER = 32,
	FILE_READER_PARENT_UNGREETED = 64,
};

/* The places of what a message carries. */
enum { FILE_HELLO_VERSION, FILE_HELLO_UID, FILE_HELLO_LAYERS };
enum { FILE_SOURCE_TOP };
enum { FILE_TROUBLE_LINE, FILE_TROUBLE_WARNING };
enum { FILE_COMPILED_RULES, FILE_COMPILED_LEFT_OUT, FILE_COMPILED_MAGIC };
enum {
	FILE_RULES_SIZE_MAX,
	FILE_RULES_TIME_MAX,
	FILE_RULES_DEPTH,
	FILE_RULES_UNPACKED_MAX,
};
enum { FILE_SCAN_MEMORY, FILE_SCAN_HASHES };
enum { FILE_MATCH_SEVERITY, FILE_MATCH_SCORE };
enum { FILE_DONE_FLAGS, FILE_DONE_SIZE };
enum { FILE_SLOW_TIME };
/* MD5 and SHA-1 stand as they are in the numbers. */
enum {
	FILE_HASHES_KINDS,
	FILE_HASHES_SIZE,
	FILE_HASHES_MD5,
	FILE_HASHES_SHA1 = 4,
	FILE_HASHES_END = 7
};
#define FILE_DONE_UNSCANNABLE 1u
#define FILE_DONE_PARTIAL     2u
#define FILE_DONE_HASHED      4u
#define FILE_DONE_BLAMES      8u /* looks for a slow rule before it goes on, once in its life */
/* Texts. SOURCE, FAILED, MISSING have one. */
enum { FILE_INCLUDE_NAME, FILE_INCLUDE_FROM };
enum { FILE_TROUBLE_NAME, FILE_TROUBLE_WHY };
enum { FILE_SCAN_PATH, FILE_SCAN_OWNER };
enum { FILE_SLOW_RULE, FILE_SLOW_NAMESPACE };
enum {
	FILE_MATCH_RULE,
	FILE_MATCH_NAMESPACE,
	FILE_MATCH_REFERENCE,
	FILE_MATCH_DESCRIPTION,
	FILE_MATCH_INSIDE,
};

struct file_message {
	enum file_message_type type;
	uint64_t id; /* SCAN, MATCH, DONE: the job; FORK, FORKED: the worker, of which FORKED has
		      * the pid as its number */
	uint64_t numbers[FILE_NUMBERS_MAX];
	const char *texts[FILE_TEXTS_MAX]; /* in the frame; never NULL where the table has one */
	uint8_t digest[SHA256_SIZE];
	int descriptors[FILE_DESCRIPTORS]; /* -1: none */
};

struct file_frame {
	size_t size;
	int descriptors[FILE_DESCRIPTORS]; /* the frame's own until they are taken */
	pid_t sender; /* as the kernel says, where the socket has SO_PASSCRED; else 0 */
	_Alignas(8) char bytes[FILE_FRAME_MAX];
};

const char *file_message_name(enum file_message_type type);

/* Texts that are too long are cut; NULL is "". */
void file_message_write(const struct file_message *message, struct file_frame *ret);
/* What the frame says, if the reader may be told it now: 0. -EBADMSG: *ret_why, static. On success
 * the descriptors are the message's. */
int file_message_read(struct file_frame *frame, enum file_reader reader, struct file_message *ret,
		      const char **ret_why);
void file_message_close(struct file_message *message);

/* wait false: -EAGAIN where the socket would block. -EPIPE: the peer is gone. The descriptors stay
 * the caller's. */
int file_message_send(int fd, const struct file_message *message, bool wait);
/* The same; -EBADMSG: a frame of no allowed form. */
int file_frame_receive(int fd, struct file_frame *ret, bool wait);
