/* SPDX-License-Identifier: Apache-2.0
 *
 * What root asks of an isolation over the control socket, and what is said of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/agent.h"
#include "daemon/control_request.h"
#include "daemon/isolation_private.h"

json_t *isolation_json(const struct agent *agent)
{
	json_t *object, *ready;

	if (!agent->isolation)
		return NULL;
	object = isolate_json(agent->isolation->isolate);
	if (object)
		(void)json_object_set_new(object, "quarantine_security_group",
					  agent->config.isolation.quarantine
						  ? json_string(agent->config.isolation.quarantine)
						  : json_null());
	if (object)
		(void)json_object_set_new(object, "evidence", isolation_evidence_json(agent));
	ready = isolation_ready_json(agent);
	if (object && ready)
		(void)json_object_set_new(object, "ready", ready);
	return object;
}

static int isolate_ask(struct agent *agent, const char *reason, char *error)
{
	const struct isolate_request request = { .reason = reason };
	int r;

	if (agent->config.mode != CONFIG_ENFORCE) {
		(void)snprintf(error, CONTROL_ERROR_SIZE,
			       "mode is audit: nothing is changed (a dry run is possible)");
		return -EPERM;
	}
	r = isolate_begin(agent->isolation->isolate, &request);
	if (r == ISOLATE_UNDER_WAY)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "it is isolated already, or about to be");
	else if (r == ISOLATE_REFUSED)
		(void)snprintf(error, CONTROL_ERROR_SIZE,
			       "a guard holds it back: see `cordon findings`");
	else if (r < 0)
		(void)snprintf(error, CONTROL_ERROR_SIZE,
			       "it cannot be written down: %s; the host is cut off, and writing is "
			       "tried again",
			       strerror(-r));
	return r == ISOLATE_BEGUN ? 0 : -EBUSY;
}

static int release_ask(struct agent *agent, char *error)
{
	int r = isolate_release(agent->isolation->isolate);

	/* What a policy has frozen is let go as well. */
	if (r == -EALREADY)
		isolation_thaw(agent);
	/* Then it looks for the tags of the instance. */
	if (r < 0 && r != -EALREADY)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "%s", strerror(-r));
	return r == -EALREADY ? 0 : r;
}

static int confirm_ask(struct agent *agent, char *error)
{
	int r = isolate_confirm(agent->isolation->isolate);

	if (r == -ENOENT)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "there is no isolation to confirm");
	else if (r == -EALREADY)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "it need not be confirmed");
	else if (r < 0)
		(void)snprintf(error, CONTROL_ERROR_SIZE, "it cannot be written down: %s",
			       strerror(-r));
	return r;
}

json_t *isolation_act(struct agent *agent, int request, const json_t *arguments, char *error)
{
	const char *reason = json_string_value(json_object_get(arguments, "reason"));
	json_t *object;
	int r = 0;

	if (!agent->isolation) {
		(void)snprintf(error, CONTROL_ERROR_SIZE, "isolation is not to be had");
		return NULL;
	}
	switch (request) {
	case CONTROL_ISOLATION:
		object = isolation_json(agent);
		if (object && isolation_dry_result(agent->isolation->dry))
			(void)json_object_set(object, "dry_run",
					      isolation_dry_result(agent->isolation->dry));
		return object;
	case CONTROL_ISOLATE:
		r = isolate_ask(agent, reason && *reason ? reason : "asked for by root", error);
		break;
	case CONTROL_RELEASE:
		r = release_ask(agent, error);
		break;
	case CONTROL_DRY_RUN:
		r = isolation_dry_begin(agent, DRY_ASKED, &agent->isolation->dry);
		if (r < 0)
			(void)snprintf(error, CONTROL_ERROR_SIZE, "a dry run cannot be begun: %s",
				       strerror(-r));
		break;
	case CONTROL_CONFIRM:
		r = confirm_ask(agent, error);
		break;
	default:
		r = -ENOENT;
	}
	return r < 0 ? NULL : json_pack("{s:b}", "begun", 1);
}
