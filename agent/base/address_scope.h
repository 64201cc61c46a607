/* SPDX-License-Identifier: Apache-2.0
 *
 * How far an address reaches.
 */
#pragma once

#include "base/address.h"

enum address_scope {
	ADDRESS_GLOBAL,
	ADDRESS_LOOPBACK,
	ADDRESS_METADATA,   /* of an EC2 instance, and credentials of containers */
	ADDRESS_LINK_LOCAL, /* RFC 3927, RFC 4291 */
	ADDRESS_PRIVATE,    /* RFC 1918, RFC 6598, RFC 4193 */
	ADDRESS_NOWHERE,    /* unspecified, multicast, broadcast: nobody's address */
};

enum address_scope address_scope(const struct address *address);
