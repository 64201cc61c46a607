/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves that policies are read or refused with all their errors in place, that verdicts are those
 * that the cases in tests/data/policy expect, and that what policy_entry() promises of an entry
 * holds for every finding of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "policy/cases.h"
#include "policy/policy.h"

CLEANUP_DEFINE(struct policy *, policy_free)

#define NOW (UINT64_C(1780272000) * NS_PER_SECOND) /* 2026-06-01 */

static struct policy *parse(const char *text)
{
	struct policy_error error = { "" };
	struct policy *policy = NULL;

	if (policy_parse("p.yaml", text, strlen(text), &policy, &error) < 0)
		fail_msg("%s", error.text);
	return policy;
}

static const char *source_path(const char *name, char out[static 512])
{
	const char *folder = getenv("srcdir");

	(void)snprintf(out, 512, "%s/%s", folder ? folder : ".", name);
	return out;
}

static void case_told(const struct case_result *result, void *userdata)
{
	(void)userdata;
	if (!result->passed)
		print_error("line %u, %s: %s\n", result->line, result->name, result->difference);
}

/* Every case of the data files holds, and there are as many as there were written. */
static void test_cases(void **state)
{
	static const struct {
		const char *file;
		size_t count;
	} files[] = {
		{ "tests/data/policy/example-cases.yaml", 57 },
		{ "tests/data/policy/default-cases.yaml", 5 },
		{ "tests/data/policy/fleet-cases.yaml", 30 },
		{ "tests/data/policy/scanner-cases.yaml", 2 },
		{ "tests/data/policy/files-cases.yaml", 6 },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(files); i++) {
		struct case_totals totals = { 0 };
		struct policy_error error = { "" };
		char path[512];

		if (cases_run(source_path(files[i].file, path), case_told, NULL, &totals, &error) <
		    0)
			fail_msg("%s", error.text);
		assert_int_equal(totals.failed, 0);
		assert_int_equal(totals.passed, files[i].count);
	}
}

static void case_kept(const struct case_result *result, void *userdata)
{
	(void)snprintf(userdata, 512, "%u %s|%s", result->line, result->name, result->difference);
}

/* A case that does not hold fails, and says in what. */
static void test_case_fails(void **state)
{
	struct case_totals totals = { 0 };
	struct policy_error error = { "" };
	char told[512] = "", path[512];

	(void)state;
	assert_int_equal(cases_run(source_path("tests/data/policy/failing-cases.yaml", path),
				   case_kept, told, &totals, &error),
			 0);
	assert_int_equal(totals.failed, 1);
	assert_int_equal(totals.passed, 0);
	assert_string_equal(told, "6 all of it differs|severity: expected low, got high; "
				  "response: expected none, got block; "
				  "excepted: expected yes, got no; rule: expected x, got default; "
				  "policy: expected y, got built-in; entry: expected passes, "
				  "got blocks");
}

