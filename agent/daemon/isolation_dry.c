/* SPDX-License-Identifier: Apache-2.0
 *
 * The dry run within the daemon: at most one at a time, its result kept until the next.
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

	dry->number += 2;
	return delivery_call(dry->agent, dry->number, text, size);
}

void isolation_dry_free(struct isolation_dry *dry)
{
	if (!dry)
		return;
	dry_run_free(dry->run);
	free(dry);
}

int isolation_dry_begin(struct agent *agent)
{
	struct isolation *isolation = agent->isolation;
	struct isolation_options options;

	if (!isolation->dry) {
		isolation->dry = calloc(1, sizeof(*isolation->dry));
		if (!isolation->dry)
			return -ENOMEM;
		*isolation->dry = (struct isolation_dry){ .agent = agent, .number = 1 };
	}
	dry_run_free(isolation->dry->run);
	isolation->dry->run = NULL;
	config_isolation_options(&agent->config.isolation, &options);
	return dry_run_new(&options, isolate_instance_id(isolation->isolate), dry_call,
			   isolation->dry, &isolation->dry->run);
}

void isolation_dry_replied(struct agent *agent, uint64_t number, const char *text, size_t size)
{
	struct isolation_dry *dry = agent->isolation->dry;

	if (dry && dry->run && (!text || number == dry->number))
		dry_run_replied(dry->run, text, size);
}

json_t *isolation_dry_result(const struct isolation *isolation)
{
	return isolation->dry && isolation->dry->run ? dry_run_result(isolation->dry->run) : NULL;
}
