/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer section of a DNS message: which addresses a name has, and which other names it leads
 * to. Takes a message whose questions were read by dns_message.c; gives plain values. The bytes are
 * a stranger's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/domain_name.h"

struct dns_message;

/* Values read from one message: a name with more addresses is not served in one answer, and what
 * follows is counted. */
#define DNS_ANSWERS_MAX	   128
#define DNS_ANSWERS_ALPN   64
#define DNS_ANSWERS_CHAIN  16 /* names that lead to one another: no resolver follows more */
#define DNS_ANSWERS_ROUNDS 4  /* times that the records are gone through for the chain */

enum dns_answer_type {
	DNS_ANSWER_A = 1,
	DNS_ANSWER_CNAME = 5,
	DNS_ANSWER_AAAA = 28,
	DNS_ANSWER_DNAME = 39,
	DNS_ANSWER_SVCB = 64,
	DNS_ANSWER_HTTPS = 65,
};

/* One value: an address, or a name that owner leads to. An HTTPS or SVCB record is one with the
 * target's name, and one more for each address hint. */
struct dns_answer {
	uint16_t type;		  /* enum dns_answer_type */
	uint32_t ttl;		  /* seconds; RFC 2181, 8: 0 when the highest bit was set */
	bool chained;		  /* owner is the question's name, or one that it leads to */
	bool ech;		  /* SVCB: keys for an encrypted hello were given */
	struct domain_name owner; /* as sent; case is kept */
	struct domain_name name;  /* target; length 0: it is an address */
	struct address address;
	char alpn[DNS_ANSWERS_ALPN]; /* SVCB: protocols joined by commas, as far as they fit; bytes
				      * outside of 0x21..0x7e as '?' */
};

struct dns_answers {
	size_t count;
	unsigned skipped;   /* records of other types or classes */
	bool incomplete;    /* the message was cut, broken, or had more than DNS_ANSWERS_MAX */
	const char *reason; /* static text, of incomplete; or NULL */
	struct dns_answer answers[DNS_ANSWERS_MAX];
};

/* Reads the answer section of a message whose questions were all read; question: the name that was
 * asked, where the chain starts. 0; -ENODATA when the section was cut, -EBADMSG when it can't be
 * read on, -E2BIG when there was more: what was read up to there is in ret in every case. */
int dns_answers_read(struct dns_message *message, const struct domain_name *question,
		     struct dns_answers *ret);

/* Letters compare without case. */
bool dns_answers_same_name(const struct domain_name *a, const struct domain_name *b);

/* "A", "CNAME"...; "" for what is not among them. */
const char *dns_answer_type_name(uint16_t type);
