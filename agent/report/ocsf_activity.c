/* SPDX-License-Identifier: Apache-2.0
 *
 * What was done about a finding, as OCSF Remediation Activity objects. Today the one response is a
 * block: Network Remediation Activity.
 */
#include "report/ocsf_private.h"

#include <stdio.h>

#include "base/clock.h"

/* What was done, by the kind of event. */
static const struct ocsf_measure measures[] = {
	[EVENT_QUESTION] = { "The lookup is dropped on the host", "Isolate", "DNS Denylisting",
			     "D3-DNSDL" },
	[EVENT_ANSWER] = { "The answer is dropped on the host", "Isolate", "DNS Denylisting",
			   "D3-DNSDL" },
	[EVENT_CONNECTION] = { "The connection is refused on the host", "Isolate",
			       "Outbound Traffic Filtering", "D3-OTF" },
	[EVENT_PAYLOAD] = { "The flow is cut on the host", "Isolate", "Outbound Traffic Filtering",
			    "D3-OTF" },
	[EVENT_FILE] = { "The file stays as it is", "Isolate", "File Eviction", "D3-FEV" },
	[EVENT_FLOW] = { "The flow is cut on the host: what it sends from here on is dropped",
			 "Isolate", "Outbound Traffic Filtering", "D3-OTF" },
};

json_t *ocsf_block_activity(const struct ocsf_finding *input)
{
	const struct finding *finding = input->finding;
	const struct ocsf_outcome *outcome = ocsf_outcome(input);
	bool blocked = finding->event->disposition == EVENT_BLOCKED;
	struct ocsf_builder builder = { 0 };
	json_t *object = json_object();
	char command[96];

	(void)snprintf(command, sizeof(command), "%s-%llu", finding->uid,
		       (unsigned long long)(finding->event->time / NS_PER_MILLISECOND));
	ocsf_put_remediation_class(&builder, object, OCSF_NETWORK_REMEDIATION, OCSF_ISOLATE);
	ocsf_put_message(&builder, object, finding->event->time, finding->title,
			 (int)input->verdict->severity);
	ocsf_put_number(&builder, object, "status_id", blocked ? 1 : 2);
	ocsf_put_text(&builder, object, "status", blocked ? "Success" : "Failure");
	ocsf_put_number(&builder, object, "action_id", (uint64_t)outcome->action_id);
	ocsf_put_text(&builder, object, "action", outcome->action);
	ocsf_put_number(&builder, object, "disposition_id", (uint64_t)outcome->disposition_id);
	ocsf_put_text(&builder, object, "disposition", outcome->disposition);
	ocsf_put_text(&builder, object, "command_uid", command);
	ocsf_put(&builder, object, "metadata", ocsf_metadata(&builder, input, command));
	ocsf_put(&builder, object, "connection_info", ocsf_connection(&builder, finding->event));
	ocsf_put_measure(&builder, object, &measures[finding->event->kind]);
	ocsf_put_cause(&builder, object, input);
	return ocsf_built(&builder, object);
}
