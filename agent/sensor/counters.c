/* SPDX-License-Identifier: Apache-2.0 */
#include "sensor/counters.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "sensor/probes.h"

/* Counters that stand alone. */
static const struct {
	const char *name;
	size_t bss, ledger;
} singles[] = {
#define SINGLE(member, variable)                                                                   \
	{                                                                                          \
#member, offsetof(struct probes__bss, variable), offsetof(struct ledger, member)   \
	}
#define TABLE(name, table)                                                                         \
	{                                                                                          \
		"table." name, offsetof(struct probes__bss, table_entries[COUNTER_TABLE_##table]), \
			offsetof(struct ledger, tables[LEDGER_TABLE_##table])                      \
	}
	SINGLE(table_missing, table_missing),
	SINGLE(process_notes, process_counters.notes),
	SINGLE(process_failed, process_counters.failed),
	SINGLE(unattended_passed, unattended_passed),
	TABLE("processes", PROCESSES),
	TABLE("learnt", LEARNT),
	TABLE("told", TOLD),
	TABLE("datagrams", DATAGRAMS),
	TABLE("cuts", CUTS),
	TABLE("names", NAMES),
};

_Static_assert(LEDGER_PROBES *LEDGER_COUNTERS + LEDGER_FLOWS + ELEMENTS(singles) <=
		       PIN_COUNTERS_MAX,
	       "all counters have room");

/* One that has a place in each slot; offset: in the slot. */
static void counter_slotted(struct pin_counter *ret, size_t offset, const char *group,
			    const char *name)
{
	*ret = (struct pin_counter){
		.offset = (uint32_t)(offsetof(struct probes__bss, counter_slots) + offset),
		.slots = COUNTER_SLOTS,
		.stride = sizeof(struct counter_slot),
	};
	(void)snprintf(ret->name, sizeof(ret->name), "%s.%s", group, name);
}

size_t counters_describe(struct pin_counter ret[static PIN_COUNTERS_MAX])
{
	size_t count = 0;

	for (size_t probe = 0; probe < LEDGER_PROBES; probe++)
		for (size_t i = 0; i < LEDGER_COUNTERS; i++)
			counter_slotted(&ret[count++],
					offsetof(struct counter_slot, counters[probe][i]),
					ledger_probe_name((enum ledger_probe)probe),
					ledger_counter_name((enum ledger_counter)i));
	for (size_t i = 0; i < LEDGER_FLOWS; i++)
		counter_slotted(&ret[count++], offsetof(struct counter_slot, flows[i]), "flows",
				ledger_flow_name((enum ledger_flow)i));
	for (size_t i = 0; i < ELEMENTS(singles); i++) {
		struct pin_counter *counter = &ret[count++];

		*counter = (struct pin_counter){ .offset = (uint32_t)singles[i].bss, .slots = 1 };
		(void)snprintf(counter->name, sizeof(counter->name), "%s", singles[i].name);
	}
	return count;
}

static uint64_t counter_sum(const struct pin_counter *counter, const uint8_t *bss)
{
	uint64_t sum = counter->base;

	for (size_t slot = 0; slot < counter->slots; slot++)
		sum += __atomic_load_n((const uint64_t *)(const void *)(bss + counter->offset +
									slot * counter->stride),
				       __ATOMIC_RELAXED);
	return sum;
}

void counters_read(const struct pin_state *state, const void *bss, struct ledger *ret)
{
	const struct pin_counter *counter = state->counters;

	for (size_t probe = 0; probe < LEDGER_PROBES; probe++)
		for (size_t i = 0; i < LEDGER_COUNTERS; i++)
			ret->counters[probe][i] = counter_sum(counter++, bss);
	for (size_t i = 0; i < LEDGER_FLOWS; i++)
		ret->flows[i] = counter_sum(counter++, bss);
	for (size_t i = 0; i < ELEMENTS(singles); i++) {
		uint64_t sum = counter_sum(counter++, bss);

		memcpy((char *)ret + singles[i].ledger, &sum, sizeof(sum));
	}
}

/* Whether all of the counter lies within a .bss of that size. */
static bool counter_fits(const struct pin_counter *counter, size_t bss_size)
{
	uint64_t last = counter->slots ? (uint64_t)(counter->slots - 1) * counter->stride : 0;

	return counter->offset % sizeof(uint64_t) == 0 && counter->stride % sizeof(uint64_t) == 0 &&
	       last <= bss_size && counter->offset + last + sizeof(uint64_t) <= bss_size;
}

size_t counters_carry(struct pin_state *state, const struct pin_state *from, const void *bss,
		      size_t bss_size)
{
	size_t unknown = 0;

	for (size_t i = 0; i < from->count; i++) {
		const struct pin_counter *old = &from->counters[i];
		size_t at = 0;

		while (at < state->count &&
		       strncmp(state->counters[at].name, old->name, sizeof(old->name)) != 0)
			at++;
		if (at == state->count || !counter_fits(old, bss_size))
			unknown++;
		else
			state->counters[at].base += counter_sum(old, bss);
	}
	return unknown;
}
