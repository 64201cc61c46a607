/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics in the embedded metric format of CloudWatch: a log event from which CloudWatch Logs makes
 * metrics, without a call or a permission of its own. And the same for a call, where no log group
 * is wanted. No dimensions: each metric is paid for once, not once a host.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define EMF_NAMESPACE	"Cordon"
/* In one directive. */
#define EMF_METRICS_MAX 100

struct emf_metric {
	const char *name;
	const char *unit; /* "Count", "Seconds", "Bytes" */
	uint64_t value;
};

/* The same metrics as the parameters of PutMetricData, of form protocols: to be freed. */
char *emf_form(uint64_t now, const struct emf_metric *metrics, size_t count);

/* One line without the newline, to be freed; host ("" for none) is beside the metrics, to be
 * searched for. NULL: memory is short, or too many metrics. */
char *emf_line(uint64_t now, const char *host, const struct emf_metric *metrics, size_t count);
