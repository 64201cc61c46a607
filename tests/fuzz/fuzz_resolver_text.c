/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: files with this host's resolvers; a DHCP server chooses what a lease says. The first
 * byte says which kind. Whatever comes: as many as there is room for, each address once.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/resolver_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(free_cleanup) char *text = calloc(1, size + 1);
	struct resolver_text found = { 0 };

	if (!text || size == 0)
		return 0;
	memcpy(text, data + 1, size - 1);
	resolver_text_take(&found, (enum resolver_file)(data[0] % RESOLVER_FILES), text);
	assert(found.addresses_count <= RESOLVERS_MAX &&
	       found.search_count <= RESOLVERS_SEARCH_MAX);
	for (size_t i = 0; i < found.addresses_count; i++)
		for (size_t k = 0; k < i; k++)
			assert(!address_equal(&found.addresses[i], &found.addresses[k]));
	for (size_t i = 0; i < found.search_count; i++)
		assert(found.search[i].length > 1 &&
		       found.search[i].length <= DOMAIN_NAME_WIRE_MAX);
	return 0;
}
