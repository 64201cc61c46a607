/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/freeze.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon/agent.h"
#include "response/freezer.h"
#include "sensor/process.h"

static bool texts_have(const struct config_texts *texts, const char *text)
{
	for (size_t i = 0; i < texts->count; i++)
		if (strcmp(texts->texts[i], text) == 0)
			return true;
	return false;
}

/* Whom a host that is cut off still serves. */
static bool unit_is_kept(const char *unit, void *userdata)
{
	const struct agent *agent = userdata;

	return texts_have(&agent->config.contain.units, unit) ||
	       texts_have(&agent->config.contain.resolvers, unit);
}

static struct freezer *freezer_get(struct agent *agent)
{
	int r = agent->freezer ? 0
			       : freezer_new(agent->config.state_dir, unit_is_kept, agent,
					     &agent->freezer);

	if (r < 0)
		(void)log_errno(LOG_ERR, r, "processes cannot be frozen");
	return agent->freezer;
}

int freeze_act(pid_t pid, int pidfd, void *userdata)
{
	struct freezer *freezer = freezer_get(userdata);

	return freezer ? freezer_freeze(pid, pidfd, freezer) : -ENOMEM;
}

int freeze_stop_act(pid_t pid, int pidfd, void *userdata)
{
	struct freezer *freezer = freezer_get(userdata);

	return freezer ? freezer_stop(pid, pidfd, freezer) : -ENOMEM;
}

void freeze_thaw(struct agent *agent)
{
	struct freezer *freezer = freezer_get(agent);
	int r = freezer ? freezer_thaw(freezer) : 0;

	if (r < 0)
		(void)log_errno(LOG_ERR, r, "what was frozen is not thawed, or not all of it");
	else if (r > 0)
		log_notice("what was frozen goes on: %d", r);
}

void freeze_close(struct agent *agent)
{
	freezer_free(agent->freezer);
	agent->freezer = NULL;
}

void freeze_suspect(const struct finding *finding, pid_t *ret_pid, uint64_t *ret_start)
{
	const struct event *event = finding->event;

	*ret_pid = 0;
	*ret_start = 0;
	if (event->frame || event->pid <= 1 ||
	    (event->process && event->process->role == PROCESS_ROLE_STUB))
		return;
	*ret_pid = event->pid;
	*ret_start = event->pid_start;
}
