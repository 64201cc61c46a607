/* SPDX-License-Identifier: Apache-2.0
 *
 * This host's own resolvers, and its search domains: from resolv.conf and its neighbours, DHCP
 * leases, the configuration, and what every VPC has. Gives them to whoever tells the kernel side
 * which plain DNS is in order. The files are root's; what a lease says is the network's choice.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/domain_name.h"
#include "sensor/resolver_text.h"

struct resolvers;

struct resolvers_options {
	const struct address *configured; /* copied; taken whatever else there is */
	size_t configured_count;
	bool interfaces;  /* the third address of each interface's IPv4 network: VPC's resolver */
	const char *root; /* stands before each path; NULL: nothing does. For tests; copied */
};

/* Reads what there is. changed: called in resolvers_refresh(), whenever something did. */
int resolvers_new(const struct resolvers_options *options,
		  void (*changed)(const struct resolvers *resolvers, void *userdata),
		  void *userdata, struct resolvers **ret);
void resolvers_free(struct resolvers *resolvers);

/* Looks whether a file changed and reads all of them anew if so; to be called each tick: it costs a
 * stat a file. 1: the resolvers or the search domains are others, and changed was called; the first
 * call always does. 0: they are not. */
int resolvers_refresh(struct resolvers *resolvers);

/* Borrowed until the next refresh. */
const struct address *resolvers_addresses(const struct resolvers *resolvers, size_t *ret_count);
const struct domain_name *resolvers_search(const struct resolvers *resolvers, size_t *ret_count);
