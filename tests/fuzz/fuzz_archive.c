/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: archives, and what is packed in them. Whatever comes, no more is given than the
 * budget has, and each byte that is given can be read.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "scan/archive.h"
#include "scan/file_type.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNPACKED   (4u << 20)
#define MEMBER_MAX (1u << 20)
#define DEPTH_MAX  3

struct reading {
	struct archive_budget budget;
	uint64_t given;
	unsigned depth, sum;
};

static int member_met(const char *name, const uint8_t *bytes, size_t size, void *userdata)
{
	struct reading *reading = userdata;

	assert(strlen(name) < ARCHIVE_NAME_MAX && size > 0);
	for (const char *at = name; *at; at++)
		assert((unsigned char)*at >= ' ');
	for (size_t i = 0; i < size; i += 512)
		reading->sum += bytes[i];
	reading->given += size;
	if (reading->depth == DEPTH_MAX || !file_type_archive(bytes, size))
		return 0;
	reading->depth++;
	assert(archive_each(bytes, size, &reading->budget, member_met, reading) == 0);
	reading->depth--;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reading reading = { .budget = { .bytes_left = UNPACKED,
					       .member_max = MEMBER_MAX,
					       .members_left = 100,
					       .deadline = UINT64_MAX } };

	(void)file_type_name(data, size);
	if (!file_type_archive(data, size))
		return 0;
	assert(archive_each(data, size, &reading.budget, member_met, &reading) == 0);
	assert(reading.given <= UNPACKED);
	return 0;
}
