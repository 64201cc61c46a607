/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/asker.h"

#include <string.h>

void askers_note(struct askers *askers, const struct event *event)
{
	struct asker *asker = &askers->asked[askers->next % ASKERS_MAX];

	if (!event->process || event->process->role == PROCESS_ROLE_STUB || event->response ||
	    !address_is_loopback(&event->destination))
		return;
	asker->time = event->time;
	asker->pid = event->process->pid;
	memcpy(asker->comm, event->process->comm, sizeof(asker->comm));
	asker->qname = event->name;
	domain_name_lower(&asker->qname);
	askers->next++;
}

const struct asker *askers_find(const struct askers *askers, const struct event *event)
{
	struct domain_name qname = event->name;

	domain_name_lower(&qname);
	for (size_t i = 0; i < ASKERS_MAX && i < askers->next; i++) {
		const struct asker *asker = &askers->asked[(askers->next - 1 - i) % ASKERS_MAX];

		if (asker->time + ASKER_TIME >= event->time &&
		    asker->qname.length == qname.length &&
		    memcmp(asker->qname.wire, qname.wire, qname.length) == 0)
			return asker;
	}
	return NULL;
}
