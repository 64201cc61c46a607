/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of public resolvers that comes with the program (policy/doh-resolvers.txt).
 */
#pragma once

#define RESOLVER_LIST_PATH "built-in list of public resolvers"

/* A descriptor to read it from, the caller's to close; or a negative errno. */
int resolver_list_open(void);
