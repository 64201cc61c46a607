/* SPDX-License-Identifier: Apache-2.0
 *
 * A lookup that is no finding, as OCSF DNS Activity: names never seen before, where the
 * configuration asks for them.
 */
#include "report/ocsf_private.h"

#include "base/clock.h"

#define CLASS_UID 4003

static void put_class(struct ocsf_builder *builder, json_t *object, bool response)
{
	unsigned activity = response ? 2 : 1;

	ocsf_put_number(builder, object, "activity_id", activity);
	ocsf_put_text(builder, object, "activity_name", response ? "Response" : "Query");
	ocsf_put_number(builder, object, "category_uid", CLASS_UID / 1000);
	ocsf_put_text(builder, object, "category_name", "Network Activity");
	ocsf_put_number(builder, object, "class_uid", CLASS_UID);
	ocsf_put_text(builder, object, "class_name", "DNS Activity");
	ocsf_put_number(builder, object, "type_uid", CLASS_UID * 100 + activity);
	ocsf_put_text(builder, object, "type_name",
		      response ? "DNS Activity: Response" : "DNS Activity: Query");
}

json_t *ocsf_dns_activity(const struct event *event, const struct ocsf_host *host)
{
	/* What stands in an evidence, and where it stands here. */
	static const char *const parts[] = { "query", "src_endpoint", "dst_endpoint",
					     "connection_info" };
	const struct finding finding = { .event = event };
	const struct ocsf_finding input = { .finding = &finding, .host = host };
	struct ocsf_builder builder = { 0 };
	json_t *object = json_object(), *actor = json_object();
	json_t *evidence = ocsf_evidence(&builder, event);

	put_class(&builder, object, event->response);
	ocsf_put_number(&builder, object, "time", event->time / NS_PER_MILLISECOND);
	ocsf_put_number(&builder, object, "severity_id", SEVERITY_INFORMATIONAL);
	ocsf_put_text(&builder, object, "severity", ocsf_severity_caption(SEVERITY_INFORMATIONAL));
	ocsf_put(&builder, object, "metadata", ocsf_metadata(&builder, &input, NULL));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		json_t *part = json_object_get(evidence, parts[i]);

		if (part)
			ocsf_put(&builder, object, parts[i], json_incref(part));
	}
	if (json_object_get(evidence, "process"))
		ocsf_put(&builder, actor, "process",
			 json_incref(json_object_get(evidence, "process")));
	ocsf_put_filled(&builder, object, "actor", actor);
	ocsf_put_host(&builder, object, host, false);
	json_decref(evidence);
	return ocsf_built(&builder, object);
}
