/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the call that gives metrics to CloudWatch itself, where they do not go as log lines. An
 * entry is a request in the form that the service takes (report/emf.c).
 */
#include "cloud/sink.h"

/* A hundred metrics have 16 KiB. */
#define REQUEST_MAX ((size_t)64 * 1024)

static void put_done(const struct client_result *result, void *userdata)
{
	sink_judge(userdata, result, "cloudwatch:PutMetricData", NULL);
}

static void deliver(struct sink_queue *queue)
{
	sink_call_bytes(queue, "monitoring", "PutMetricData",
			sink_batch(queue)->entries[0]->document, put_done);
}

const struct cloud_sink metric_data = {
	.name = "metrics",
	.limits = { .count = 1, .bytes = REQUEST_MAX, .entry = REQUEST_MAX },
	.deliver = deliver,
};
