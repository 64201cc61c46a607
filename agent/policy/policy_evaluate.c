/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the policy: verdicts for whoever has a finding, and answers about entries for the sensor,
 * which flags the kernel side's table with them. Takes the compiled policy; what a finding holds is
 * an attacker's.
 */
#include "policy/policy_private.h"

#include <string.h>

#define SET_WORDS (RULES_MAX / 64 + 1)

static const struct severity_action actions_default[SEVERITY_CRITICAL + 1] = {
	[SEVERITY_HIGH] = { .response = RESPONSE_BLOCK },
	[SEVERITY_CRITICAL] = { .response = RESPONSE_BLOCK },
};

const struct severity_action *policy_severity_action(const struct policy *policy,
						     enum severity severity)
{
	return policy->chosen ? &policy->chosen->severities[severity] : &actions_default[severity];
}

static enum severity default_find(const struct default_list *list, const char *name,
				  enum severity otherwise)
{
	for (size_t i = 0; name && i < list->count; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return list->items[i].severity;
	return otherwise;
}

enum severity policy_default_severity(const struct policy *policy,
				      const struct match_subject *subject)
{
	enum severity severity =
		default_find(&policy->detectors, subject->detector, subject->severity);

	return subject->indicator ? default_find(&policy->feeds, subject->indicator->feed, severity)
				  : severity;
}

/* What a rule (NULL: none matched) says of the subject, nothing counted. */
static void answer_make(const struct policy *policy, const struct rule *rule,
			const struct match_subject *subject, enum severity *ret_severity,
			enum response *ret_response)
{
	enum severity severity = rule ? rule_severity(rule, subject->severity) : subject->severity;
	enum response response;

	if (rule && rule->except)
		response = RESPONSE_NONE;
	else if (rule && rule->response != RULE_RESPONSE_UNSAID)
		response = (enum response)rule->response;
	else if (rule && rule->suppress)
		response = RESPONSE_NONE;
	else
		response = (enum response)policy_severity_action(policy, severity)->response;
	/* Whatever the rules say, an allow entry is never blocked. */
	if (subject->indicator && subject->indicator->action == INDICATOR_ALLOW)
		response = RESPONSE_NONE;
	*ret_severity = severity;
	*ret_response = response;
}

/* What a threshold that is reached adds: never less than before. */
static enum response raised_response(const struct policy *policy, const struct rule *rule,
				     const struct match_subject *subject, enum response response)
{
	enum response more;

	if (rule->response != RULE_RESPONSE_UNSAID || rule->suppress ||
	    (subject->indicator && subject->indicator->action == INDICATOR_ALLOW))
		return response;
	more = (enum response)policy_severity_action(policy, rule->threshold.severity)->response;
	return more > response ? more : response;
}

bool policy_rule_excuses(const struct policy *policy, const struct rule *rule,
			 const struct match_subject *subject)
{
	enum severity severity, plain_severity;
	enum response response, plain_response;

	answer_make(policy, rule, subject, &severity, &response);
	answer_make(policy, NULL, subject, &plain_severity, &plain_response);
	return rule->except || rule->suppress || severity < plain_severity ||
	       response < plain_response ||
	       (rule->first_only.given && rule->first_only.severity < plain_severity) ||
	       (rule->sinks && severity <= plain_severity);
}

bool policy_rule_holds(const struct policy *policy, const struct rule *rule,
		       struct match_subject *subject)
{
	/* A path that a process can make up may make things worse for it, never better. */
	return match_ask(&rule->match, subject) == MATCH_YES &&
	       (!match_deceived(&rule->match, subject) ||
		!policy_rule_excuses(policy, rule, subject));
}

/* What counting makes of a severity. */
static enum severity counted_severity(struct threshold_table *thresholds, const struct rule *rule,
				      struct match_subject *subject, enum severity severity,
				      struct verdict *verdict)
{
	const struct rule_counter *threshold = &rule->threshold, *first = &rule->first_only;
	const char *policy = rule->source->name;

	if (first->given && threshold_count(thresholds, policy, rule->name, first, subject) > 1 &&
	    first->severity < severity) {
		severity = first->severity;
		verdict->lowered = true;
	}
	if (threshold->given &&
	    threshold_count(thresholds, policy, rule->name, threshold, subject) >=
		    threshold->count &&
	    threshold->severity > severity) {
		severity = threshold->severity;
		verdict->raised = true;
	}
	return severity;
}

/* The verdict of a rule, or of none. */
static void verdict_make(const struct policy *policy, const struct rule *rule,
			 struct match_subject *subject, struct threshold_table *thresholds,
			 struct verdict *ret)
{
	const struct policy_source *source = rule ? rule->source : policy->chosen;