/* What is wrong with a policy is told at its place, all of it at once. */
static void test_errors(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "p.yaml: nothing in it; expected a policy" },
		{ "version: 2\n", "p.yaml:1:10: expected a number from 1 to 1, found \"2\"" },
		{ "rules: { a: b }\n", "p.yaml:1:8: expected a list of rules, found a mapping" },
		{ "rules:\n- name: a\n", "p.yaml:2:3: a rule without \"severity\", \"response\" or "
					 "\"except\" says nothing" },
		{ "rules:\n- severity: low\n", "p.yaml:2:3: a rule without \"name\"" },
		{ "rules:\n- { name: a, severity: lo }\n",
		  "p.yaml:2:24: expected critical, high, medium, low or informational, or a step "
		  "(+1, -1), found \"lo\"" },
		{ "rules:\n- { name: a, respons: block, severity: low }\n",
		  "p.yaml:2:14: unknown key \"respons\" in a rule; did you mean \"response\"?" },
		{ "rules:\n- { name: a, response: melt }\n",
		  "p.yaml:2:24: expected none, block, contain, isolate, kill, stop, quarantine, "
		  "quarantine-and-kill, freeze, isolate-on-second, stop-instance, "
		  "terminate-instance, "
		  "found \"melt\"" },
		{ "rules:\n- { name: a, match: { port: 70000 }, severity: low }\n",
		  "p.yaml:2:29: expected a port, or a range of them (8000-8099), found \"70000\"" },
		{ "rules:\n- { name: a, match: { port: 9-8 }, severity: low }\n",
		  "p.yaml:2:29: a range that ends before it begins" },
		{ "rules:\n- { name: a, match: { port: \"-\" }, severity: low }\n",
		  "p.yaml:2:29: expected a port, or a range of them (8000-8099), found \"-\"" },
		{ "rules:\n- { name: a, match: { kind: lookup }, severity: low }\n",
		  "p.yaml:2:29: expected question, answer, connection, flow, file, found "
		  "\"lookup\"" },
		{ "rules:\n- { name: a, match: { feed: x }, except: yes }\n",
		  "p.yaml:2:3: an exception without \"reason\"" },
		{ "rules:\n- { name: a, except: yes, reason: b }\n",
		  "p.yaml:2:3: an exception without \"match\" would silence everything" },
		{ "rules:\n- { name: a, match: { feed: x }, except: yes, reason: b, severity: low "
		  "}\n",
		  "p.yaml:2:3: an exception has neither \"severity\" nor \"response\"" },
		{ "rules:\n- { name: a, severity: low, until: 2027-01-01 }\n",
		  "p.yaml:2:3: \"reason\", \"owner\" and \"until\" belong to an exception (except: "
		  "true) or suppression" },
		{ "rules:\n- { name: a, match: { exe: { regex: \"a(\" } }, severity: low }\n",
		  "p.yaml:2:37: no regular expression: a group that is not closed" },
		{ "rules:\n- { name: a, match: { exe: { prefx: a } }, severity: low }\n",
		  "p.yaml:2:30: unknown key \"prefx\" in an operator; did you mean \"prefix\"?" },
		{ "rules:\n- { name: a, match: { any: [] }, severity: low }\n",
		  "p.yaml:2:28: an empty list" },
		{ "rules:\n- { name: a, match: { not: {} }, severity: low }\n",
		  "p.yaml:2:28: match with nothing in it; leave it out to match everything" },
		{ "rules:\n- { name: a, match: { time: \"22-6\" }, severity: low }\n",
		  "p.yaml:2:29: expected a time of day in UTC, from and to (22:00-06:00), found "
		  "\"22-6\"" },
		{ "rules:\n- { name: a, match: { weekday: monday }, severity: low }\n",
		  "p.yaml:2:32: expected a day (mon, tue, wed, thu, fri, sat, sun), or days "
		  "(mon-fri), found \"monday\"" },
		{ "rules:\n- { name: a, threshold: { count: 1, within: 1h, severity: high } }\n",
		  "p.yaml:2:34: expected a number from 2 to 1000, found \"1\"" },
		{ "rules:\n- { name: a, threshold: { count: 2, within: soon, severity: high } }\n",
		  "p.yaml:2:45: expected a span of time (90s, 15min, 24h, 7d), found \"soon\"" },
		{ "rules:\n- { name: a, severity: \"+9\" }\n",
		  "p.yaml:2:24: expected critical, high, medium, low or informational, or a step "
		  "(+1, -1), found \"+9\"" },
		{ "rules:\n- { name: a, severity: low, continue: yes, response: block }\n",
		  "p.yaml:2:3: a rule with \"continue\" gives a severity, and no more" },
		{ "rules:\n- { name: a, suppress: yes, match: { feed: x } }\n",
		  "p.yaml:2:3: a suppression without \"reason\"" },
		{ "defaults: { feeds: { a: hot } }\n",
		  "p.yaml:1:25: expected critical, high, medium, low or informational, found "
		  "\"hot\"" },
		{ "severities: { high: { respond: block } }\n",
		  "p.yaml:1:23: unknown key \"respond\" in what a severity does; did you mean "
		  "\"response\"?" },
		{ "close: { quite: 1d }\n",
		  "p.yaml:1:10: unknown key \"quite\" in close; did you mean \"quiet\"?" },
		{ "rules:\n- { name: a, match: {}, severity: low }\n",
		  "p.yaml:2:21: match with nothing in it; leave it out to match everything" },
		{ "rules:\n- { name: a, match: { feed: [] }, severity: low }\n",
		  "p.yaml:2:29: an empty list" },
		{ "rules:\n- { name: a, match: { feed: [[x]] }, severity: low }\n",
		  "p.yaml:2:30: expected text, found a list" },
		{ "rules:\n- { name: a, match: { domian: x }, severity: low }\n",
		  "p.yaml:2:23: unknown key \"domian\" in match; did you mean \"domain\"?" },
		{ "rules:\n- { name: a, match: { domain: \"*.x\" }, severity: low }\n",
		  "p.yaml:2:31: a name stands for all below it, too: write it without *" },
		{ "rules:\n- { name: a, match: { domain: a..b }, severity: low }\n",
		  "p.yaml:2:31: expected a domain name, found \"a..b\"" },
		{ "rules:\n- { name: a, match: { domain: b\xc3\xbc.example }, severity: low }\n",
		  "p.yaml:2:31: expected a name in ASCII (xn--... for others)" },
		{ "rules:\n- { name: a, match: { address: 10.0.0.1/8 }, severity: low }\n",
		  "p.yaml:2:32: bits are set beyond the prefix's length" },
		{ "rules:\n- { name: a, match: { address: 10/8 }, severity: low }\n",
		  "p.yaml:2:32: expected an address or prefix (10.0.0.0/8), found \"10/8\"" },
		{ "rules:\n- { name: a, match: { user: 4294967296 }, severity: low }\n",
		  "p.yaml:2:29: expected a user's name or number, found \"4294967296\"" },
		{ "rules:\n- { name: a, match: { severity: \">critical\" }, severity: low }\n",
		  "p.yaml:2:33: no severity is beyond that" },
		{ "rules:\n- { name: a, match: { severity: \"=high\" }, severity: low }\n",
		  "p.yaml:2:33: expected a severity (critical, high, medium, low, informational; "
		  ">=high for it and above), found \"=high\"" },
		{ "rules:\n- { name: a, match: { direction: up }, severity: low }\n",
		  "p.yaml:2:34: expected out, in, found \"up\"" },
		{ "rules:\n- { name: a, match: { stub: 7 }, severity: low }\n",
		  "p.yaml:2:29: expected yes or no, found \"7\"" },
		{ "rules:\n- { name: a, match: { tag: \"a,b\" }, severity: low }\n",
		  "p.yaml:2:28: a tag with a comma; write a list: [a, b]" },
		{ "rules:\n- { name: a, severity: low }\n- { name: b, severity: low }\n"
		  "- { name: a, severity: high }\n",
		  "p.yaml:4:3: a second rule \"a\", the first is in line 2" },
		{ "severities: { none: block }\n",
		  "p.yaml:1:15: unknown key \"none\" in severities; known: critical, high, medium, "
		  "low, informational" },
		{ "nam: x\nrules:\n- { name: a, severity: x }\n- { name: b }\n",
		  "p.yaml:1:1: unknown key \"nam\" in a policy; did you mean \"name\"?\n"
		  "p.yaml:3:24: expected critical, high, medium, low or informational, or a step "
		  "(+1, -1), found \"x\"\n"
		  "p.yaml:4:3: a rule without \"severity\", \"response\" or \"except\" says "
		  "nothing" },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct policy_error error = { "" };
		struct policy *policy = NULL;

		assert_int_equal(policy_parse("p.yaml", cases[i].text, strlen(cases[i].text),
					      &policy, &error),
				 -EINVAL);
		assert_null(policy);
		assert_string_equal(error.text, cases[i].error);
	}
}

