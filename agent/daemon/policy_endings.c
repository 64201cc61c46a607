/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what is told of exceptions that end, and when. Names, reasons and owners are of whoever
 * wrote the policy.
 */
#include "daemon/policy_endings.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/agent.h"

struct telling {
	struct agent *agent;
	uint64_t now;
};

/* From when on it is told. */
static uint64_t ending_mark(const struct policy_ending *ending)
{
	return ending->over ? ending->until : ending->until - POLICY_ENDS_SOON;
}

static void ending_tell(const struct policy_ending *ending, void *userdata)
{
	const struct telling *telling = userdata;
	const char *owner = *ending->owner ? ending->owner : "no owner";
	char time[CLOCK_TEXT_SIZE], why[512];

	if (ending_mark(ending) <= telling->agent->endings_told)
		return;
	clock_format(ending->until, time);
	(void)snprintf(why, sizeof(why), "%.150s (%.100s): %s %s%s", ending->reason, owner,
		       ending->over ? "ended at" : "ends at", time,
		       ending->over ? "; what it excepted is told again" : "");
	log_notice("exception \"%s\": %s", ending->rule, why);
	/* A host that is new does not tell of what was over long before. */
	if (!ending->over || telling->now - ending->until <= POLICY_ENDS_SOON)
		pipeline_exception(telling->agent, ending, why);
}

void policy_endings_tell(struct agent *agent)
{
	struct telling telling = { agent, clock_realtime() };

	(void)policy_endings(agent->policy, telling.now, ending_tell, &telling);
	agent->endings_told = telling.now;
}

void policy_endings_new(struct agent *agent)
{
	agent->endings_told = 0;
}

static void ending_show(const struct policy_ending *ending, void *userdata)
{
	char time[CLOCK_TEXT_SIZE];

	clock_format(ending->until, time);
	(void)json_array_append_new(
		userdata, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "policy", ending->policy,
				    "rule", ending->rule, "owner", ending->owner, "reason",
				    ending->reason, "until", time, "over", ending->over));
}

json_t *policy_endings_json(const struct agent *agent)
{
	json_t *list = json_array();

	(void)policy_endings(agent->policy, clock_realtime(), ending_show, list);
	return list;
}
