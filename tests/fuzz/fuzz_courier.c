/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what cordon-cloud says, as its parent hears it: all of the input is in an attacker's
 * hands. Frames, each with two bytes in front that say how long it is, to a parent that has given
 * three entries. Whatever comes: each entry gets one result at most, and nothing is heard after a
 * breach.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "cloud/courier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENTRIES 3

static void hear(uint64_t id, unsigned sink, enum message_outcome outcome, uint64_t after,
		 const char *text, void *userdata)
{
	unsigned *heard = userdata;

	(void)sink;
	(void)after;
	assert(id >= 1 && id <= ENTRIES && outcome < MESSAGE_OUTCOMES);
	assert(heard[id - 1]++ == 0);
	for (; *text; text++)
		assert((unsigned char)*text >= ' ');
}

static void hear_answer(uint64_t id, unsigned sink, const char *bytes, size_t size, void *userdata)
{
	unsigned *heard = userdata;

	(void)sink;
	assert(id == 1 && bytes && size > 0 && size <= MESSAGE_ANSWER_MAX);
	/* Before its result, and once. */
	assert(heard[0] == 0 && heard[ENTRIES]++ == 0);
}

static void hear_instance(const struct message_instance *instance, void *userdata)
{
	(void)userdata;
	assert(strlen(instance->id) < sizeof(instance->id));
	assert(!strpbrk(instance->region, "/:@\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct courier_handlers handlers = { .result = hear,
							  .answer = hear_answer,
							  .instance = hear_instance };
	static struct message_frame frame;
	unsigned heard[ENTRIES + 1] = { 0 };
	struct courier *courier =
		courier_for_fuzzing(&handlers, heard, ENTRIES, size > 0 && data[0] & 1);
	bool sound = courier != NULL;

	while (sound && size > 2) {
		size_t length = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		frame.size = length < size ? length : size;
		if (frame.size > sizeof(frame.bytes))
			break;
		memcpy(frame.bytes, data, frame.size);
		sound = courier_take(courier, &frame);
		data += frame.size;
		size -= frame.size;
	}
	courier_free(courier);
	return 0;
}
