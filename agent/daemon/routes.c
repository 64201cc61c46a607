/* SPDX-License-Identifier: Apache-2.0
 *
 * Which sinks a finding goes to: the policy names them, the journal and the pipeline know them by
 * bits that stay what they are. Made anew with each policy.
 */
#include "daemon/routes.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cloud/settings.h"
#include "journal/outbox.h"
#include "policy/policy.h"

/* Set in every route, so that one whose sinks are all unknown is not "all". */
#define ROUTED (UINT32_C(1) << 31)

static const char *const local_names[] = { "file", "journald", "screen" };

static_assert(ELEMENTS(local_names) <= OUTBOX_ROUTE_SHIFT, "bits of local sinks come first");
static_assert(OUTBOX_ROUTE_SHIFT + CLOUD_SINKS < 31, "and those of AWS have room");

uint32_t routes_bit(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(local_names); i++)
		if (strcmp(local_names[i], name) == 0)
			return UINT32_C(1) << i;
	for (unsigned id = 0; id < CLOUD_SINKS; id++)
		if (cloud_sink_name(id) && strcmp(cloud_sink_name(id), name) == 0)
			return UINT32_C(1) << (OUTBOX_ROUTE_SHIFT + id);
	return 0;
}

void routes_make(const struct policy *policy, uint32_t ret[static POLICY_SINKS_MAX])
{
	const char *name;

	for (size_t i = 0; i < POLICY_SINKS_MAX && (name = policy_sink_name(policy, i)); i++) {
		ret[i] = routes_bit(name);
		if (!ret[i])
			log_warning("the policy names the sink \"%s\", which there is none of",
				    name);
	}
}

uint32_t routes_of(const uint32_t routes[static POLICY_SINKS_MAX], uint32_t sinks)
{
	uint32_t result = ROUTED;

	if (sinks == 0)
		return 0;
	for (size_t i = 0; i < POLICY_SINKS_MAX; i++)
		if (sinks >> i & 1)
			result |= routes[i];
	return result;
}
