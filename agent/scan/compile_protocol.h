/* SPDX-License-Identifier: Apache-2.0
 *
 * What cordond and a worker that compiles feeds say to each other: the parent hands over
 * descriptors, each with what it is, the output last; the worker compiles and answers. One message
 * a frame, of exactly its type's size. The worker has read what strangers wrote: its answers are
 * checked, and so is the pack (pack.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cage_layer.h"
#include "intel/compile.h"
#include "intel/pack_diff.h"

#define COMPILE_MODE	  "compile"
#define COMPILE_VERSION	  1
/* As many as a configuration may have. */
#define COMPILE_FEEDS_MAX 256

#define COMPILE_TEXT_SIZE 256

/* What a descriptor is that is handed over. */
enum compile_role {
	COMPILE_FEED,
	COMPILE_NEVER_BLOCK,
	COMPILE_RESOLVERS, /* the built-in list */
	COMPILE_BEFORE,	   /* the pack in force, to compare with */
	COMPILE_POPULAR,   /* a list of names that are not to be blocked newly */
	COMPILE_IN_USE,	   /* a list of names that this host has used for long: likewise */
	COMPILE_OUTPUT,	   /* where the pack goes; the work begins */
	COMPILE_READY,	   /* instead: a pack that is only to be compared */
	COMPILE_ROLES,
};

/* With one descriptor. Texts end with NUL. */
struct compile_hand {
	uint32_t role;
	uint8_t severity, allow, format;
	uint64_t expiry; /* of entries that have none; seconds since the epoch, 0: never */
	char name[LIST_FEED_SIZE];
	char tags[LIST_TAGS_SIZE];
};

/* Names of a list that are blocked newly: how many, and the first of them. */
struct compile_named {
	uint64_t count;
	char name[COMPILE_TEXT_SIZE];
};

enum compile_answer_type {
	COMPILE_HELLO,
	COMPILE_PROGRESS,
	COMPILE_FEED_DONE,
	COMPILE_CHANGE,
	COMPILE_DONE,
	COMPILE_FAILED,
};

struct compile_answer {
	uint32_t type;
	union {
		struct {
			uint32_t version, uid;
			uint16_t layers[CAGE_LAYERS];
		} hello;
		uint64_t lines; /* of progress */
		struct {
			uint32_t feed; /* in the order in which they were handed over */
			struct compile_feed_report report;
		} feed;
		struct pack_change change;
		struct {
			uint64_t lines, items, domains, addresses, hashes, allows, never_block;
			uint64_t duplicates, rejected, bytes;
			struct compile_named popular, in_use;
		} done;
		struct {
			int32_t error; /* negative errno */
			uint32_t feed; /* that it is about, or UINT32_MAX */
			char text[COMPILE_TEXT_SIZE];
		} failed;
	};
};
