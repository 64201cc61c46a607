/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a finding as OCSF tells it: the object as it was, with another activity and status. So
 * every sink that follows findings hears of it as of an update.
 */
#include <errno.h>

#include "base/clock.h"
#include "report/ocsf_private.h"

int ocsf_finding_close(json_t *object, uint64_t time, const char *why, bool comment)
{
	json_t *info = json_object_get(object, "finding_info");
	struct ocsf_builder builder = { 0 };

	if (!json_is_object(info) || !json_is_object(json_object_get(object, "metadata")))
		return -EINVAL;
	ocsf_put_class(&builder, object, OCSF_CLOSE);
	ocsf_put_number(&builder, object, "status_id", OCSF_RESOLVED);
	ocsf_put_text(&builder, object, "status", "Resolved");
	ocsf_put_raw(&builder, object, "status_detail", why);
	if (comment)
		ocsf_put_raw(&builder, object, "comment", why);
	ocsf_put(&builder, object, "is_alert", json_false());
	ocsf_put_time(&builder, info, "modified_time", time);
	return builder.failed ? -ENOMEM : 0;
}

int ocsf_finding_scanned(json_t *object, uint64_t time, int severity, const char *why)
{
	json_t *info = json_object_get(object, "finding_info");
	json_t *unmapped = json_object_get(object, "unmapped");
	struct ocsf_builder builder = { 0 };

	if (!json_is_object(info) || !json_is_object(unmapped))
		return -EINVAL;
	ocsf_put_class(&builder, object, OCSF_UPDATE);
	ocsf_put_number(&builder, object, "severity_id", (uint64_t)severity);
	ocsf_put_text(&builder, object, "severity", ocsf_severity_caption(severity));
	ocsf_put_raw(&builder, unmapped, "process_scan", why);
	ocsf_put_time(&builder, info, "modified_time", time);
	return builder.failed ? -ENOMEM : 0;
}
