/* SPDX-License-Identifier: Apache-2.0
 *
 * The lists that come with the program: public resolvers (policy/doh-resolvers.txt), and names that
 * are asked everywhere (policy/popular-names.list).
 */
#pragma once

#define RESOLVER_LIST_PATH "built-in list of public resolvers"

/* A descriptor to read it from, the caller's to close; or a negative errno. */
int resolver_list_open(void);
int popular_list_open(void);
