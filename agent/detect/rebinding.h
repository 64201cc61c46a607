/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of strangers that lead inside: to this host, to the metadata service, or, once they were
 * seen outside, into the private network. That is how a web page or a URL that a server fetches
 * gets at what only this host can reach.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "detect/finding.h"

struct rebinding;

/* Names seen with a public address, and how long that counts. The one seen longest ago makes room.
 * Plain answers with public addresses stay in the kernel: what is known here comes from answers
 * that went up for another reason. */
#define REBINDING_NAMES_MAX  4096
#define REBINDING_TIME	     (3600 * UINT64_C(1000000000))
#define REBINDING_SEARCH_MAX 16

struct rebinding_statistics {
	uint64_t names, evicted;
};

int rebinding_new(struct rebinding **ret);
void rebinding_free(struct rebinding *rebinding);

/* This host's search domains: names below them may lead inside. Copied; the first
 * REBINDING_SEARCH_MAX count. */
void rebinding_search(struct rebinding *rebinding, const struct domain_name *names, size_t count);
void rebinding_statistics(const struct rebinding *rebinding, struct rebinding_statistics *ret);

/* True, with title, why and severity filled in: medium for the metadata service, else low. */
bool rebinding_answer(struct rebinding *rebinding, const struct event *event,
		      struct finding *finding);
