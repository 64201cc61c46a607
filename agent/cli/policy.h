/* SPDX-License-Identifier: Apache-2.0
 *
 * What the actions of `cordon policy` share. Each has a file; argv[0] is the action's name.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "policy/policy.h"

int policy_check_run(int argc, char **argv);
int policy_test_run(int argc, char **argv);
int policy_explain_run(int argc, char **argv);
int policy_schema_run(int argc, char **argv);

/* policy_journal.c: what the policy of these files would have said of the findings in the journal.
 * An exit status: COMMAND_FOUND when it is something else than was said. */
struct policy_against {
	const char *config, *state_dir;
	char **paths;
	size_t count;
	uint64_t since;
	int json;
};
int policy_against_run(const struct policy_against *against);

/* One error a line, to standard error, or to the list of the object. */
void policy_errors_tell(json_t *list, const char *text);
/* Reads the policy of these files, or (none) that of the configuration. NULL: errors were told. */
struct policy *policy_read(const char *config, char **paths, size_t count, json_t *errors);
/* How severity, response and the rest are told in one line; in out. */
void policy_verdict_show(const struct policy *policy, const struct verdict *verdict, char *out,
			 size_t size);
