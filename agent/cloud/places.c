/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/places.h"

#include <string.h>

void places_clear(struct places *places)
{
	places->free_count = 0;
	for (size_t i = PLACES_MAX; i-- > 0;) {
		places->places[i].taken = false;
		places->free_places[places->free_count++] = (uint32_t)i;
	}
	memset(places->shares, 0, sizeof(places->shares));
}

uint64_t places_take(struct places *places, uint64_t id, uint32_t sink, bool answers, size_t size)
{
	uint32_t number = places->free_places[--places->free_count];
	struct place *place = &places->places[number];

	*place = (struct place){ .id = id,
				 .uses = place->uses + 1,
				 .taken = true,
				 .answers = answers,
				 .size = size,
				 .sink = sink };
	places->shares[sink].entries++;
	places->shares[sink].bytes += size;
	return (uint64_t)place->uses << 32 | number;
}

struct place *places_find(struct places *places, uint64_t name)
{
	uint32_t number = (uint32_t)name;
	struct place *place = number < PLACES_MAX ? &places->places[number] : NULL;

	return place && place->taken && place->uses == name >> 32 ? place : NULL;
}

void places_return(struct places *places, struct place *place)
{
	place->taken = false;
	places->shares[place->sink].entries--;
	places->shares[place->sink].bytes -= place->size;
	places->free_places[places->free_count++] = (uint32_t)(place - places->places);
}
