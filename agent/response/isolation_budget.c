/* SPDX-License-Identifier: Apache-2.0 */
#include "response/isolation_budget.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* A tag's value: "STATE TIME UID". Times have one form, so that their order is that of texts. */
struct mark {
	char state[32], time[CLOCK_TEXT_SIZE];
};

static bool mark_read(const json_t *instance, struct mark *ret)
{
	const json_t *tag;
	size_t i;

	json_array_foreach(json_object_get(instance, "tagSet"), i, tag)
	{
		if (strcmp(facts_text(tag, "key"), ISOLATION_TAG) != 0)
			continue;
		return sscanf(facts_text(tag, "value"), "%31s %31s", ret->state, ret->time) == 2;
	}
	return false;
}

/* Whether another has its place before us. */
static bool is_before(const struct mark *mark, const char *id, const char *time, const char *own)
{
	int order = strcmp(mark->time, time);

	if (strcmp(mark->state, "isolating") != 0)
		return strcmp(mark->state, "admitted") == 0 || strcmp(mark->state, "isolated") == 0;
	return order < 0 || (order == 0 && strcmp(id, own) < 0);
}

/* At least one: a budget that lets nobody through is audit mode. */
static size_t limit_of(const struct isolation_options *options, size_t total)
{
	size_t limit = (size_t)options->budget.count;

	if (options->budget.percent > 0) {
		size_t share = total * (size_t)options->budget.percent / 100;

		share = share ? share : 1;
		limit = share < limit ? share : limit;
	}
	return limit;
}

/* Whether our own tag is seen. */
static bool budget_count(const json_t *facts, const char *instance, const char *time, uint64_t now,
			 const struct isolation_options *options, struct budget_answer *answer)
{
	const json_t *reservation, *one;
	char since[CLOCK_TEXT_SIZE];
	bool seen = false;
	size_t i, j;

	*answer = (struct budget_answer){ 0 };
	clock_format(now > options->budget.window ? now - options->budget.window : 0, since);
	json_array_foreach(json_object_get(facts, "reservationSet"), i, reservation)
		json_array_foreach(json_object_get(reservation, "instancesSet"), j, one)
	{
		const char *id = facts_text(one, "instanceId");
		struct mark mark;
		bool marked = mark_read(one, &mark);

		answer->total++;
		if (strcmp(id, instance) == 0)
			seen = marked && strcmp(mark.time, time) == 0;
		else if (marked && strcmp(mark.time, since) >= 0)
			answer->before += is_before(&mark, id, time, instance);
	}
	answer->limit = limit_of(options, answer->total);
	answer->admitted = answer->before < answer->limit;
	return seen;
}

int budget_judge(const json_t *facts, const char *instance, const char *time, uint64_t now,
		 const struct isolation_options *options, struct budget_answer *ret)
{
	struct budget_answer answer;

	if (!budget_count(facts, instance, time, now, options, &answer))
		return -EBADMSG;
	*ret = answer;
	return 0;
}

void budget_look(const json_t *facts, const char *instance, uint64_t now,
		 const struct isolation_options *options, struct budget_answer *ret)
{
	char time[CLOCK_TEXT_SIZE];

	clock_format(now, time);
	(void)budget_count(facts, instance, time, now, options, ret);
}

bool budget_filter(const struct isolation_facts *facts, const struct isolation_options *options,
		   char name[static BUDGET_FILTER_SIZE], char value[static 2 * FACTS_NAME_SIZE])
{
	const char *tag = options->budget.scope == ISOLATION_SCOPE_ASG ? "aws:autoscaling:groupName"
								       : options->budget.tag;
	const char *own = NULL;

	if (options->budget.scope != ISOLATION_SCOPE_VPC && *tag)
		own = facts_tag(facts, tag);
	if (own && *own) {
		(void)snprintf(name, BUDGET_FILTER_SIZE, "tag:%.140s", tag);
		(void)snprintf(value, 2 * FACTS_NAME_SIZE, "%s", own);
		return true;
	}
	(void)snprintf(name, BUDGET_FILTER_SIZE, "vpc-id");
	(void)snprintf(value, 2 * FACTS_NAME_SIZE, "%s", facts->vpc);
	return options->budget.scope == ISOLATION_SCOPE_VPC;
}