struct told {
	char text[4096];
};

static void warning_told(const char *text, void *userdata)
{
	struct told *told = userdata;
	size_t used = strlen(told->text);

	(void)snprintf(told->text + used, sizeof(told->text) - used, "%s\n", text);
}

/* Exceptions that are over and rules that nothing reaches are warned about. */
static void test_warnings(void **state)
{
	CLEANUP(policy_free_cleanup)
	struct policy *policy = parse(
		"rules:\n"
		"- { name: old, match: { feed: a }, except: yes, reason: r, until: 2026-06-01 }\n"
		"- { name: new, match: { feed: a }, except: yes, reason: r, until: 2026-06-02 }\n"
		"- { name: all, severity: low }\n"
		"- { name: late, match: { feed: b }, severity: high }\n");
	struct told told = { "" };

	(void)state;
	assert_int_equal(policy_warnings(policy, NOW, warning_told, &told), 3);
	assert_string_equal(
		told.text, "p.yaml:2:3: exception \"old\" ended at 2026-06-01T00:00:00.000000Z and "
			   "excepts nothing any more\n"
			   "p.yaml:3:3: exception \"new\" ends soon, at "
			   "2026-06-02T00:00:00.000000Z\n"
			   "p.yaml:5:3: rule \"late\" is never reached: \"all\" before it matches "
			   "everything\n");
	assert_int_equal(policy_next_change(policy, NOW), NOW + 86400 * NS_PER_SECOND);
	assert_int_equal(policy_next_change(policy, NOW + 86400 * NS_PER_SECOND), UINT64_MAX);
	assert_int_equal(policy_rules(policy), 4);
}

struct endings {
	char rules[256];
	size_t over;
};

static void ending_told(const struct policy_ending *ending, void *userdata)
{
	struct endings *endings = userdata;
	size_t used = strlen(endings->rules);

	(void)snprintf(endings->rules + used, sizeof(endings->rules) - used, "%s ", ending->rule);
	endings->over += ending->over;
}

/* The end of an exception is told of a week before, and when it is there; and at both times
 * somebody wakes. */
