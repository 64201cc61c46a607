/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: a line of metrics is what the embedded metric format has: each metric defined once, with
 * its value beside it, and no dimension.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "report/emf.h"

static void line_is_as_specified(void **state)
{
	static const struct emf_metric metrics[] = { { "Heartbeat", "Count", 1 },
						     { "OutboxAge", "Seconds", 77 } };
	char *line = emf_line(UINT64_C(1800000000123456789), "i-1", metrics, 2);

	(void)state;
	assert_non_null(line);
	assert_string_equal(line, "{\"_aws\":{\"Timestamp\":1800000000123,\"CloudWatchMetrics\":[{"
				  "\"Namespace\":\"Cordon\",\"Dimensions\":[[]],\"Metrics\":["
				  "{\"Name\":\"Heartbeat\",\"Unit\":\"Count\"},"
				  "{\"Name\":\"OutboxAge\",\"Unit\":\"Seconds\"}]}]},"
				  "\"Heartbeat\":1,\"OutboxAge\":77,\"host\":\"i-1\"}");
	free(line);
	line = emf_line(0, "", metrics, 1);
	assert_non_null(line);
	assert_null(strstr(line, "host"));
	free(line);
}

static void form_has_the_same(void **state)
{
	static const struct emf_metric metrics[] = { { "Heartbeat", "Count", 1 },
						     { "OutboxAge", "Seconds", 77 } };
	char *form = emf_form(UINT64_C(1800000000123456789), metrics, 2);

	(void)state;
	assert_non_null(form);
	assert_string_equal(form, "Namespace=Cordon&MetricData.member.1.MetricName=Heartbeat"
				  "&MetricData.member.1.Unit=Count&MetricData.member.1.Value=1"
				  "&MetricData.member.1.Timestamp=2027-01-15T08%3A00%3A00Z"
				  "&MetricData.member.2.MetricName=OutboxAge"
				  "&MetricData.member.2.Unit=Seconds&MetricData.member.2.Value=77"
				  "&MetricData.member.2.Timestamp=2027-01-15T08%3A00%3A00Z");
	free(form);
}

static void no_more_than_one_directive_has(void **state)
{
	struct emf_metric metrics[EMF_METRICS_MAX + 1];
	char *line;

	(void)state;
	for (size_t i = 0; i <= EMF_METRICS_MAX; i++)
		metrics[i] = (struct emf_metric){ "Name", "Count", i };
	line = emf_line(0, "", metrics, EMF_METRICS_MAX);
	assert_non_null(line);
	free(line);
	assert_null(emf_line(0, "", metrics, EMF_METRICS_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_is_as_specified),
		cmocka_unit_test(form_has_the_same),
		cmocka_unit_test(no_more_than_one_directive_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
