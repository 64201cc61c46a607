/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that make OCSF objects share.
 */
#pragma once

#include "report/ocsf.h"
#include "report/ocsf_object.h"

struct file_match;

#define OCSF_VERSION   "1.8.0"
/* Processes that a finding nests: as many as the sensor remembers. */
#define OCSF_ANCESTORS PROCESS_ANCESTORS_MAX

/* What was done about the event, and how OCSF calls it. */
struct ocsf_outcome {
	int action_id, disposition_id, status_id;
	const char *action, *disposition, *status;
	const char *unmapped; /* "would_have", "missed", "ordered": key for a response that was not
			       * made, or not yet */
};
const struct ocsf_outcome *ocsf_outcome(const struct ocsf_finding *input);

/* "0".."5" and 99 of severity_id; the caption. */
const char *ocsf_severity_caption(int severity);

/* What every class has of what was said: when (ns since the epoch), what, how severe. */
void ocsf_put_message(struct ocsf_builder *builder, json_t *object, uint64_t time,
		      const char *message, int severity);

/* activity_id and status_id */
#define OCSF_UPDATE	2
#define OCSF_CLOSE	3
#define OCSF_SUPPRESSED 3
#define OCSF_RESOLVED	4
void ocsf_put_class(struct ocsf_builder *builder, json_t *object, int activity_id);

/* Parts that several classes have: profiles, product, host. */
json_t *ocsf_metadata(struct ocsf_builder *builder, const struct ocsf_finding *input,
		      const char *uid);
/* device, cloud, resources (where the class has them). */
void ocsf_put_host(struct ocsf_builder *builder, json_t *object, const struct ocsf_host *host,
		   bool resources);
bool ocsf_host_is_cloud(const struct ocsf_host *host);
bool ocsf_host_is_known(const struct ocsf_host *host);

json_t *ocsf_connection(struct ocsf_builder *builder, const struct event *event);

/* ocsf_remediation.c: what the classes of Remediation Activity share. */
/* class_uid */
#define OCSF_FILE_REMEDIATION	 7002
#define OCSF_PROCESS_REMEDIATION 7003
#define OCSF_NETWORK_REMEDIATION 7004
/* activity_id */
#define OCSF_ISOLATE		 1
#define OCSF_EVICT		 2
#define OCSF_RESTORE		 3
void ocsf_put_remediation_class(struct ocsf_builder *builder, json_t *object, unsigned class_uid,
				unsigned activity_id);
/* What was done, in a sentence, and which countermeasure of MITRE D3FEND that is. */
struct ocsf_measure {
	const char *done, *tactic, *technique, *technique_uid;
};
void ocsf_put_measure(struct ocsf_builder *builder, json_t *object,
		      const struct ocsf_measure *measure);
/* What is said of the finding that it was done about: observables, policy, host, unmapped. */
void ocsf_put_cause(struct ocsf_builder *builder, json_t *object, const struct ocsf_finding *input);

/* ocsf_flow.c: what the flow of the event said, into its evidence, and what has no home there. */
void ocsf_put_flow(struct ocsf_builder *builder, json_t *evidence, const struct event *event);
json_t *ocsf_flow_unmapped(struct ocsf_builder *builder, const struct flow_facts *flow);
/* ocsf_file.c */
json_t *ocsf_file(struct ocsf_builder *builder, const struct file_facts *file);
json_t *ocsf_file_unmapped(struct ocsf_builder *builder, const struct file_match *match);
json_t *ocsf_process(struct ocsf_builder *builder, const struct event *event);
json_t *ocsf_evidence(struct ocsf_builder *builder, const struct event *event);
json_t *ocsf_policy(struct ocsf_builder *builder, const struct ocsf_finding *input);
/* prefix: where the evidence stands in the object, "evidences[0]."; device.hostname besides. */
json_t *ocsf_observables(struct ocsf_builder *builder, const struct ocsf_finding *input,
			 const json_t *evidence, const char *prefix);
/* Adds what a further evidence is of to a finding's observables; number: its place, from 0. */
void ocsf_observe_subject(struct ocsf_builder *builder, json_t *array, const json_t *evidence,
			  size_t number);