static void test_endings(void **state)
{
	const uint64_t day = 86400 * NS_PER_SECOND, week = 7 * day;
	const uint64_t first = NOW + 14 * day, second = NOW + 30 * day;
	CLEANUP(policy_free_cleanup)
	struct policy *policy = parse(
		"rules:\n"
		"- { name: b, match: { feed: a }, suppress: yes, reason: r, until: 2026-07-01 }\n"
		"- { name: never, match: { feed: a }, except: yes, reason: r }\n"
		"- { name: a, match: { feed: a }, except: yes, reason: r, until: 2026-06-15 }\n");
	const struct {
		uint64_t now, next;
		const char *rules;
		size_t over;
	} times[] = {
		{ NOW, first - week, "", 0 },	   { first - week - 1, first - week, "", 0 },
		{ first - week, first, "a ", 0 },  { first - 1, first, "a ", 0 },
		{ first, second - week, "a ", 1 }, { second - week, second, "b a ", 1 },
		{ second, UINT64_MAX, "b a ", 2 },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(times); i++) {
		struct endings endings = { "", 0 };

		assert_int_equal(policy_next_change(policy, times[i].now), times[i].next);
		(void)policy_endings(policy, times[i].now, ending_told, &endings);
		assert_string_equal(endings.rules, times[i].rules);
		assert_int_equal(endings.over, times[i].over);
	}
}

/* A rule that may let any lookup go, whatever the entry, is warned about; one that entries can rule
 * out is not, nor one that has nothing below it to block. */