	if (!source && policy->sources_count > 0)
		source = &policy->sources[0];
	ret->policy = source ? source->name : DEFAULT_POLICY;
	ret->rule = rule ? rule->name : DEFAULT_RULE;
	ret->reason = rule && rule->reason ? rule->reason : "";
	ret->owner = rule && rule->owner ? rule->owner : "";
	ret->until = rule ? rule->until : RULE_FOREVER;
	ret->excepted = rule && rule->except;
	ret->suppressed = rule && rule->suppress;
	ret->closing = rule && rule->closes ? &rule->closing : policy->closing;
	answer_make(policy, rule, subject, &ret->severity, &ret->response);
	if (rule && thresholds) {
		ret->severity = counted_severity(thresholds, rule, subject, ret->severity, ret);
		if (ret->raised)
			ret->response = raised_response(policy, rule, subject, ret->response);
	}
	ret->sinks = rule && rule->sinks ? rule->sinks
					 : policy_severity_action(policy, ret->severity)->sinks;
}

/* A rule that lets those below it go on. */
static void rule_adjust(const struct rule *rule, struct match_subject *subject,
			struct threshold_table *thresholds, struct verdict *verdict)
{
	subject->severity = rule_severity(rule, subject->severity);
	if (thresholds)
		subject->severity =
			counted_severity(thresholds, rule, subject, subject->severity, verdict);
}

void policy_judge(const struct policy *policy, struct threshold_table *thresholds,
		  const struct finding *finding, uint64_t now, struct verdict *ret)
{
	const struct rule *decided = NULL;
	struct match_subject subject;
	struct glance_view view; /* large: only what is looked at is set */
	uint64_t set[SET_WORDS];
	size_t words = rule_index_words(policy->index);

	*ret = (struct verdict){ 0 };
	match_subject_finding(finding, policy->host, now, &subject);
	subject.severity = policy_default_severity(policy, &subject);
	glance_view_begin(&view, &subject);
	rule_index_find(policy->index, &subject, set);
	for (size_t word = 0; word < words && !decided; word++)
		for (uint64_t bits = set[word]; bits && !decided; bits &= bits - 1) {
			size_t number = word * 64 + (size_t)__builtin_ctzll(bits);
			const struct rule *rule = &policy->rules[number];

			if (!rule_glance_passes(&policy->glances[number], &view) ||
			    rule_expired(rule, now) || !policy_rule_holds(policy, rule, &subject))
				continue;
			if (rule->goes_on)
				rule_adjust(rule, &subject, thresholds, ret);
			else
				decided = rule;
		}
	verdict_make(policy, decided, &subject, thresholds, ret);
}

void policy_evaluate(const struct policy *policy, const struct finding *finding, uint64_t now,
		     struct verdict *ret)
{
	policy_judge(policy, NULL, finding, now, ret);
}

/* ---- what an entry alone tells ---- */

/* What may come of an entry so far: which severities it may have by now, bit n for n, and which
 * responses have been seen. */
struct outlook {
	const struct policy *policy;
	struct match_subject subject;
	unsigned severities;
	bool blocks, passes;
};

static void outlook_respond(struct outlook *outlook, const struct rule *rule)
{
	enum severity severity;
	enum response response;

	answer_make(outlook->policy, rule, &outlook->subject, &severity, &response);
	outlook->blocks |= response_blocks(response);
	outlook->passes |= !response_blocks(response);
	if (rule && rule->threshold.given)
		outlook->blocks |= response_blocks(
			raised_response(outlook->policy, rule, &outlook->subject, response));
}

/* The severities that a rule which goes on may make of one. */
static unsigned outlook_adjust(const struct rule *rule, enum severity severity)
{
	enum severity moved = rule_severity(rule, severity);
	unsigned severities = 1u << moved;

	if (rule->threshold.given && rule->threshold.severity > moved)
		severities |= 1u << rule->threshold.severity;
	if (rule->first_only.given && rule->first_only.severity < moved)
		severities |= 1u << rule->first_only.severity;
	return severities;
}

/* One rule (NULL: what holds where none matches), for each severity that there may be. */
static void outlook_pass(struct outlook *outlook, const struct rule *rule)
{
	unsigned left = 0;

	for (unsigned severity = SEVERITY_INFORMATIONAL; severity <= SEVERITY_CRITICAL;
	     severity++) {
		enum match_answer answer = MATCH_YES;

		if (!(outlook->severities >> severity & 1))
			continue;
		outlook->subject.severity = (enum severity)severity;
		if (rule)
			answer = match_ask(&rule->match, &outlook->subject);
		if (answer != MATCH_YES)
			left |= 1u << severity;
		if (answer == MATCH_NO)
			continue;
		if (rule && rule->goes_on)
			left |= outlook_adjust(rule, (enum severity)severity);
		else
			outlook_respond(outlook, rule);
	}
	outlook->severities = left;
}

/* The same walk with less known: a rule that may match leaves both its answer and those below it
 * open; one that does match ends it. */
enum policy_entry_answer policy_entry(const struct policy *policy,
				      const struct indicator *indicator, uint64_t now)
{
	struct outlook outlook = { .policy = policy };
	size_t words = rule_index_words(policy->entry_index);
	uint64_t set[SET_WORDS];

	match_subject_entry(indicator, policy->host, &outlook.subject);
	outlook.severities = 1u << policy_default_severity(policy, &outlook.subject);
	rule_index_find(policy->entry_index, &outlook.subject, set);
	for (size_t word = 0; word < words && outlook.severities; word++)
		for (uint64_t bits = set[word]; bits && outlook.severities; bits &= bits - 1) {
			size_t number = word * 64 + (size_t)__builtin_ctzll(bits);

			if (!rule_expired(&policy->rules[number], now))
				outlook_pass(&outlook, &policy->rules[number]);
		}
	if (outlook.severities)
		outlook_pass(&outlook, NULL);
	if (outlook.blocks && outlook.passes)
		return POLICY_DEPENDS;
	return outlook.blocks ? POLICY_BLOCKS : POLICY_PASSES;
}

uint64_t policy_next_change(const struct policy *policy, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < policy->rules_count; i++) {
		uint64_t until = policy->rules[i].until;

		if (until > now && until < next)
			next = until;
		/* Then it is told that it will end. */
		if (until != RULE_FOREVER && until > POLICY_ENDS_SOON &&
		    until - POLICY_ENDS_SOON > now && until - POLICY_ENDS_SOON < next)
			next = until - POLICY_ENDS_SOON;
	}
	return next;
}
