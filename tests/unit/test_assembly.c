/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams put together: held against a plain model, over many random orders and overlaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scan/assembly.h"

#define ROUNDS 300
#define PIECES 60

/* A byte a byte, and whether it is there. */
struct model {
	uint8_t bytes[ASSEMBLY_MAX];
	bool there[ASSEMBLY_MAX];
};

static size_t model_ready(const struct model *model)
{
	size_t ready = 0;

	while (ready < ASSEMBLY_MAX && model->there[ready])
		ready++;
	return ready;
}

static void model_add(struct model *model, size_t offset, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size && offset + i < ASSEMBLY_MAX; i++) {
		if (model->there[offset + i])
			continue;
		model->there[offset + i] = true;
		model->bytes[offset + i] = bytes[i];
	}
}

static void test_equals_a_plain_model(void **state)
{
	/* Proves that pieces in any order, with overlaps that differ, end up as in the model. */
	static struct model model;

	(void)state;
	srandom(7);
	for (int round = 0; round < ROUNDS; round++) {
		size_t spread = round % 3 == 0 ? 100 : round % 3 == 1 ? 3000 : ASSEMBLY_MAX + 500;
		struct assembly assembly = { 0 };

		memset(&model, 0, sizeof(model));
		for (int piece = 0; piece < PIECES; piece++) {
			uint8_t bytes[700];
			size_t size = (size_t)random() % sizeof(bytes);
			size_t offset = (size_t)random() % spread;

			for (size_t i = 0; i < size; i++)
				bytes[i] = (uint8_t)random();
			assert_int_equal(assembly_add(&assembly, offset, bytes, size), 0);
			model_add(&model, offset, bytes, size);
			assert_int_equal(assembly.ready, model_ready(&model));
			if (assembly.ready > 0)
				assert_memory_equal(assembly.bytes, model.bytes, assembly.ready);
		}
		assembly_clear(&assembly);
	}
}

static void test_what_lies_beyond_is_left_out(void **state)
{
	/* Proves that the bound holds, and that it is told. */
	static uint8_t bytes[ASSEMBLY_MAX + 1];
	struct assembly assembly = { 0 };

	(void)state;
	assert_int_equal(assembly_add(&assembly, 0, bytes, ASSEMBLY_MAX), 0);
	assert_false(assembly.cut);
	assert_int_equal(assembly_add(&assembly, UINT64_MAX, bytes, 10), 0);
	assert_true(assembly.cut);
	assert_int_equal(assembly.ready, ASSEMBLY_MAX);
	assembly_clear(&assembly);
	assert_int_equal(assembly_add(&assembly, 0, bytes, sizeof(bytes)), 0);
	assert_true(assembly.cut);
	assert_int_equal(assembly.ready, ASSEMBLY_MAX);
	assembly_clear(&assembly);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_a_plain_model),
		cmocka_unit_test(test_what_lies_beyond_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
