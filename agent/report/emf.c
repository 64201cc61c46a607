/* SPDX-License-Identifier: Apache-2.0 */
#include "report/emf.h"

#include "base/clock.h"
#include "report/ocsf_object.h"

char *emf_line(uint64_t now, const char *host, const struct emf_metric *metrics, size_t count)
{
	json_t *definitions = json_array();
	json_t *object =
		json_pack("{s:{s:I, s:[{s:s, s:[[]], s:o}]}}", "_aws", "Timestamp",
			  (json_int_t)(now / NS_PER_MILLISECOND), "CloudWatchMetrics", "Namespace",
			  EMF_NAMESPACE, "Dimensions", "Metrics", definitions);
	struct ocsf_builder builder = { .failed = !object || count > EMF_METRICS_MAX };
	char *line = NULL;

	for (size_t i = 0; !builder.failed && i < count; i++) {
		ocsf_append(
			&builder, definitions,
			json_pack("{s:s, s:s}", "Name", metrics[i].name, "Unit", metrics[i].unit));
		ocsf_put(&builder, object, metrics[i].name,
			 json_integer((json_int_t)metrics[i].value));
	}
	if (!builder.failed)
		ocsf_put_raw(&builder, object, "host", host);
	if (!builder.failed)
		line = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return line;
}
