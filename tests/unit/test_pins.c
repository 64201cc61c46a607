/* SPDX-License-Identifier: Apache-2.0
 *
 * What outlives the daemon: the state's two slots, counters read and carried from another version's
 * layout, and the layouts of maps. Nothing is loaded into the kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "sensor/counters.h"
#include "sensor/map_layout.h"
#include "sensor/pin_folder.h"
#include "sensor/pin_state.h"
#include "sensor/probes.h"

static void a_slot_is_in_force_when_it_is_whole(void **state)
{
	/* Proves: the slot in force is never written to, so a write that ends anywhere before its
	 * turn leaves what was there. */
	struct pin_state *pins = pin_state_private();
	const struct pin_progress first = { .ring = 3, .position = 64, .read = 1, .events = 1 };
	const struct pin_progress second = { .ring = 3, .position = 128, .read = 2, .events = 2 };
	const struct pin_progress *in_force;

	(void)state;
	assert_non_null(pins);
	assert_int_equal(pin_state_progress(pins)->read, 0);
	pin_state_set_progress(pins, &first);
	in_force = pin_state_progress(pins);
	assert_memory_equal(in_force, &first, sizeof(first));
	pin_state_set_progress(pins, &second);
	assert_memory_equal(in_force, &first, sizeof(first));
	assert_memory_equal(pin_state_progress(pins), &second, sizeof(second));
	free(pins);
}

static void counters_stand_where_they_are_said_to(void **state)
{
	/* Proves: each counter of the kernel side comes out in its place in the ledger, the slots
	 * of all CPUs added up, with what came before. */
	struct pin_state *pins = pin_state_private();
	struct probes__bss *bss = calloc(1, sizeof(*bss));
	struct ledger ledger = { 0 };

	(void)state;
	assert_non_null(pins);
	assert_non_null(bss);
	bss->counter_slots[0].counters[COUNTER_EGRESS][COUNTER_MATCHED] = 5;
	bss->counter_slots[COUNTER_SLOTS - 1].counters[COUNTER_EGRESS][COUNTER_MATCHED] = 7;
	bss->counter_slots[1].counters[COUNTER_INGRESS][COUNTER_BLOCKED] = 2;
	bss->table_missing = 11;
	bss->process_counters.failed = 13;
	bss->unattended_passed = 17;
	assert_string_equal(pins->counters[COUNTER_MATCHED].name, "egress.matched");
	pins->counters[COUNTER_MATCHED].base = 100;
	counters_read(pins, bss, &ledger);
	assert_int_equal(ledger.counters[LEDGER_EGRESS][LEDGER_MATCHED], 112);
	assert_int_equal(ledger.counters[LEDGER_INGRESS][LEDGER_BLOCKED], 2);
	assert_int_equal(ledger_sum(&ledger, LEDGER_MATCHED), 112);
	assert_int_equal(ledger.table_missing, 11);
	assert_int_equal(ledger.process_failed, 13);
	assert_int_equal(ledger.process_notes, 0);
	assert_int_equal(ledger.unattended_passed, 17);
	free(bss);
	free(pins);
}

static void counters_are_carried_by_name(void **state)
{
	/* Proves: another version's counters are found where it says, whatever their order; one
	 * that is not known, or lies outside of its .bss, is counted and left. */
	struct pin_state *pins = pin_state_private();
	struct pin_state *old = calloc(1, sizeof(*old));
	uint64_t bss[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct pin_counter counters[] = {
		{ .name = "ingress.blocked", .offset = 8, .slots = 2, .stride = 16, .base = 1000 },
		{ .name = "forgotten", .offset = 0, .slots = 1 },
		{ .name = "table_missing", .offset = 64, .slots = 1 },
		{ .name = "process_notes", .offset = 0, .slots = UINT32_MAX, .stride = 8 },
		{ .name = "egress.clean", .offset = 56, .slots = 1 },
	};
	struct ledger ledger = { 0 };
	struct probes__bss *empty = calloc(1, sizeof(*empty));

	(void)state;
	assert_non_null(pins);
	assert_non_null(old);
	assert_non_null(empty);
	memcpy(old->counters, counters, sizeof(counters));
	old->count = ELEMENTS(counters);
	assert_int_equal(counters_carry(pins, old, bss, sizeof(bss)), 3);
	counters_read(pins, empty, &ledger);
	assert_int_equal(ledger.counters[LEDGER_INGRESS][LEDGER_BLOCKED], 1000 + 2 + 4);
	assert_int_equal(ledger.counters[LEDGER_EGRESS][LEDGER_CLEAN], 8);
	assert_int_equal(ledger.table_missing, 0);
	assert_false(pin_state_same(pins, old));
	free(empty);
	free(old);
	free(pins);
}

static void layouts_differ_where_types_do(void **state)
{
	/* Proves: a map has the same layout each time it is opened, and maps of other types have
	 * others. */
	struct probes *one = probes__open(), *other = probes__open();
	struct bpf_map *map;

	(void)state;
	assert_non_null(one);
	assert_non_null(other);
	bpf_object__for_each_map(map, one->obj)
	{
		const struct bpf_map *same =
			bpf_object__find_map_by_name(other->obj, bpf_map__name(map));

		assert_non_null(same);
		assert_true(map_layout(one->obj, map) == map_layout(other->obj, same));
	}
	assert_true(map_layout(one->obj, one->maps.processes) !=
		    map_layout(one->obj, one->maps.socket_notes));
	assert_true(map_layout(one->obj, one->maps.bss) != map_layout(one->obj, one->maps.rodata));
	assert_true(map_layout(one->obj, one->maps.egress_tails) ==
		    map_layout(one->obj, one->maps.ingress_tails));
	probes__destroy(one);
	probes__destroy(other);
}

static void generations_have_numbers(void **state)
{
	/* Proves: only what we named is taken for a generation. */
	char name[PIN_GENERATION_SIZE];

	(void)state;
	assert_int_equal(pin_generation("gen-12"), 12);
	assert_int_equal(pin_generation("gen-"), 0);
	assert_int_equal(pin_generation("gen-1x"), 0);
	assert_int_equal(pin_generation("links"), 0);
	pin_generation_name(UINT64_MAX, name);
	assert_true(pin_generation(name) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slot_is_in_force_when_it_is_whole),
		cmocka_unit_test(counters_stand_where_they_are_said_to),
		cmocka_unit_test(counters_are_carried_by_name),
		cmocka_unit_test(layouts_differ_where_types_do),
		cmocka_unit_test(generations_have_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
