/* SPDX-License-Identifier: Apache-2.0
 *
 * A containment that began or ended, as OCSF Network Remediation Activity: Isolate or Restore. The
 * reason is whoever's who contained the host.
 */
#include "report/ocsf_private.h"

#include <stdio.h>

#include "base/clock.h"

/* Both ways: no word of the class says that. */
#define DIRECTION_OTHER 99

/* OCSF has "Does Not Exist" (3) and "Partial" (4) beside Success and Failure. */
static void put_status(struct ocsf_builder *builder, json_t *object,
		       const struct ocsf_containment *input)
{
	static const struct {
		uint64_t id;
		const char *text;
	} rows[] = {
		[OCSF_CONTAINMENT_DONE] = { 1, "Success" },
		[OCSF_CONTAINMENT_FAILED] = { 2, "Failure" },
		[OCSF_CONTAINMENT_PARTIAL] = { 4, "Partial" },
		[OCSF_CONTAINMENT_AUDIT] = { 2, "Failure" },
	};

	ocsf_put_number(builder, object, "status_id", rows[input->outcome].id);
	ocsf_put_text(builder, object, "status", rows[input->outcome].text);
	ocsf_put_text(builder, object, "status_detail",
		      input->outcome == OCSF_CONTAINMENT_AUDIT
			      ? "The mode is audit: nothing was done"
			      : input->problem);
}

static json_t *unmapped(struct ocsf_builder *builder, const struct ocsf_containment *input)
{
	char until[CLOCK_TEXT_SIZE];
	json_t *object = json_object();

	ocsf_put_text(builder, object, "kind", "containment");
	ocsf_put_text(builder, object, "finding_uid", input->finding);
	ocsf_put_raw(builder, object, "reason", input->reason);
	ocsf_put(builder, object, "mode",
		 json_string(input->outcome == OCSF_CONTAINMENT_AUDIT ? "audit" : "enforce"));
	if (input->outcome == OCSF_CONTAINMENT_AUDIT)
		ocsf_put_text(builder, object, "would_have",
			      input->lifted ? "uncontain" : "contain");
	if (input->until) {
		clock_format(input->until, until);
		ocsf_put_text(builder, object, "until", until);
	}
	if (input->provisional)
		ocsf_put(builder, object, "provisional", json_true());
	return object;
}

static json_t *connection(struct ocsf_builder *builder)
{
	json_t *object = json_object();

	ocsf_put_number(builder, object, "direction_id", DIRECTION_OTHER);
	ocsf_put_text(builder, object, "direction", "Both");
	return object;
}

static const char *done(const struct ocsf_containment *input)
{
	if (input->lifted)
		return "The host is open again";
	return "The host is cut off in the kernel, but for the agent, the SSM agent and what is "
	       "listed";
}

json_t *ocsf_containment(const struct ocsf_containment *input)
{
	const struct event event = { 0 };
	const struct finding finding = { .event = &event };
	const struct ocsf_finding metadata = { .finding = &finding, .host = input->host };
	struct ocsf_builder builder = { 0 };
	const struct ocsf_measure measure = { done(input), "Isolate", "Network Isolation",
					      "D3-NI" };
	json_t *object = json_object();
	char command[64];

	(void)snprintf(command, sizeof(command), "%s-%llu", input->lifted ? "uncontain" : "contain",
		       (unsigned long long)(input->time / NS_PER_MILLISECOND));
	ocsf_put_remediation_class(&builder, object, OCSF_NETWORK_REMEDIATION,
				   input->lifted ? OCSF_RESTORE : OCSF_ISOLATE);
	ocsf_put_message(&builder, object, input->time,
			 input->lifted ? "Containment lifted" : "Host contained", SEVERITY_HIGH);
	put_status(&builder, object, input);
	ocsf_put_text(&builder, object, "command_uid", command);
	ocsf_put(&builder, object, "metadata", ocsf_metadata(&builder, &metadata, command));
	ocsf_put(&builder, object, "connection_info", connection(&builder));
	ocsf_put_measure(&builder, object, &measure);
	ocsf_put_host(&builder, object, input->host, false);
	ocsf_put(&builder, object, "unmapped", unmapped(&builder, input));
	return ocsf_built(&builder, object);
}
