/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the match keys about the host and the hour. What the host is comes from the daemon, by
 * policy_set_host(); its tags are whoever may tag the instance's.
 */
#include "policy/match_host.h"

#include <string.h>

#include "base/clock.h"
#include "policy/policy.h"

#define SECONDS_A_DAY UINT64_C(86400)
/* 1970-01-01 was a Thursday. */
#define EPOCH_WEEKDAY 4

const char *match_text_hostname(const struct match_subject *subject)
{
	return subject->host ? subject->host->hostname : NULL;
}

const char *match_text_instance(const struct match_subject *subject)
{
	return subject->host ? subject->host->instance_id : NULL;
}

const char *match_text_region(const struct match_subject *subject)
{
	return subject->host ? subject->host->region : NULL;
}

const char *match_text_account(const struct match_subject *subject)
{
	return subject->host ? subject->host->account : NULL;
}

const char *match_text_image(const struct match_subject *subject)
{
	return subject->host ? subject->host->image_id : NULL;
}

static const char *tag_value(const struct policy_host *host, const char *name)
{
	for (size_t i = 0; host && i < host->tags_count; i++)
		if (strcmp(host->tags[i].name, name) == 0)
			return host->tags[i].value;
	return NULL;
}

static bool tag_passes(const struct match_tests *wanted, const char *value)
{
	if (wanted->tests.known_asked && wanted->tests.known != (value != NULL))
		return false;
	if (text_tests_presence_only(&wanted->tests))
		return true;
	return value && text_tests_pass(&wanted->tests, value);
}

/* All the tags that are named. */
enum match_answer match_ask_instance_tag(const struct match_condition *condition,
					 struct match_subject *subject)
{
	for (size_t i = 0; i < condition->tests_count; i++)
		if (!tag_passes(&condition->tests[i],
				tag_value(subject->host, condition->tests[i].name)))
			return MATCH_NO;
	return MATCH_YES;
}

enum match_answer match_ask_time(const struct match_condition *condition,
				 struct match_subject *subject)
{
	uint64_t second = subject->time / NS_PER_SECOND % SECONDS_A_DAY;

	for (size_t i = 0; i < condition->count; i++) {
		const struct match_value *value = &condition->values[i];
		bool after = second >= value->number, before = second < value->last;

		/* One that goes over midnight. */
		if (value->number < value->last ? after && before : after || before)
			return MATCH_YES;
	}
	return MATCH_NO;
}

unsigned match_host_weekday(const struct match_subject *subject)
{
	uint64_t day = subject->time / NS_PER_SECOND / SECONDS_A_DAY;

	return (unsigned)((day + EPOCH_WEEKDAY) % 7);
}

enum match_answer match_ask_weekday(const struct match_condition *condition,
				    struct match_subject *subject)
{
	return match_mask(condition, match_host_weekday(subject));
}
