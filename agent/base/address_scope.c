/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address_scope.h"

#include "base/cleanup.h"

#define IPV4(a, b, c, d)                                                                           \
	{                                                                                          \
		{                                                                                  \
			0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d                       \
		}                                                                                  \
	}

/* The first that fits counts, so the narrow ones come first. */
static const struct {
	struct address prefix;
	unsigned length;
	enum address_scope scope;
} scopes[] = {
	{ IPV4(169, 254, 169, 254), 128, ADDRESS_METADATA },
	{ IPV4(169, 254, 170, 2), 128, ADDRESS_METADATA },
	{ IPV4(169, 254, 170, 23), 128, ADDRESS_METADATA },
	{ { { 0xfd, 0, 0x0e, 0xc2, [14] = 2, [15] = 0x54 } }, 128, ADDRESS_METADATA },
	{ { { 0xfd, 0, 0x0e, 0xc2, [15] = 0x23 } }, 128, ADDRESS_METADATA },
	{ { { 0xfd, 0, 0x0e, 0xc2 } }, 32, ADDRESS_LINK_LOCAL },
	{ IPV4(127, 0, 0, 0), 104, ADDRESS_LOOPBACK },
	{ { { [15] = 1 } }, 128, ADDRESS_LOOPBACK },
	{ IPV4(169, 254, 0, 0), 112, ADDRESS_LINK_LOCAL },
	{ { { 0xfe, 0x80 } }, 10, ADDRESS_LINK_LOCAL },
	{ IPV4(10, 0, 0, 0), 104, ADDRESS_PRIVATE },
	{ IPV4(172, 16, 0, 0), 108, ADDRESS_PRIVATE },
	{ IPV4(192, 168, 0, 0), 112, ADDRESS_PRIVATE },
	{ IPV4(100, 64, 0, 0), 106, ADDRESS_PRIVATE },
	{ { { 0xfc } }, 7, ADDRESS_PRIVATE },
	{ IPV4(0, 0, 0, 0), 104, ADDRESS_NOWHERE },
	{ { { 0 } }, 128, ADDRESS_NOWHERE },
	{ IPV4(224, 0, 0, 0), 99, ADDRESS_NOWHERE },
	{ { { 0xff } }, 8, ADDRESS_NOWHERE },
};

enum address_scope address_scope(const struct address *address)
{
	for (size_t i = 0; i < ELEMENTS(scopes); i++) {
		struct address masked = *address;

		address_mask(&masked, scopes[i].length);
		if (address_equal(&masked, &scopes[i].prefix))
			return scopes[i].scope;
	}
	return ADDRESS_GLOBAL;
}
