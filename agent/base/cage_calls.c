/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes a seccomp filter of a program's table of system calls. What no row names kills the process:
 * it is a breach, or our own mistake, and the tests run under the tables to find the latter.
 */
#include <errno.h>
#include <seccomp.h>
#include <unistd.h>

#include "base/cage.h"
#include "base/cleanup.h"

static int calls_add(scmp_filter_ctx filter, const struct cage_table *table)
{
	for (size_t i = 0; i < table->calls_count; i++) {
		const struct cage_calls *row = &table->calls[i];

		for (size_t k = 0; k < row->count; k++) {
			int r = seccomp_rule_add(filter, row->action, row->calls[k], 0);

			/* A negative number: this architecture has it not, nobody can call it. */
			if (r < 0 && row->calls[k] >= 0)
				return r;
		}
	}
	return 0;
}

static int conditions_add(scmp_filter_ctx filter, const struct cage_table *table)
{
	for (size_t i = 0; i < table->conditions_count; i++) {
		const struct cage_condition *row = &table->conditions[i];
		uint64_t value = row->value == CAGE_OWN_PID ? (uint64_t)getpid() : row->value;
		struct scmp_arg_cmp compare =
			SCMP_CMP(row->argument, SCMP_CMP_MASKED_EQ, row->mask, value);
		int r = seccomp_rule_add_array(filter, row->action, row->call, 1, &compare);

		if (r < 0 && row->call >= 0)
			return r;
	}
	return 0;
}

static int table_add(scmp_filter_ctx filter, const struct cage_table *table)
{
	int r = calls_add(filter, table);

	return r == 0 ? conditions_add(filter, table) : r;
}

int cage_calls_filter(const struct cage_plan *plan)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -ENOMEM;
	/* A call by another architecture's numbers is a call that is in no row. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0 && plan->shared)
		r = table_add(filter, plan->shared);
	if (r == 0)
		r = table_add(filter, &plan->own);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