static void test_warning_open(void **state)
{
	static const struct {
		const char *rules, *warning; /* NULL: none */
	} cases[] = {
		{ "- { name: a, match: { exe: /bin/x }, except: yes, reason: r }",
		  "p.yaml:2:3: nothing would be blocked in the kernel because of rule \"a\" at "
		  "line 2:" },
		{ "- { name: a, match: { unit: x }, severity: low }",
		  "p.yaml:2:3: nothing would be blocked in the kernel because of rule \"a\" at "
		  "line 2:" },
		{ "- { name: a, match: { tag: t }, response: block }\n"
		  "- { name: b, match: { user: 7 }, response: none }",
		  "p.yaml:3:3: nothing below would be blocked in the kernel because of rule \"b\" "
		  "at "
		  "line 3:" },
		{ "- { name: a, match: { exe: /bin/x, domain: m.example }, except: yes, reason: r "
		  "}",
		  NULL },
		{ "- { name: a, match: { exe: /bin/x, feed: f }, response: none }", NULL },
		{ "- { name: a, match: { kind: flow, exe: /bin/x }, response: none }", NULL },
		{ "- { name: a, match: { kind: question, exe: /bin/x }, response: none }",
		  "p.yaml:2:3: nothing would be" },
		{ "- { name: a, match: { sni: x.example, exe: /bin/x }, response: none }", NULL },
		{ "- { name: a, match: { port: 53 }, response: none }",
		  "p.yaml:2:3: nothing would be" },
		{ "- { name: a, match: { exe: /bin/x }, response: block }", NULL },
		{ "- { name: a, match: { exe: /bin/x }, severity: critical }", NULL },
		{ "- { name: a, match: { exe: /bin/x }, except: yes, reason: r, until: 2026-01-01 "
		  "}",
		  "p.yaml:2:3: exception" },
		{ "- { name: a, match: { exe: /bin/x }, response: none }\nseverities: { high: none "
		  "}",
		  NULL },
		{ "- { name: a, match: { exe: /bin/x }, response: none }\n"
		  "- { name: b, response: none }",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		CLEANUP(policy_free_cleanup) struct policy *policy = NULL;
		const char *expected = cases[i].warning ? cases[i].warning : "";
		struct told told = { "" };
		char text[512];

		(void)snprintf(text, sizeof(text), "rules:\n%s\n", cases[i].rules);
		policy = parse(text);
		assert_int_equal(policy_warnings(policy, NOW, warning_told, &told),
				 cases[i].warning != NULL);
		assert_int_equal(strncmp(told.text, expected, strlen(expected)), 0);
	}
}

/* Of several files the earlier one's rules come first, and the first severities count; errors of
 * all of them are told. */
static void test_several_files(void **state)
{
	CLEANUP(policy_free_cleanup) struct policy *policy = NULL;
	char first[512], second[512];
	const char *paths[] = { source_path("tests/data/policy/site.yaml", first),
				source_path("tests/data/policy/example.yaml", second) };
	const char *broken[] = { "/nonexistent/a.yaml", paths[0], "/nonexistent/b.yaml" };
	struct indicator indicator = { .feed = "ads", .tags = "", .severity = SEVERITY_LOW };
	struct event event = { .direction = EVENT_DIRECTION_OUT };
	struct finding finding = { .detector = "indicator",
				   .default_severity = SEVERITY_LOW,
				   .event = &event,
				   .indicator = &indicator };
	struct policy_error error = { "" };
	struct verdict verdict;

	(void)state;
	assert_int_equal(policy_load(paths, 2, &policy, &error), 0);
	policy_evaluate(policy, &finding, NOW, &verdict);
	assert_string_equal(verdict.policy, "site"); /* named after its file */
	assert_string_equal(verdict.rule, "our-ads");
	assert_int_equal(verdict.severity, SEVERITY_MEDIUM);
	assert_int_equal(verdict.response, RESPONSE_BLOCK);
	indicator.feed = "other";
	policy_evaluate(policy, &finding, NOW, &verdict);
	assert_string_equal(verdict.rule, "default");
	assert_string_equal(verdict.policy, "site");
	assert_int_equal(verdict.response, RESPONSE_NONE);

	assert_int_equal(policy_load(broken, 3, &policy, &error), -EINVAL);
	assert_string_equal(error.text,
			    "/nonexistent/a.yaml: cannot be read: No such file or directory\n"
			    "/nonexistent/b.yaml: cannot be read: No such file or directory");
}

/* Without any file, critical and high block and nothing else does. */
static void test_no_file(void **state)
{
	CLEANUP(policy_free_cleanup) struct policy *policy = NULL;
	struct event event = { 0 };
	struct finding finding = { .detector = "indicator", .event = &event };
	struct policy_error error = { "" };

	(void)state;
	assert_int_equal(policy_load(NULL, 0, &policy, &error), 0);
	for (unsigned severity = SEVERITY_NONE; severity <= SEVERITY_CRITICAL; severity++) {
		struct verdict verdict;

		finding.default_severity = (enum severity)severity;
		policy_evaluate(policy, &finding, NOW, &verdict);
		assert_int_equal(verdict.severity, severity ? severity : SEVERITY_MEDIUM);
		assert_int_equal(verdict.response == RESPONSE_BLOCK, severity >= SEVERITY_HIGH);
		assert_string_equal(verdict.policy, "built-in");
		assert_string_equal(verdict.rule, "default");
		assert_string_equal(verdict.reason, "");
	}
}

/* A path that was cut in the kernel matches no pattern; an unreadable message no name. */
static void test_unknown(void **state)
{
	CLEANUP(policy_free_cleanup)
	struct policy *policy =
		parse("rules:\n"
		      "- { name: path, match: { exe: \"/opt/*\" }, response: block }\n"
		      "- { name: name, match: { domain: \".\" }, response: block }\n");
	struct process process = { .exe = "/opt/tool" };
	struct event event = { .process = &process, .unreadable = true };
	struct finding finding = { .detector = "indicator", .event = &event };
	struct verdict verdict;

	(void)state;
	policy_evaluate(policy, &finding, NOW, &verdict);
	assert_string_equal(verdict.rule, "path");
	process.exe_truncated = true;
	policy_evaluate(policy, &finding, NOW, &verdict);
	assert_string_equal(verdict.rule, "default");
	assert_int_equal(domain_name_parse("a.b", &event.name), 0);
	policy_evaluate(policy, &finding, NOW, &verdict);
	assert_string_equal(verdict.rule, "name");
}

/* Whatever the rules say, an allow entry passes. */
static void test_allow(void **state)
{
	CLEANUP(policy_free_cleanup)
	struct policy *policy =
		parse("rules:\n- { name: all, severity: critical, response: block }\n");
	struct indicator indicator = { .feed = "f", .tags = "", .severity = SEVERITY_CRITICAL };

	(void)state;
	assert_int_equal(policy_entry(policy, &indicator, NOW), POLICY_BLOCKS);
	indicator.action = INDICATOR_ALLOW;
	assert_int_equal(policy_entry(policy, &indicator, NOW), POLICY_PASSES);
}

/* A rule that cannot be this entry's leaves its answer as it is, whatever else the rule looks at.
 */
static void test_entry_excluded(void **state)
{
	CLEANUP(policy_free_cleanup)
	struct policy *policy =
		parse("rules:\n- { name: r, match: { exe: /bin/x, tag: t }, response: none }\n");
	struct indicator indicator = { .feed = "f", .tags = "t", .severity = SEVERITY_CRITICAL };

	(void)state;
	assert_int_equal(policy_entry(policy, &indicator, NOW), POLICY_DEPENDS);
	indicator.tags = "u";
	assert_int_equal(policy_entry(policy, &indicator, NOW), POLICY_BLOCKS);
}

/* ---- policy_entry() against policy_evaluate() ---- */

static uint64_t random_state = 88172645463325252u;

static unsigned random_below(unsigned bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % bound;
}

/* Conditions that hold of some findings of the small world below and not of others; those of the
 * first row are about the entry. */
static const char *const conditions[][8] = {
	{ "feed: a", "feed: [b, c]", "tag: t1", "tag: [t2, t3]", "indicator: bad.example",
	  "severity: \">=high\"", "severity: [low, medium]", "detector: indicator" },
	{ "domain: www.bad.example", "domain: [x.www.bad.example, other]", "exe: \"/bin/?*\"",
	  "user: [u1, 7]", "stub: yes", "direction: in", "address: 10.0.0.0/8", "unit: a.service" },
};

static size_t rule_write(char *out, size_t size, unsigned number, bool entry_only)
{
	static const char *const keys[] = { "feed",	"tag",	     "indicator", "severity",
					    "detector", "domain",    "exe",	  "user",
					    "stub",	"direction", "address",	  "unit" };
	static const char *const answers[] = {
		"response: block",
		"response: none",
		"severity: critical",
		"severity: low",
		"severity: high, response: none",
		"severity: informational, response: block",
		"except: yes, reason: r",
		"except: yes, reason: r, until: 2026-06-01",
		"except: yes, reason: r, until: 2026-06-02",
		"severity: +1",
		"severity: -2, response: block",
		"severity: +2, continue: yes",
		"severity: -1, continue: yes",
		"severity: critical, continue: yes",
		"suppress: yes, reason: r",
		"sinks: [file]",
	};
	static const char *const groups[][3] = { { "any: [{ ", " }, { ", " }]" },
						 { "not: { ", ", ", " }" },
						 { "not: [{ ", " }, { ", " }]" },
						 { "all: [{ ", " }, { any: [{ ", " }] }]" } };
	unsigned want = 1 + random_below(3);
	bool used[ELEMENTS(keys)] = { false };
	size_t at = (size_t)snprintf(out, size, "- { name: r%u, match: {", number);

	for (unsigned i = 0; i < want; i++) {
		const char *text = conditions[entry_only ? 0 : random_below(2)][random_below(8)];
		size_t key = 0;

		while (strncmp(text, keys[key], strlen(keys[key])) != 0)
			key++;
		if (used[key])
			continue;
		used[key] = true;
		at += (size_t)snprintf(out + at, size - at, "%s %s", i ? "," : "", text);
	}
	/* Two conditions of different keys, within a group. */
	if (random_below(3) == 0) {
		unsigned first = random_below(2), second = 3 + random_below(5);
		const char *const *group = groups[random_below(ELEMENTS(groups))];
		unsigned row = entry_only ? 0 : random_below(2);

		at += (size_t)snprintf(out + at, size - at, ", %s%s%s%s%s", group[0],
				       conditions[row][row == 0 ? first : 0], group[1],
				       conditions[row][second], group[2]);
	}
	at += (size_t)snprintf(out + at, size - at, " }, %s }\n",
			       answers[random_below(ELEMENTS(answers))]);
	return at;
}

static struct policy *policy_random(bool entry_only)
{
	static const char *const severities[] = { "", "severities: { critical: block }\n",
						  "severities: { low: block, high: none }\n" };
	char text[4096] = "rules:\n";
	size_t used = strlen(text);
	unsigned rules = random_below(7);

	for (unsigned i = 0; i < rules; i++)
		used += rule_write(text + used, sizeof(text) - used, i, entry_only);
	(void)snprintf(text + used, sizeof(text) - used, "%s",
		       severities[random_below(ELEMENTS(severities))]);
	return parse(text);
}

struct decided {
	const char *rule;
};

static void step_told(const struct policy_step *step, void *userdata)
{
	struct decided *decided = userdata;

	if (step->kind == STEP_DECIDED) {
		assert_string_equal(decided->rule, "default");
		decided->rule = step->rule;
	}
}

/* The index finds the rule that a walk over all of them finds. */
static void explain_check(const struct policy *policy, const struct finding *finding,
			  const struct verdict *verdict)
{
	struct decided decided = { "default" };
	struct verdict again;

	policy_explain(policy, finding, NOW, step_told, &decided, &again);
	assert_string_equal(verdict->rule, decided.rule);
	assert_int_equal(verdict->severity, again.severity);
}

/* Calls policy_evaluate() with every finding of the world that this entry has; sets the bits of
 * the answers: 1 passes, 2 blocks. */
static unsigned world_ask(const struct policy *policy, const struct indicator *indicator)
{
	static const char *const names[] = { "bad.example", "WWW.bad.example",
					     "x.www.bad.example" };
	static const char *const exes[] = { "", "/bin/sh", "/usr/bin/x" };
	static const char *const units[] = { "", "a.service", "b.service" };
	unsigned seen = 0;

	/* Mixed radix: each number is one finding. */
	for (unsigned n = 0; n < 3 * 3 * 3 * 4 * 2 * 2 * 2; n++) {
		struct process process = { .role = (enum process_role)(n / 108 % 2), .uid = 1 };
		struct event event = { .direction = n / 216 % 2 ? EVENT_DIRECTION_IN
								: EVENT_DIRECTION_OUT,
				       .attribution = EVENT_ATTRIBUTION_SEND,
				       .uid = 7 };
		struct finding finding = { .detector = "indicator",
					   .default_severity = (enum severity)indicator->severity,
					   .event = &event,
					   .indicator = indicator };
		unsigned user = n / 27 % 4;
		struct verdict verdict;

		assert_int_equal(domain_name_parse(names[n % 3], &event.name), 0);
		(void)strcpy(process.exe, exes[n / 3 % 3]);
		(void)strcpy(process.unit, units[n / 9 % 3]);
		if (user == 1)
			(void)strcpy(process.user, "u1");
		if (user == 2)
			process.uid = 7;
		if (user < 3)
			event.process = &process;
		(void)address_parse(n / 432 ? "10.1.1.1" : "192.0.2.1", &event.source);
		policy_evaluate(policy, &finding, NOW, &verdict);
		assert_true(!verdict.excepted || verdict.response == RESPONSE_NONE);
		explain_check(policy, &finding, &verdict);
		seen |= verdict.response == RESPONSE_BLOCK ? 2 : 1;
	}
	return seen;
}

/* What the kernel side is told of an entry is never contradicted by a verdict, for thousands of
 * random policies and every finding of a small world; and is exact when rules look at entries
 * only. */
static void test_entry_against_evaluate(void **state)
{
	static const char *const feeds[] = { "a", "b", "d" };
	static const char *const tags[] = { "", "t1", "t0,t2", "t1,t3" };
	unsigned answers[3] = { 0 }, sharp = 0;

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		bool entry_only = round % 3 == 0;
		CLEANUP(policy_free_cleanup) struct policy *policy = policy_random(entry_only);
		struct indicator indicator = { .feed = feeds[random_below(3)],
					       .tags = tags[random_below(4)],
					       .severity = (uint8_t)random_below(6),
					       .text = "bad.example" };
		enum policy_entry_answer answer = policy_entry(policy, &indicator, NOW);
		unsigned seen = world_ask(policy, &indicator);

		if (answer == POLICY_BLOCKS)
			assert_int_equal(seen, 2);
		if (answer == POLICY_PASSES)
			assert_int_equal(seen, 1);
		if (entry_only)
			assert_int_not_equal(answer, POLICY_DEPENDS);
		answers[answer]++;
		sharp += answer == POLICY_DEPENDS && seen == 3;
	}
	/* The test would prove nothing if an answer hardly came. */
	assert_true(answers[POLICY_PASSES] > 300);
	assert_true(answers[POLICY_BLOCKS] > 300);
	assert_true(answers[POLICY_DEPENDS] > 300);
	assert_true(sharp > answers[POLICY_DEPENDS] / 2);
}

