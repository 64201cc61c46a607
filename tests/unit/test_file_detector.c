/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "detect/detect.h"
#include "detect/file_detector.h"
#include "sensor/file_facts.h"

struct met {
	unsigned count;
	struct finding finding; /* the last */
};

static int finding_met(const struct finding *finding, void *userdata)
{
	struct met *met = userdata;

	met->count++;
	met->finding = *finding;
	return 0;
}

static void look(struct detect *detect, const char *path, const struct file_match *matches,
		 size_t count, struct met *met)
{
	const struct file_facts facts = { .path = path, .size = 10 };
	const struct event event = { .kind = EVENT_FILE, .time = 1, .file = &facts };

	const struct file_reasons reasons = { .matches = matches, .matches_count = count };

	*met = (struct met){ 0 };
	assert_int_equal(detect_file(detect, &event, &reasons, NULL, 1, finding_met, met),
			 (int)count);
}

static struct file_match match_of(const char *rule, int severity, uint64_t score)
{
	return (struct file_match){ .rule = rule,
				    .namespace_ = "ns",
				    .reference = "https://example.com/",
				    .description = "what it is",
				    .severity = severity,
				    .score = score,
				    .inside = "" };
}

static void severities_are_the_rules(void **state)
{
	/* Proves: a rule's severity counts, else its score, else it is medium. */
	static const struct {
		int severity;
		uint64_t score;
		enum severity expected;
	} cases[] = {
		{ 5, 10, SEVERITY_CRITICAL }, { 1, 99, SEVERITY_INFORMATIONAL },
		{ 0, 90, SEVERITY_CRITICAL }, { 0, 75, SEVERITY_HIGH },
		{ 0, 60, SEVERITY_MEDIUM },   { 0, 40, SEVERITY_LOW },
		{ 0, 0, SEVERITY_MEDIUM },
	};
	struct detect *detect;
	struct met met;

	(void)state;
	assert_int_equal(detect_new("", &detect), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct file_match match = match_of("r", cases[i].severity, cases[i].score);

		look(detect, "/x", &match, 1, &met);
		assert_int_equal(met.finding.default_severity, cases[i].expected);
		assert_string_equal(met.finding.detector, "yara");
		assert_non_null(strstr(met.finding.why, "what it is"));
	}
	detect_free(detect);
}

static void same_is_same(void **state)
{
	/* Proves: the same rule in the same file is the same finding; another file, rule or member
	 * of an archive is another. Names are safe to show. */
	struct file_match matches[3] = { match_of("a", 0, 0), match_of("b", 0, 0),
					 match_of("a", 0, 0) };
	char uids[5][FINDING_UID_SIZE];
	struct detect *detect;
	struct met met;

	(void)state;
	matches[2].inside = "member";
	assert_int_equal(detect_new("", &detect), 0);
	for (size_t i = 0; i < 5; i++) {
		look(detect, i == 3 ? "/other" : "/x", &matches[i < 3 ? i : 0], 1, &met);
		memcpy(uids[i], met.finding.uid, FINDING_UID_SIZE);
	}
	for (size_t i = 0; i < 4; i++)
		for (size_t k = i + 1; k < 4; k++)
			assert_string_not_equal(uids[i], uids[k]);
	assert_string_equal(uids[4], uids[0]);
	look(detect, "/tmp/\033[2J", matches, 3, &met);
	assert_int_equal(met.count, 3);
	assert_null(strchr(met.finding.title, '\033'));
	look(detect, "/clean", NULL, 0, &met);
	assert_int_equal(met.count, 0);
	detect_free(detect);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(severities_are_the_rules),
		cmocka_unit_test(same_is_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
