/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel side's address table (probes/address_table.h) seen from user space: checked, walked as
 * the probes walk it, and changed before it is handed to the kernel. It lies behind the domain
 * table in the same image. An image is borrowed bytes; a lying one is refused or answers wrongly,
 * but is never read out of bounds.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "probes/address_table.h"

/* Whether both headers, which headers starts with, fit an image of so many bytes: 0 or -EBADMSG.
 */
int address_table_check(const void *headers, uint64_t bytes);

/* The flags of the longest prefix with the address that is listed or allowed, or 0. *ret_prefix
 * (unless NULL) is its length, or 0. An address behind a translator (64:ff9b::/96) is the IPv4
 * address in it; only when that has no entry, its own form counts. */
uint64_t address_table_walk(const void *table, size_t bytes, const struct address *address,
			    unsigned *ret_prefix);

/* Sets flags (among LISTED, ALLOWED, KEEP), and clears others, of this very prefix. 1: done, 0: it
 * is not in the table. */
int address_table_change(void *table, size_t bytes, const struct address *address, unsigned prefix,
			 uint64_t set, uint64_t clear);

/* The flags of this very prefix; 0: it is not in the table. */
uint64_t address_table_flags(const void *table, size_t bytes, const struct address *address,
			     unsigned prefix);

struct address_words address_words_of(const struct address *address);
/* IPv4 as the table has it: an address or prefix whose length reaches beyond the mapped head. */
bool address_words_is_ipv4(const struct address_words *words, unsigned prefix);
