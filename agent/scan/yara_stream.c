/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/yara_stream.h"

#include <errno.h>
#include <string.h>

struct input {
	const char *bytes;
	size_t left;
};

static size_t input_read(void *data, size_t size, size_t count, void *userdata)
{
	struct input *input = userdata;

	if (size == 0 || count > input->left / size)
		return 0;
	memcpy(data, input->bytes, size * count);
	input->bytes += size * count;
	input->left -= size * count;
	return count;
}

int yara_rules_load(const void *bytes, size_t size, YR_RULES **ret)
{
	struct input input = { bytes, size };
	YR_STREAM stream = { .user_data = &input, .read = input_read };
	int r = yr_rules_load_stream(&stream, ret);

	if (r == ERROR_INSUFFICIENT_MEMORY)
		return -ENOMEM;
	return r == ERROR_SUCCESS ? 0 : -EBADMSG;
}