/* Long lists of names are searched as single ones are compared. */
static void test_long_list(void **state)
{
	CLEANUP(free_cleanup) char *text = malloc(2000 * 32 + 256);
	CLEANUP(policy_free_cleanup) struct policy *policy = NULL;
	struct event event = { 0 };
	struct finding finding = { .detector = "indicator", .event = &event };
	size_t used;

	(void)state;
	assert_non_null(text);
	used = (size_t)sprintf(text,
			       "rules:\n- name: long\n  severity: low\n  match:\n    domain:\n");
	for (int i = 0; i < 2000; i++)
		used += (size_t)sprintf(text + used, "    - N%d.example\n", i * 7919 % 2000 * 2);
	policy = parse(text);
	for (int i = 0; i < 4000; i++) {
		char name[64];
		struct verdict verdict;

		(void)snprintf(name, sizeof(name), "%sn%d.EXAMPLE", i % 3 ? "" : "a.b.", i);
		assert_int_equal(domain_name_parse(name, &event.name), 0);
		policy_evaluate(policy, &finding, NOW, &verdict);
		assert_string_equal(verdict.rule, i % 2 == 0 ? "long" : "default");
	}
}

/* ---- the index and the glance hide no rule ---- */

static const char *const wanted[] = {
	"exe: \"*/cu?l\"",
	"exe: { suffix: \"/CURL\" }",
	"exe: { suffix: [rl, sh], prefix: \"/usr/\" }",
	"args: { contains: [\"https://\", \"-o\"] }",
	"args: { regex: \"(?i)CURL .*(ba)?sh$\" }",
	"args: { regex: \"^(wget|curl) (-s )+\" }",
	"args: { regex: \"x{0}c[u]rl|nothing\" }",
	"args: { known: no }",
	"args: { glob: \"*[a-c]url*\" }",
	"exe: [\"/bin/*\", \"*bash\"]",
	"uid: 0-999",
	"uid: [1000, 2000-3000]",
	"user: [bob, 0]",
	"port: 53-443",
	"source_port: 4000-5000",
	"ancestor: \"*/sshd\"",
	"ancestor: { contains: ssh }",
	"all: [{ port: 1-100 }, { exe: \"*curl\" }]",
	"any: [{ exe: \"*sh\" }, { uid: 0-10 }]",
	"not: { exe: \"*curl\" }",
	"domain: { suffix: .example }",
	"domain: { regex: \"^[a-z]+[.]EXAMPLE\" }",
	"port: { min: 100 }",
	"user: { prefix: b }",
	"weekday: [mon, thu-sat]",
	"kind: [question, flow]",
	"kind: [answer, { prefix: q }]",
	"kind: answer",
	"direction: in",
	"stub: no",
	"blocked: yes",
	"destination: [10.0.0.0/9, 192.0.2.1]",
	"destination: \"2001:db8::/33\"",
	"unit: [\"*@1.service\", \"[ab]*\", \"a\\\\*\"]",
};

