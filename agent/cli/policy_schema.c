/* SPDX-License-Identifier: Apache-2.0
 *
 * `cordon policy schema`: JSON Schema of the configuration, of policies, and of their tests.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/policy.h"
#include "daemon/config_keys.h"
#include "policy/schema.h"

CLEANUP_DEFINE(json_t *, json_decref)

int policy_schema_run(int argc, char **argv)
{
	static const struct {
		const char *name;
		json_t *(*make)(void);
	} schemas[] = { { "config", config_keys_schema },
			{ "policy", schema_policy },
			{ "cases", schema_cases } };

	for (size_t i = 0; argc == 2 && i < ELEMENTS(schemas); i++) {
		CLEANUP(json_decref_cleanup) json_t *schema = NULL;

		if (strcmp(argv[1], schemas[i].name) != 0)
			continue;
		schema = schemas[i].make();
		if (!schema || json_dumpf(schema, stdout, JSON_INDENT(1) | JSON_SORT_KEYS) < 0)
			return COMMAND_FAILED;
		(void)putchar('\n');
		return COMMAND_FINE;
	}
	(void)fputs("usage: cordon policy schema config|policy|cases\n", stderr);
	return COMMAND_FAILED;
}
