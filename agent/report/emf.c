/* SPDX-License-Identifier: Apache-2.0 */
#include "report/emf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
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

/* Names and units are ours: nothing in them is to be escaped. */
char *emf_form(uint64_t now, const struct emf_metric *metrics, size_t count)
{
	CLEANUP(free_cleanup) char *text = NULL;
	const time_t seconds = (time_t)(now / NS_PER_SECOND);
	char time[sizeof("2026-11-21T15%3A01%3A50Z")];
	struct tm broken;
	size_t size;
	FILE *stream;

	if (count > EMF_METRICS_MAX || !gmtime_r(&seconds, &broken) ||
	    strftime(time, sizeof(time), "%Y-%m-%dT%H%%3A%M%%3A%SZ", &broken) == 0)
		return NULL;
	stream = open_memstream(&text, &size);
	if (!stream)
		return NULL;
	(void)fprintf(stream, "Namespace=%s", EMF_NAMESPACE);
	for (size_t i = 0; i < count; i++) {
		size_t n = i + 1;

		(void)fprintf(stream,
			      "&MetricData.member.%zu.MetricName=%s&MetricData.member.%zu.Unit=%s"
			      "&MetricData.member.%zu.Value=%" PRIu64
			      "&MetricData.member.%zu.Timestamp=%s",
			      n, metrics[i].name, n, metrics[i].unit, n, metrics[i].value, n, time);
	}
	return fclose(stream) == 0 ? take_ptr(text) : NULL;
}