static struct policy *wanted_policy(unsigned *seed)
{
	char text[4096];
	size_t used = (size_t)sprintf(text, "rules:\n");

	for (int i = 0; i < 12; i++) {
		const char *first = wanted[(unsigned)rand_r(seed) % ELEMENTS(wanted)];
		const char *second = wanted[(unsigned)rand_r(seed) % ELEMENTS(wanted)];
		bool same = strcspn(first, ":") == strcspn(second, ":") &&
			    strncmp(first, second, strcspn(first, ":")) == 0;

		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "- { name: r%d, severity: low, match: { %s%s%s } }\n", i,
					 first, same ? "" : ", ", same ? "" : second);
	}
	return parse(text);
}

static void decided_told(const struct policy_step *step, void *userdata)
{
	if (step->kind == STEP_DECIDED)
		*(const char **)userdata = step->rule;
}

/* policy_explain() asks each rule; policy_evaluate() only those that may match. */
static void test_evaluate_against_explain(void **state)
{
	static const char *const exes[] = { "/usr/bin/curl", "/bin/bash", "/opt/x", "" };
	static const char *const arguments[] = { "curl -s https://a.example | sh", "Curl -O BASH",
						 "wget -s -s x", "" };
	static const char *const addresses[] = { "10.1.2.3",  "10.200.0.1",  "192.0.2.1",
						 "192.0.2.2", "2001:db8::1", "2001:db8:8000::1" };
	static const char *const names[] = { "a.example", "WWW.Example", "b.invalid" };
	struct process parent = { .exe = "/usr/sbin/sshd" }, process = { .parent = &parent };
	struct event event = { .kind = EVENT_QUESTION,
			       .direction = EVENT_DIRECTION_OUT,
			       .attribution = EVENT_ATTRIBUTION_SEND };
	struct finding finding = { .detector = "indicator", .event = &event };
	unsigned seed = 7, matched = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		CLEANUP(policy_free_cleanup) struct policy *policy = wanted_policy(&seed);
		const char *decided = "default";
		struct verdict verdict, explained;

		event.process = rand_r(&seed) % 8 ? &process : NULL;
		(void)snprintf(process.exe, sizeof(process.exe), "%s",
			       exes[(unsigned)rand_r(&seed) % ELEMENTS(exes)]);
		(void)snprintf(process.arguments, sizeof(process.arguments), "%s",
			       arguments[(unsigned)rand_r(&seed) % ELEMENTS(arguments)]);
		(void)snprintf(process.user, sizeof(process.user), "%s",
			       rand_r(&seed) % 2 ? "bob" : "");
		process.uid = (uid_t)rand_r(&seed) % 4 * 500;
		event.destination_port = rand_r(&seed) % 2 ? 53 : 5353;
		event.time = (1 + (uint64_t)rand_r(&seed) % 7 * 86400) * NS_PER_SECOND;
		event.kind = rand_r(&seed) % 2 ? EVENT_QUESTION : EVENT_ANSWER;
		event.direction = rand_r(&seed) % 2 ? EVENT_DIRECTION_OUT : EVENT_DIRECTION_UNKNOWN;
		event.disposition = rand_r(&seed) % 4 ? EVENT_PASSED : EVENT_BLOCKED;
		(void)address_parse(addresses[(unsigned)rand_r(&seed) % ELEMENTS(addresses)],
				    &event.destination);
		(void)snprintf(process.unit, sizeof(process.unit), "%s",
			       rand_r(&seed) % 2 ? "a@1.service" : "a*");
		event.source_port = (uint16_t)(3900 + rand_r(&seed) % 200);
		assert_int_equal(domain_name_parse(names[(unsigned)rand_r(&seed) % ELEMENTS(names)],
						   &event.name),
				 0);
		policy_evaluate(policy, &finding, NOW, &verdict);
		policy_explain(policy, &finding, NOW, decided_told, &decided, &explained);
		assert_string_equal(verdict.rule, decided);
		matched += strcmp(decided, "default") != 0;
	}
	assert_in_range(matched, 500, 2990);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_case_fails),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_warning_open),
		cmocka_unit_test(test_several_files),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_entry_excluded),
		cmocka_unit_test(test_entry_against_evaluate),
		cmocka_unit_test(test_long_list),
		cmocka_unit_test(test_evaluate_against_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
