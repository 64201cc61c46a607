/* SPDX-License-Identifier: Apache-2.0
 *
 * Dry runs within the daemon, each of which keeps its result until the next of its kind: what root
 * asks for, and isolation_ready.c's.
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/agent.h"
#include "daemon/isolation_private.h"
#include "response/dry_run.h"

struct isolation_dry {
	struct agent *agent;
	struct dry_run *run;
	uint64_t number; /* of its call, odd; what was asked in a run before is not listened to */
};

static int dry_call(const char *text, size_t size, void *userdata)
{
	struct isolation_dry *dry = userdata;

	dry->number += 4;
	return delivery_call(dry->agent, dry->number, text, size);
}

void isolation_dry_free(struct isolation_dry *dry)
{
	if (!dry)
		return;
	dry_run_free(dry->run);
	free(dry);
}

int isolation_dry_begin(struct agent *agent, uint64_t kind, struct isolation_dry **run)
{
	struct isolation_options options;
	struct isolation_dry *dry = *run;

	if (!dry) {
		dry = calloc(1, sizeof(*dry));
		if (!dry)
			return -ENOMEM;
		*dry = (struct isolation_dry){ .agent = agent, .number = kind };
		*run = dry;
	}
	dry_run_free(dry->run);
	dry->run = NULL;
	config_isolation_options(&agent->config.isolation, &options);
	return dry_run_new(&options, isolate_instance_id(agent->isolation->isolate), dry_call, dry,
			   &dry->run);
}

void isolation_dry_replied(struct isolation_dry *dry, uint64_t number, const char *text,
			   size_t size)
{
	if (dry && dry->run && (!text || number == dry->number))
		dry_run_replied(dry->run, text, size);
}

json_t *isolation_dry_result(const struct isolation_dry *dry)
{
	return dry && dry->run ? dry_run_result(dry->run) : NULL;
}
