/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of reading one list, shared by the files that know its formats.
 */
#pragma once

#include "intel/list.h"
#include "intel/list_source.h"

/* What the columns of a CSV file hold. */
#define LIST_CSV_COLUMNS 64

enum list_csv_role {
	LIST_CSV_OTHER,
	LIST_CSV_INDICATOR,
	LIST_CSV_TYPE,
	LIST_CSV_SEVERITY,
	LIST_CSV_TAGS, /* a list of tags, or one */
	LIST_CSV_EXPIRES,
};

struct list_reader {
	const char *path;
	const struct list_sink *sink;
	struct list_source source;
	uint64_t line;			    /* the one at hand */
	struct list_attributes attributes;  /* of the file, up to here */
	bool in_parentheses;		    /* inside an RPZ record of several lines */
	char origin[DOMAIN_NAME_TEXT_SIZE]; /* of an RPZ zone, with its dot; "": not said */
	size_t csv_columns;		    /* 0: no header seen */
	char csv_separator;
	uint8_t csv_roles[LIST_CSV_COLUMNS];
	unsigned format; /* bits of enum list_format: what lines may be */
	uint64_t told;	 /* entries, rejections and skips */
	int error;	 /* from the sink: reading ends */
};

/* Bits of kinds that a value may be of. */
#define LIST_KIND(kind) (1u << (kind))

/* One indicator, as it stands in the list. */
void list_reader_token(struct list_reader *reader, struct span token,
		       const struct list_attributes *attributes);
/* The same where the list says of what kind it is. */
void list_reader_typed(struct list_reader *reader, struct span token, unsigned kinds,
		       const struct list_attributes *attributes);
/* The host of a URL that is nothing but that: a listed page does not make its server bad. */
void list_reader_url(struct list_reader *reader, struct span url,
		     const struct list_attributes *attributes);
void list_reader_reject(struct list_reader *reader, enum list_reason reason, struct span text);
void list_reader_skip(struct list_reader *reader, enum list_skip skip);

/* A format of lines has a look at one: true when it is its own (and was taken or rejected). */
typedef bool list_line(struct list_reader *reader, struct span line,
		       const struct list_attributes *attributes);

/* list_rule.c: formats that the start of a line shows. */
list_line list_rule_adblock, list_rule_dnsmasq, list_rule_unbound;
/* list_zone.c: formats made of blank-separated words. */
list_line list_zone_skipped, list_zone_record, list_zone_hosts;

/* list_set.c: sets of addresses and hashes. */
list_line list_set_ipset, list_set_hash, list_set_base64;

/* list_csv.c */
bool list_csv_header(struct list_reader *reader, struct span line);
void list_csv_row(struct list_reader *reader, struct span line,
		  const struct list_attributes *attributes);

/* list_json.c: whether a JSON value starts here, and reading one. */
bool list_json_ahead(struct span ahead);
void list_json_read(struct list_reader *reader);
/* Words of feeds that say what an indicator is: whether it is of a kind that we match. */
bool list_csv_type_known(struct span type);
enum list_csv_role list_csv_role(struct span name);
