/* SPDX-License-Identifier: Apache-2.0
 *
 * One object of a JSON document that may be an entry: its members as list_json.c gathered them, and
 * what is made of them, by the kind of the document.
 */
#pragma once

#include "intel/json_token.h"
#include "intel/list_reader.h"

/* What an object is taken for, by where it stands. */
enum list_record_kind {
	LIST_RECORD_PLAIN, /* its members say what it is */
	LIST_RECORD_STIX,  /* STIX 2.1: in "objects" of a bundle */
	LIST_RECORD_MISP,  /* an attribute of a MISP event */
};

enum list_flag {
	LIST_FLAG_ABSENT,
	LIST_FLAG_FALSE,
	LIST_FLAG_TRUE,
};

/* A URL around a name fits; what is longer is no indicator. */
#define LIST_TEXT_SIZE 2048

struct list_text {
	bool given;
	size_t size;
	char bytes[LIST_TEXT_SIZE];
};

struct list_record {
	enum list_record_kind kind;
	struct list_attributes attributes;
	uint64_t line;	     /* where it begins */
	uint64_t valid_from; /* seconds since the epoch; 0: not said */
	uint8_t to_ids, withdrawn;
	bool container;	     /* entries stand inside: it is none itself */
	bool too_long;	     /* its indicator */
	bool other_pattern;  /* of another language than STIX */
	bool not_malicious;  /* says that of itself */
	bool network_number; /* is about an AS: a name in it is its owner's */
	bool pattern_given;
	struct list_text type, indicator;
	size_t pattern_size;
	char pattern[JSON_STRING_SIZE];
};

void list_record_begin(struct list_record *record, enum list_record_kind kind,
		       const struct list_attributes *attributes, uint64_t line);
void list_record_tag(struct list_record *record, struct span tag);
/* Gives its entries or rejections to the reader's sink: each record at least one, or a skip. */
void list_record_tell(struct list_reader *reader, struct list_record *record);

/* list_stix.c: the alternatives of a pattern (STIX 2.1, 9), each an entry or a rejection. */
void list_stix_pattern(struct list_reader *reader, struct span pattern,
		       const struct list_attributes *attributes);
/* list_misp.c: an attribute's value, by its type. */
void list_misp_attribute(struct list_reader *reader, struct span type, struct span value,
			 const struct list_attributes *attributes);
