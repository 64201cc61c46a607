/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of cordon-cloud, and a parent of it without a process, for the fuzzer.
 */
#include <stdlib.h>
#include <string.h>

#include "cloud/courier_private.h"

void courier_status(const struct courier *courier, struct courier_status *ret)
{
	bool running = courier->state == STATE_STARTING || courier->state == STATE_READY;

	*ret = (struct courier_status){
		.pid = running ? courier->process.pid : 0,
		.greeted = courier->state == STATE_READY,
		.uid = courier->hello.uid,
		.user = courier->program.user,
		.reason = courier->reason,
		.state = courier->said,
		.entries = PLACES_MAX - courier->places.free_count,
		.broken = courier->broken,
	};
	memcpy(ret->layers, courier->hello.layers, sizeof(ret->layers));
}

struct courier *courier_for_fuzzing(const struct courier_handlers *handlers, void *userdata,
				    size_t count, bool greeted)
{
	struct courier *courier = courier_make(handlers, userdata);

	if (!courier)
		return NULL;
	courier->state = greeted ? STATE_READY : STATE_STARTING;
	courier->settings = strdup("{}");
	courier->settings_size = 2;
	for (size_t i = 0; i < count; i++)
		(void)places_take(&courier->places, i + 1, 0, i == 0, 1);
	/* And calls that it was sent, by the same numbers. */
	for (size_t i = 0; i < count && i < COURIER_CALLS; i++)
		courier->calls.places[i] =
			(struct courier_call){ .id = i + 1, .number = ++courier->calls.number };
	return courier;
}
