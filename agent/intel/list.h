/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of indicators as feeds publish them, read line by line (a file of any size, in memory of
 * fixed size) into entries. The format of each line is seen from the line, so files may be mixed:
 *
 *   evil.com   *.evil.com   .evil.com	names, with or without a port, a path or a URL around them
 *   192.0.2.1   198.51.100.0/24		addresses and prefixes
 *   275a021bbfb6...			MD5, SHA-1 and SHA-256 of files
 *   t13d1516h2_8daaf6152771_...		JA4 fingerprints of TLS clients
 *   0.0.0.0 evil.com more.com		hosts files
 *   ||evil.com^   @@||good.com^		AdBlock; other rules of it are not taken
 *   address=/evil.com/   local=/evil.com/	dnsmasq
 *   local-zone: "evil.com" always_nxdomain	unbound
 *   evil.com CNAME .			RPZ; "rpz-passthru." allows
 *   add NAME 192.0.2.0/24			ipset save (nomatch: allowed)
 *   275a021bbfb6...  FILE			sha256sum and its like, ClamAV's hash signatures
 *   ZXZpbC5jb20=			Suricata datasets (strings in base64)
 *   type,indicator,tags			CSV or TSV with a header that names its columns
 *   {"cidr":"192.0.2.0/24"}		JSON lines, an array, or a MISP warninglist (which allows)
 *   {"type":"bundle","objects":[...]}	STIX 2.1: indicators with simple patterns
 *   {"Event":{"Attribute":[...]}}	MISP events: attributes that are to be detected by (to_ids)
 *
 * Any of them may be packed with gzip.
 *
 * Comments start with #, ;, ! or //, at the start of a line or after a blank. Some of them are read
 * (list_attributes.h). The lists' authors are strangers: whatever is not plainly one of these is
 * rejected, and told.
 */
#pragma once

#include <stdint.h>

#include "intel/list_attributes.h"
#include "intel/list_reason.h"
#include "intel/list_token.h"

/* What a list is said to be. A line that is not of that format is rejected. */
enum list_format {
	LIST_FORMAT_AUTO, /* each line as it looks */
	LIST_FORMAT_PLAIN,
	LIST_FORMAT_HOSTS,
	LIST_FORMAT_DNSMASQ,
	LIST_FORMAT_UNBOUND,
	LIST_FORMAT_RPZ,
	LIST_FORMAT_ADBLOCK,
	LIST_FORMAT_CSV,
	LIST_FORMAT_DROP,
	LIST_FORMAT_IPSET,
	LIST_FORMAT_DATASET,
	LIST_FORMAT_HASHES,
	LIST_FORMAT_JSON,
	LIST_FORMAT_STIX,
	LIST_FORMAT_MISP,
	LIST_FORMAT_WARNINGLIST,
	LIST_FORMATS,
};

/* "auto", "hosts", ... */
const char *list_format_name(enum list_format format);
/* -ENOENT. */
int list_format_find(const char *name, enum list_format *ret);

/* items: entries, rejections and skips: one a line, but for hosts files with several names in a
 * line and for JSON documents, where it is one an object or string that could be an entry. */
struct list_counts {
	uint64_t lines, items;
};

struct list_entry {
	struct list_indicator indicator;
	const struct list_attributes *attributes; /* borrowed for the call */
	const char *path;			  /* of the list; borrowed for the call */
	uint64_t line;
};

struct list_rejection {
	const char *path;
	uint64_t line;
	enum list_reason reason;
	struct span text; /* what was rejected, as it stands in the list: to be escaped */
};

struct list_sink {
	/* 0, or a negative errno that ends the reading. */
	int (*entry)(const struct list_entry *entry, void *data);
	void (*reject)(const struct list_rejection *rejection, void *data);
	void (*skip)(enum list_skip skip, void *data); /* may be NULL */
	void (*progress)(uint64_t lines, void *data);  /* now and then; may be NULL */
	void *data;
};

/* Reads the list at fd; path is its name in messages. defaults: what holds for entries that say
 * nothing themselves. *ret: also on failure. Errors of the sink and of list_source.h; -EILSEQ: the
 * list is UTF-16. */
int list_read_fd(int fd, const char *path, enum list_format format,
		 const struct list_attributes *defaults, const struct list_sink *sink,
		 struct list_counts *ret);
