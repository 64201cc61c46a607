/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/flow_names.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void flow_facts_fault(struct flow_facts *facts, const char *reason)
{
	if (facts->outcome == FLOW_MALFORMED)
		return;
	facts->outcome = FLOW_MALFORMED;
	(void)snprintf(facts->reason, sizeof(facts->reason), "%s", reason);
}

static bool name_known(const struct flow_names *names, const struct flow_facts *facts,
		       const char *name)
{
	if (strcasecmp(facts->name, name) == 0)
		return true;
	for (unsigned i = 0; i < names->count; i++)
		if (strcasecmp(names->others[i].name, name) == 0)
			return true;
	return false;
}

bool flow_names_add(struct flow_names *names, struct flow_facts *facts, const char *name,
		    size_t size, uint16_t port)
{
	char text[FLOW_NAME_MAX + 1];
	size_t length = strnlen(name, size < FLOW_NAME_MAX ? size : FLOW_NAME_MAX);

	memcpy(text, name, length);
	text[length] = '\0';
	if (facts->name[0] == '\0') {
		memcpy(facts->name, text, length + 1);
		facts->http_port = port;
	} else if (length > 0 && !name_known(names, facts, text)) {
		if (names->count == FLOW_NAMES_MAX)
			return false;
		memcpy(names->others[names->count].name, text, length + 1);
		names->others[names->count++].port = port;
	}
	return length == size;
}

bool flow_names_next(struct flow_names *names, struct flow_facts *facts)
{
	if (names->count == 0)
		return false;
	memcpy(facts->name, names->others[0].name, sizeof(facts->name));
	facts->http_port = names->others[0].port;
	names->count--;
	memmove(names->others, names->others + 1, names->count * sizeof(names->others[0]));
	return true;
}
