/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of sinks in a policy: each has a number in it, so that rules and severities keep bits.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/mapping.h"
#include "policy/policy_private.h"

/* All that the daemon may have (daemon/routes.c), whether they are turned on or not: a word that is
 * mistyped would tell nobody. */
#define SINK(word)                                                                                 \
	{                                                                                          \
		word, 0                                                                            \
	}
static const struct mapping_word sink_words[] = {
	SINK("file"),	      SINK("journald"), SINK("screen"),
	SINK("cloudwatch"),   SINK("opsitems"), SINK("eventbridge"),
	SINK("security_hub"), SINK("sns"),	SINK("s3"),
};
static const struct mapping_words sink_choice = { sink_words, ELEMENTS(sink_words) };

static int sink_read(struct document *document, const struct document_node *node,
		     const struct mapping_key *key, void *field)
{
	struct policy *policy = (struct policy *)(uintptr_t)key->detail;
	uint32_t *mask = field;
	const struct mapping_key choice = { .name = key->name, .detail = &sink_choice };
	char *name = NULL;
	size_t i = 0;
	int word, r = mapping_choice(document, node, &choice, &word);

	if (r == 0)
		r = mapping_label(document, node, key, &name);
	if (r < 0)
		return r;
	while (i < policy->sinks_count && strcmp(policy->sinks[i], name) != 0)
		i++;
	if (i == POLICY_SINKS_MAX) {
		free(name);
		return document_fail(document, node, "more than %d sinks", POLICY_SINKS_MAX);
	}
	if (i == policy->sinks_count)
		policy->sinks[policy->sinks_count++] = name;
	else
		free(name);
	*mask |= UINT32_C(1) << i;
	return 0;
}

int policy_read_sinks(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, const struct policy_source *source,
		      uint32_t *ret)
{
	const struct mapping_key own = { .name = key->name, .detail = source->policy };

	return mapping_each(document, value, sink_read, &own, ret);
}

const char *policy_sink_name(const struct policy *policy, size_t number)
{
	return number < policy->sinks_count ? policy->sinks[number] : NULL;
}
