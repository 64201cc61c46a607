/* SPDX-License-Identifier: Apache-2.0
 *
 * What OCSF's classes of Remediation Activity share: something was done about a finding or to the
 * host, and which countermeasure that is.
 */
#include <stdio.h>

#include "report/ocsf_private.h"

static const char *class_name(unsigned class_uid)
{
	static const char *const names[] = {
		"File Remediation Activity",
		"Process Remediation Activity",
		"Network Remediation Activity",
	};

	return names[class_uid - OCSF_FILE_REMEDIATION];
}

void ocsf_put_remediation_class(struct ocsf_builder *builder, json_t *object, unsigned class_uid,
				unsigned activity_id)
{
	static const char *const activities[] = {
		[OCSF_ISOLATE] = "Isolate",
		[OCSF_EVICT] = "Evict",
		[OCSF_RESTORE] = "Restore",
	};
	char type[96];

	(void)snprintf(type, sizeof(type), "%s: %s", class_name(class_uid),
		       activities[activity_id]);
	ocsf_put_number(builder, object, "activity_id", activity_id);
	ocsf_put_text(builder, object, "activity_name", activities[activity_id]);
	ocsf_put_number(builder, object, "category_uid", class_uid / 1000);
	ocsf_put_text(builder, object, "category_name", "Remediation");
	ocsf_put_number(builder, object, "class_uid", class_uid);
	ocsf_put_text(builder, object, "class_name", class_name(class_uid));
	ocsf_put_number(builder, object, "type_uid", class_uid * 100 + activity_id);
	ocsf_put_text(builder, object, "type_name", type);
}

void ocsf_put_measure(struct ocsf_builder *builder, json_t *object,
		      const struct ocsf_measure *measure)
{
	json_t *array = json_array(), *countermeasure = json_object();
	json_t *tactic = json_object(), *technique = json_object(), *remediation = json_object();

	ocsf_put_text(builder, tactic, "name", measure->tactic);
	ocsf_put_text(builder, technique, "name", measure->technique);
	ocsf_put_text(builder, technique, "uid", measure->technique_uid);
	ocsf_put(builder, countermeasure, "d3f_tactic", tactic);
	ocsf_put(builder, countermeasure, "d3f_technique", technique);
	ocsf_append(builder, array, countermeasure);
	ocsf_put(builder, object, "countermeasures", array);
	ocsf_put_text(builder, remediation, "desc", measure->done);
	ocsf_put(builder, object, "remediation", remediation);
}

static json_t *cause_unmapped(struct ocsf_builder *builder, const struct ocsf_finding *input,
			      json_t *evidence)
{
	json_t *object = json_object();

	ocsf_put_text(builder, object, "finding_uid", input->finding->uid);
	ocsf_put_text(builder, object, "kind", event_kind_name(input->finding->event->kind));
	ocsf_put(builder, object, "mode", json_string(input->enforce ? "enforce" : "audit"));
	ocsf_put(builder, object, "evidence", evidence);
	return object;
}

void ocsf_put_cause(struct ocsf_builder *builder, json_t *object, const struct ocsf_finding *input)
{
	json_t *evidence = ocsf_evidence(builder, input->finding->event);

	ocsf_put(builder, object, "observables",
		 ocsf_observables(builder, input, evidence, "unmapped.evidence."));
	ocsf_put_filled(builder, object, "policy", ocsf_policy(builder, input));
	ocsf_put_host(builder, object, input->host, false);
	ocsf_put(builder, object, "unmapped", cause_unmapped(builder, input, evidence));
}
