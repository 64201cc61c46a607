/* SPDX-License-Identifier: Apache-2.0
 *
 * What a match key is compared with, as match.c holds it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/domain_name.h"
#include "policy/mapping.h"
#include "policy/match_text.h"

/* One thing to compare with. Owns its pointers. */
struct match_value {
	char *text; /* as it was written, never empty */
	bool glob;
	size_t head; /* of a glob: bytes before the first special character */
	size_t tail; /* and behind the last one */
	size_t size; /* of the text */
	bool numeric;
	uint64_t number, last;	/* of a range, else both the same: a port, a user's number, seconds
				 * of a day */
	struct address address; /* of a prefix, bits beyond its length cleared */
	unsigned length;
	uint64_t mask[2]; /* the bits of its length, in the order that they stand in memory */
	struct domain_name *name; /* in lower case; of length 0 when the text is no name */
};

struct match_key;

/* A key and its values, any of which may match. */
struct match_condition {
	const struct match_key *key;
	struct match_value *values; /* names are sorted by match.c */
	size_t count;
	unsigned mask; /* instead, for a key with few possible values: bit n set, n is accepted */
	/* And what was given with operators; any of them may match, too. */
	struct match_tests *tests;
	size_t tests_count;
};

/* One mapping of operators. */
struct match_tests {
	char *name; /* of an instance's tag; NULL for other keys */
	struct text_tests tests;
};

/* Adds a value with the node's text to the condition. */
int match_value_add(struct document *document, const struct document_node *node, const char *what,
		    struct match_condition *condition, struct match_value **ret);

/* Readers of one item of a key's list; field: struct match_condition *. */
mapping_reader match_value_exact;
mapping_reader match_value_tag;
mapping_reader match_value_glob;
mapping_reader match_value_user;
mapping_reader match_value_address;
mapping_reader match_value_domain;
mapping_reader match_value_indicator;
mapping_reader match_value_severity;  /* mask of enum severity */
mapping_reader match_value_stub;      /* mask of bool */
mapping_reader match_value_direction; /* mask of enum event_direction */

mapping_reader match_value_port;
mapping_reader match_value_kind;     /* mask of enum event_kind */
mapping_reader match_value_protocol; /* mask of enum match_protocol */
mapping_reader match_value_uid;
mapping_reader match_value_time;    /* seconds of a day, in UTC */
mapping_reader match_value_weekday; /* mask of days, Sunday is 0 */
mapping_reader match_value_tests;   /* of a mapping of operators */
mapping_reader match_value_instance_tag;

enum match_protocol {
	MATCH_TCP,
	MATCH_UDP,
	MATCH_DNS,
	MATCH_TLS,
	MATCH_HTTP,
	MATCH_QUIC,
};
/* The words for them. */
extern const struct mapping_words match_kinds, match_protocols;

/* Puts values that are names into the order that match_names_cover() needs. */
void match_names_sort(struct match_condition *condition);
/* Whether the text, of that length, is what a value of match_value_glob() asks for. */
bool match_glob_covers(const struct match_value *value, const char *text, size_t length);
/* Whether the name, in lower case, is one of the values or below it. */
bool match_names_cover(const struct match_condition *condition, const struct domain_name *name);

/* Item i of a list joined by commas, in the buffer of MATCH_TEXT_SIZE; NULL: there is none. */
const char *match_list_item(const char *list, size_t i, char *buffer);

void match_condition_clear(struct match_condition *condition);
