/* SPDX-License-Identifier: Apache-2.0
 *
 * The host cut of an isolation: response/contain.h, provisional until the budget has a place. A
 * containment that a person or a policy asked for before stays what it is, and is not lifted with
 * the isolation.
 */
#include <errno.h>
#include <string.h>

#include "daemon/agent.h"
#include "daemon/isolation_private.h"
#include "response/contain.h"

int isolation_cut(const struct isolation_record *record, uint64_t deadline, bool provisional,
		  void *userdata)
{
	struct agent *agent = userdata;
	const struct contain_plan plan = {
		.reason = record->reason,
		/* The mark by which it is known again when it is to be lifted. */
		.finding = record->uid,
		.deadline = deadline,
		.provisional = provisional,
	};
	struct contain_state before;

	if (!agent->contain)
		return -EOPNOTSUPP;
	contain_state(agent->contain, &before);
	/* What holds already, and longer, is not made less. */
	if (before.on && !before.deadline && strcmp(before.finding, record->uid) != 0)
		return 0;
	return contain_begin(agent->contain, &plan);
}

int isolation_lift(void *userdata)
{
	struct agent *agent = userdata;
	const struct isolation_record *record = isolate_record(agent->isolation->isolate);
	struct contain_state state;

	if (!agent->contain)
		return 0;
	contain_state(agent->contain, &state);
	if (!state.on || strcmp(state.finding, record->uid) != 0)
		return 0;
	return contain_end(agent->contain);
}
