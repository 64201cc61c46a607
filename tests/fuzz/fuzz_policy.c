/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a policy. What is taken is asked about findings, and must keep what policy_entry()
 * promises; what is refused must be told in text that is safe to show.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/policy.h"
#include "policy/threshold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW UINT64_C(1780272000000000000)

CLEANUP_DEFINE(struct policy *, policy_free)

static void warning_told(const char *text, void *userdata)
{
	(void)userdata;
	assert(*text);
}

/* No control character but the newline between errors. */
static void text_check(const char *text)
{
	assert(*text);
	for (; *text; text++)
		assert(*text == '\n' || (unsigned char)*text >= 0x20);
}

static void step_told(const struct policy_step *step, void *userdata)
{
	const char **decided = userdata;

	if (step->kind == STEP_DECIDED)
		*decided = step->rule;
}

/* A walk over all rules comes to the one that the index found. */
static void explain_check(const struct policy *policy, const struct finding *finding,
			  const struct verdict *verdict)
{
	const char *decided = "default";
	struct verdict again;

	policy_explain(policy, finding, NOW, step_told, &decided, &again);
	assert(strcmp(decided, verdict->rule) == 0 && again.severity == verdict->severity);
}

/* Counting leaves a severity, whatever is counted. */
static void counted_check(const struct policy *policy, const struct finding *finding)
{
	static struct threshold_table *thresholds;
	struct verdict verdict;

	if (!thresholds && threshold_table_new(&thresholds) < 0)
		return;
	for (int i = 0; i < 3; i++) {
		policy_judge(policy, thresholds, finding, NOW, &verdict);
		assert(verdict.severity >= SEVERITY_INFORMATIONAL &&
		       verdict.severity <= SEVERITY_CRITICAL && verdict.closing);
	}
}

static void policy_ask(const struct policy *policy, unsigned severity, const char *feed)
{
	struct process process = {
		.exe = "/bin/sh", .comm = "sh", .user = "u", .unit = "a.service"
	};
	struct event event = { .process = &process, .direction = EVENT_DIRECTION_OUT };
	struct indicator indicator = { .feed = feed,
				       .tags = "c2,miner",
				       .severity = (uint8_t)severity,
				       .text = "bad.example" };
	struct finding finding = { .detector = "indicator",
				   .default_severity = (enum severity)severity,
				   .event = &event,
				   .indicator = &indicator };
	enum policy_entry_answer answer = policy_entry(policy, &indicator, NOW);
	struct verdict verdict;

	(void)domain_name_parse("www.Bad.example", &event.name);
	policy_evaluate(policy, &finding, NOW, &verdict);
	explain_check(policy, &finding, &verdict);
	counted_check(policy, &finding);
	assert(verdict.severity != SEVERITY_NONE && *verdict.rule);
	assert(answer != POLICY_BLOCKS || response_blocks(verdict.response));
	assert(answer != POLICY_PASSES || verdict.response == RESPONSE_NONE);
	assert(!verdict.excepted || *verdict.reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly its size, so that the sanitizer sees each read beyond it. */
	CLEANUP(free_cleanup) char *text = malloc(size ? size : 1);
	CLEANUP(policy_free_cleanup) struct policy *policy = NULL;
	struct policy_error error;
	int r;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	r = policy_parse("policy.yaml", text, size, &policy, &error);
	if (r < 0) {
		assert(r == -EINVAL && !policy);
		text_check(error.text);
		return 0;
	}
	(void)policy_warnings(policy, NOW, warning_told, NULL);
	assert(policy_next_change(policy, NOW) > NOW);
	for (unsigned severity = SEVERITY_NONE; severity <= SEVERITY_CRITICAL; severity++) {
		policy_ask(policy, severity, "cordon-test");
		policy_ask(policy, severity, "a");
	}
	return 0;
}
