/* SPDX-License-Identifier: Apache-2.0
 *
 * What a list says about its entries besides what they are, and how it says it:
 *
 *   # cordon: feed=NAME severity=high tags=a,b expires=2027-01-01 action=allow force-suffix
 *	for the entries that follow in the file
 *   evil.com # severity=high tags=x expires=2027-01-01T12:00:00Z
 *	for one entry: a comment in which every word is one of these; any other is only a comment
 *
 * severity: critical, high, medium, low, informational, or 5 to 1. expires: RFC 3339. action: block
 * or allow. force-suffix: entries that are public suffixes, single labels or very wide prefixes are
 * meant. scope=name, in never-block lists: the name is protected, but not what stands below it.
 * Tags of an entry are added to those of its file. Lists are foreign bytes: what a value may hold
 * is limited here, so that feeds and tags can be shown and compared without care.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "intel/pack.h"
#include "intel/span.h"

#define LIST_FEED_SIZE 64
#define LIST_TAGS_SIZE 256

/* Compared as bytes: to be zeroed as a whole before it is filled. */
struct list_attributes {
	char feed[LIST_FEED_SIZE];
	char tags[LIST_TAGS_SIZE];
	uint64_t expiry;    /* seconds since the epoch; 0: never */
	uint8_t severity;   /* 1..5; 0: not said */
	uint8_t action;	    /* enum indicator_action */
	uint8_t feed_given; /* the feed's name is not the list's to choose */
	uint8_t force_suffix;
	uint8_t never_block;
	uint8_t name_only; /* scope=name */
};

/* The words of a "cordon:" comment. 0 or -EINVAL; *attributes is then unchanged. */
int list_attributes_file(struct list_attributes *attributes, struct span words);
/* 1: the comment's words are attributes, and were taken; 0: it is only a comment; -EINVAL: they
 * are, but a value is not valid. */
int list_attributes_entry(struct list_attributes *attributes, struct span comment);

/* Single values, as columns and command-line options give them; -EINVAL when not valid. */
int list_attributes_feed(struct list_attributes *attributes, struct span value);
int list_attributes_severity(struct list_attributes *attributes, struct span value);
int list_attributes_tags(struct list_attributes *attributes, struct span value);
int list_attributes_expires(struct list_attributes *attributes, struct span value);

/* Adds one tag out of text that was not meant as one ("The Truth Spy"): bytes that a tag cannot
 * have become '-'. What no longer fits is left out. */
void list_attributes_add_tag(struct list_attributes *attributes, struct span text);
