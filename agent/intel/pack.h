/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled indicators: one file that is mapped, not parsed. It holds every entry with its
 * feed, severity, tags and expiry, and the kernel side's table ready to be copied.
 *
 * A pack comes from the agent's own compiler, but is checked like a stranger's: each offset and
 * count before use, the digest when it is opened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/address.h"
#include "base/digest.h"
#include "base/domain_name.h"

struct pack;

enum indicator_kind {
	INDICATOR_DOMAIN,
	INDICATOR_ADDRESS, /* an address or a prefix */
	INDICATOR_HASH,	   /* of a file: MD5, SHA-1 or SHA-256 by its size */
	INDICATOR_JA4,	   /* fingerprint of a TLS client's hello (fingerprint.h) */
	INDICATOR_KINDS,
};

enum indicator_action {
	INDICATOR_BLOCK,
	INDICATOR_ALLOW,
};

#define INDICATOR_TEXT_SIZE 1024

/* One entry as a lookup found it. Strings are borrowed from the pack. */
struct indicator {
	enum indicator_kind kind;
	enum indicator_action action;
	bool never_block; /* an allow entry of the never-block list: nothing overrides it */
	uint8_t severity; /* 1..5; 0: the feed says nothing */
	uint64_t expiry;  /* seconds since the epoch; 0: never */
	const char *feed; /* "" when the list had no name */
	const char *tags; /* comma-separated, "" for none */
	uint32_t line;	  /* of the list it came from; 0: not known */
	char text[INDICATOR_TEXT_SIZE]; /* the entry itself: "evil.com", "10.0.0.0/8", hex digits */
};

/* All that a lookup has to say. matches[0] decides: the longest entry, allow before block at
 * equal length, never_block before all; entries past their expiry are not among them. */
#define PACK_MATCHES_MAX 16
struct pack_match {
	bool blocked; /* matches[0] is a block entry */
	size_t count;
	struct indicator matches[PACK_MATCHES_MAX];
};

struct pack_feed {
	const char *name;
	uint64_t entries;
};

struct pack_info {
	/* allows: of all kinds, counted in them too. Entries of the never-block list are counted
	 * only at their feed. hashes: with JA4 fingerprints. */
	uint64_t domains, addresses, hashes, allows;
	uint64_t created; /* seconds since the epoch */
	uint64_t bytes, table_bytes;
	size_t feeds;
	char sha256[SHA256_TEXT_SIZE];
	bool never_block; /* the never-block list was compiled in */
};

/* Maps the pack at path and checks all of it. A pack is replaced by renaming another one over it,
 * never written in place: what is mapped would change, or be gone (SIGBUS). On failure: -EBADMSG
 * for a damaged, truncated or foreign file, -EPROTONOSUPPORT for another version of the format,
 * others as open(2); *ret_why is then a text that says what is wrong and where (static or borrowed,
 * never NULL). */
int pack_open(const char *path, struct pack **ret, const char **ret_why);
/* The same with a private copy, made in folder (a reflink where the file system can), so that
 * whatever happens to the file at path, this pack stays as it was checked. For daemons. */
int pack_open_private(const char *path, const char *folder, struct pack **ret,
		      const char **ret_why);
/* Of an open file, which nobody may write any more. Takes fd, also on failure. */
int pack_open_fd(int fd, struct pack **ret, const char **ret_why);
void pack_close(struct pack *pack);

/* 1: something matched (which may be an allow entry: see blocked), 0: nothing did. now: seconds
 * since the epoch. */
int pack_lookup_domain(const struct pack *pack, const struct domain_name *name, uint64_t now,
		       struct pack_match *ret);
/* An address behind a translator (64:ff9b::/96) is looked up as the IPv4 address in it, and as
 * itself when that has no entry. */
int pack_lookup_address(const struct pack *pack, const struct address *address, uint64_t now,
			struct pack_match *ret);
/* Only entries of this very prefix, which counts from the start of 128 bits. */
int pack_lookup_prefix(const struct pack *pack, const struct address *address, unsigned prefix,
		       uint64_t now, struct pack_match *ret);
/* hash: of a file, or FINGERPRINT_SIZE bytes of a fingerprint. */
int pack_lookup_hash(const struct pack *pack, const uint8_t *hash, size_t size, uint64_t now,
		     struct pack_match *ret);

/* Whether there are hashes of size bytes in it. */
bool pack_has_hashes(const struct pack *pack, size_t size);
/* Whether there are entries that only the whole hello of a TLS client can match. */
bool pack_has_fingerprints(const struct pack *pack);
/* A hash or fingerprint as lists write it. */
void pack_hash_format(const uint8_t *hash, size_t size, char out[static INDICATOR_TEXT_SIZE]);

void pack_info(const struct pack *pack, struct pack_info *ret);
/* Feed i of pack_info().feeds. */
void pack_feed(const struct pack *pack, size_t i, struct pack_feed *ret);

/* The kernel side's table (probes/table.h, address_table.h): bytes to copy into the map, a multiple
 * of 64. It lies in the file at *ret_offset of *ret_fd (borrowed), so it can be read without
 * mapping it. */
size_t pack_table(const struct pack *pack, int *ret_fd, uint64_t *ret_offset);

/* Calls each() with every domain entry, also with those past their expiry, in no useful order,
 * until it returns something else than 0, which is then returned. -EBADMSG: the content lies. The
 * name is in lower case; both are borrowed for the call. */
int pack_each_domain(const struct pack *pack,
		     int (*each)(const struct domain_name *name, const struct indicator *indicator,
				 void *data),
		     void *data);

/* The same with every address or prefix, by length, then address; prefix counts from the start of
 * 128 bits. */
int pack_each_address(const struct pack *pack,
		      int (*each)(const struct address *address, unsigned prefix,
				  const struct indicator *indicator, void *data),
		      void *data);

/* The kernel side knows no time: takes the flags of entries that are past their expiry out of a
 * copy of the table. Returns how many names and prefixes changed, or -EBADMSG; *ret_next is the
 * next expiry that lies ahead, 0 when there is none. */
int pack_table_expire(const struct pack *pack, void *table, size_t bytes, uint64_t now,
		      uint64_t *ret_next);
