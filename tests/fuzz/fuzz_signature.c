/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a signature's line, alone and behind a content. What is read is within its bounds; a
 * line that nobody signed never holds.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(close_cleanup) int fd = memfd_create("content", MFD_CLOEXEC);
	static const uint8_t seed[SIGNATURE_KEY_SIZE] = { 1, 2, 3 };
	struct signature_key key;
	struct signature signature;
	int r;

	if (signature_public(seed, &key) < 0)
		abort();
	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		abort();
	if (signature_line_read((const char *)data, size, &signature) == 0) {
		assert(memchr(signature.kind, 0, sizeof(signature.kind)));
		assert(memchr(signature.key, 0, sizeof(signature.key)));
	}
	r = signature_find(fd, &signature);
	assert(r <= 0 || signature.content < size);
	if (r > 0)
		memcpy(key.id, signature.key, sizeof(key.id));
	r = signature_verify(fd, "pack", &key, 1, 1000, 0, &signature);
	assert(r < 0 && *signature_error(r));
	return 0;
}
