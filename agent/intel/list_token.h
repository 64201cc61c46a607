/* SPDX-License-Identifier: Apache-2.0
 *
 * One indicator as feeds write it: a name ("evil.com", "*.evil.com", ".evil.com", "EVIL.com."), an
 * address or prefix, either of them with a port or inside a URL, or a file hash.
 *
 * A name stands for itself and everything below it, so "*.evil.com" and ".evil.com" are "evil.com".
 * A URL or "host/path" stands for its host. An address with a wildcard before it, and a number that
 * programs read as an address though it is not written as one ("0x7f.1", "1.2.3"), are refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/domain_name.h"
#include "intel/list_reason.h"
#include "intel/pack.h"
#include "intel/span.h"

#define LIST_HASH_MAX 32 /* SHA-256 */

/* Narrowest numbers of fixed bits that are taken unless forced: wider ones are typing errors that
 * would cut off a good part of the internet. In terms of 128 bits. */
#define LIST_PREFIX_MIN_IPV4 (96 + 8)
#define LIST_PREFIX_MIN_IPV6 16

struct list_indicator {
	enum indicator_kind kind;
	bool masked; /* bits were set beyond the prefix; they were cleared */
	unsigned prefix;
	size_t hash_size;
	struct domain_name name; /* lower case */
	struct address address;
	uint8_t hash[LIST_HASH_MAX];
};

/* LIST_TAKEN, or the reason why not. forced: public suffixes, single labels and wide prefixes are
 * taken, too. */
enum list_reason list_token_read(struct span token, bool forced, struct list_indicator *ret);
/* Whether a URL names more than its host: a path, a query, a fragment. */
bool list_token_url_narrow(struct span url);
