/* SPDX-License-Identifier: Apache-2.0
 *
 * Resolvers and search domains in the text of a file. Gives them to resolvers.c. The files are
 * root's; what a lease says is the network's choice.
 */
#pragma once

#include <stddef.h>

#include "base/address.h"
#include "base/domain_name.h"

#define RESOLVERS_MAX	     32 /* what comes first stays: the configuration, then the files */
#define RESOLVERS_SEARCH_MAX 16

struct resolver_text {
	struct address addresses[RESOLVERS_MAX]; /* each once */
	size_t addresses_count;
	struct domain_name search[RESOLVERS_SEARCH_MAX];
	size_t search_count;
};

enum resolver_file {
	RESOLVER_RESOLV_CONF, /* resolv.conf(5) */
	RESOLVER_NETIF,	      /* state of systemd-networkd and systemd-resolved: KEY=words */
	RESOLVER_DHCLIENT,    /* dhclient.leases(5) */
	RESOLVER_FILES,
};

/* Puts what the text says behind what was found; what is no address or name is left out, and what
 * there is no room for. text is written to. */
void resolver_text_take(struct resolver_text *found, enum resolver_file kind, char *text);
void resolver_text_address(struct resolver_text *found, const struct address *address);
