/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells how the rules stand to a finding, each by itself: the walk of policy_evaluate.c without its
 * index, so that it also says why a rule did not decide. For `cordon policy explain`.
 */
#include "policy/policy_private.h"

/* How the rule stands, when none has decided before. */
static void step_judge(const struct policy *policy, const struct rule *rule,
		       struct match_subject *subject, uint64_t now, struct policy_step *step)
{
	if (rule_expired(rule, now)) {
		step->kind = STEP_ENDED;
	} else if (match_ask(&rule->match, subject) != MATCH_YES) {
		step->kind = STEP_DIFFERS;
		step->key = match_failing(&rule->match, subject);
	} else if (!policy_rule_holds(policy, rule, subject)) {
		step->kind = STEP_DECEIVED;
	} else if (rule->goes_on) {
		subject->severity = rule_severity(rule, subject->severity);
		step->kind = STEP_ADJUSTED;
	} else {
		step->kind = STEP_DECIDED;
	}
}

void policy_explain(const struct policy *policy, const struct finding *finding, uint64_t now,
		    void (*tell)(const struct policy_step *step, void *userdata), void *userdata,
		    struct verdict *ret)
{
	struct match_subject subject;
	bool decided = false;

	match_subject_finding(finding, policy->host, now, &subject);
	subject.severity = policy_default_severity(policy, &subject);
	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct rule *rule = &policy->rules[i];
		struct policy_step step = { .rule = rule->name,
					    .file = rule->source->file,
					    .line = rule->line,
					    .kind = STEP_UNREACHED };

		if (!decided)
			step_judge(policy, rule, &subject, now, &step);
		decided |= step.kind == STEP_DECIDED;
		step.severity = step.kind == STEP_DECIDED ? rule_severity(rule, subject.severity)
							  : subject.severity;
		tell(&step, userdata);
	}
	policy_evaluate(policy, finding, now, ret);
}
