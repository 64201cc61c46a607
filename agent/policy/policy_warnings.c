/* SPDX-License-Identifier: Apache-2.0
 *
 * What a policy allows but hardly means. Takes the compiled policy; tells `cordon policy check`,
 * and the daemon's log.
 */
#include "policy/policy_private.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

struct warnings {
	policy_tell tell;
	void *userdata;
	size_t count;
};

static void warn_at(struct warnings *warnings, const struct policy_source *source, unsigned line,
		    unsigned column, const char *format, ...) __attribute__((format(printf, 5, 6)));
static void warn_at(struct warnings *warnings, const struct policy_source *source, unsigned line,
		    unsigned column, const char *format, ...)
{
	char message[1024], text[POLICY_ERROR_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	(void)snprintf(text, sizeof(text), "%s:%u:%u: %s", source->file, line, column, message);
	warnings->tell(text, warnings->userdata);
	warnings->count++;
}

/* It is over before anybody has thought of it. */
static void warn_exception(const struct rule *rule, uint64_t now, struct warnings *warnings)
{
	char time[CLOCK_TEXT_SIZE];

	if (!rule->except && !rule->suppress)
		return;
	if (rule->until == RULE_FOREVER || rule->until - now > POLICY_ENDS_SOON)
		return;
	clock_format(rule->until, time);
	warn_at(warnings, rule->source, rule->line, rule->column,
		"exception \"%s\" ends soon, at %s", rule->name, time);
}

static void warn_rules(const struct policy *policy, uint64_t now, struct warnings *warnings)
{
	const struct rule *all = NULL; /* matches everything */
	char time[CLOCK_TEXT_SIZE];

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule_expired(rule, now)) {
			clock_format(rule->until, time);
			warn_at(warnings, rule->source, rule->line, rule->column,
				"exception \"%s\" ended at %s and excepts nothing any more",
				rule->name, time);
			continue;
		}
		warn_exception(rule, now, warnings);
		if (all) {
			warn_at(warnings, rule->source, rule->line, rule->column,
				"rule \"%s\" is never reached: \"%s\" before it matches everything",
				rule->name, all->name);
		} else if (match_empty(&rule->match) && !rule->goes_on) {
			all = rule;
		}
	}
}

static bool rule_lets_go(const struct policy *policy, const struct rule *rule)
{
	if (rule->except || rule->response == RESPONSE_NONE)
		return true;
	if (rule->response != RULE_RESPONSE_UNSAID)
		return false;
	return rule->suppress ||
	       (rule->severity != SEVERITY_NONE &&
		policy_severity_action(policy, rule->severity)->response == RESPONSE_NONE);
}

static bool rule_blocks(const struct policy *policy, const struct rule *rule)
{
	return !rule->except && !rule_lets_go(policy, rule);
}

/* Whether anything from the rule at number on, severities last, blocks. */
static bool blocks_below(const struct policy *policy, size_t number)
{
	for (size_t i = number; i < policy->rules_count; i++) {
		if (rule_blocks(policy, &policy->rules[i]))
			return true;
		if (match_empty(&policy->rules[i].match))
			return false;
	}
	for (int severity = SEVERITY_INFORMATIONAL; severity <= SEVERITY_CRITICAL; severity++)
		if (policy_severity_action(policy, (enum severity)severity)->response !=
		    RESPONSE_NONE)
			return true;
	return false;
}

/* A rule that may let anything go, whatever the entry, leaves the kernel side nothing to block: it
 * cannot wait for who asked. */
static void warn_open(const struct policy *policy, uint64_t now, struct warnings *warnings)
{
	bool above = false; /* rules that block by the entry alone come first */

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct rule *rule = &policy->rules[i];

		if (rule_expired(rule, now) || rule->goes_on)
			continue;
		if (match_empty(&rule->match))
			return;
		if (match_open(&rule->match) && rule_lets_go(policy, rule) &&
		    blocks_below(policy, i + 1)) {
			warn_at(warnings, rule->source, rule->line, rule->column,
				"nothing %swould be blocked in the kernel because of rule \"%s\" "
				"at line %u: it may let any lookup go, and looks at nothing that "
				"the list alone tells (severity, feed, tag, indicator, domain)",
				above ? "below " : "", rule->name, rule->line);
			return;
		}
		above |= rule_blocks(policy, rule) && !match_open(&rule->match);
	}
}

size_t policy_warnings(const struct policy *policy, uint64_t now, policy_tell tell, void *userdata)
{
	struct warnings warnings = { .tell = tell, .userdata = userdata };

	warn_rules(policy, now, &warnings);
	warn_open(policy, now, &warnings);
	for (size_t i = 0; i < policy->sources_count; i++) {
		const struct policy_source *source = &policy->sources[i];

		if (source->has_severities && source != policy->chosen)
			warn_at(&warnings, source, source->severities_line,
				source->severities_column,
				"these severities are not used: those of %s come first",
				policy->chosen->file);
	}
	return warnings.count;
}

size_t policy_endings(const struct policy *policy, uint64_t now,
		      void (*tell)(const struct policy_ending *ending, void *userdata),
		      void *userdata)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->rules_count; i++) {
		const struct rule *rule = &policy->rules[i];
		const struct policy_ending ending = {
			.policy = rule->source->name,
			.rule = rule->name,
			.reason = rule->reason ? rule->reason : "",
			.owner = rule->owner ? rule->owner : "",
			.until = rule->until,
			.over = rule_expired(rule, now),
		};

		if (rule->until == RULE_FOREVER ||
		    (!ending.over && rule->until - now > POLICY_ENDS_SOON))
			continue;
		tell(&ending, userdata);
		count++;
	}
	return count;
}
