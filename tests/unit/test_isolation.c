/* SPDX-License-Identifier: Apache-2.0
 *
 * Proves: what undoes an isolation is on disk when it is said to be, is read back as it was, also
 * from tags of the instance, and once it is touched nothing changes it; a plan holds what is left
 * to do, and nothing twice.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "journal/isolation.h"
#include "response/isolation_call.h"
#include "response/isolation_plan.h"

#define ENI "eni-0123456789abcdef0"

static char folder[64], path[128];

static int setup(void **state)
{
	(void)state;
	(void)strcpy(folder, "/tmp/cordon-isolation-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/journal.db", folder);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static struct journal *open_journal(void)
{
	const struct journal_limits limits = { 0 };
	struct journal *journal;
	bool damaged;

	assert_int_equal(journal_open(path, &limits, &journal, &damaged), 0);
	assert_false(damaged);
	return journal;
}

static void what_is_touched_stays(void **state)
{
	struct isolation_record record = { .uid = "a", .state = ISOLATION_REQUESTED, .started = 7 };
	struct isolation_record other = { .uid = "a", .state = ISOLATION_ADMITTED, .started = 7 };
	struct isolation_record found;
	struct journal *journal = open_journal(), *reader;

	(void)state;
	assert_int_equal(isolation_load(journal, &found), 0);
	(void)strcpy(record.reason, "bad.example");
	assert_int_equal(isolation_undo_add(&record, "groups", ENI, "sg-1"), 0);
	assert_int_equal(isolation_save(journal, &record), 0);
	/* Until it is touched, the newer one is the truer one. */
	assert_int_equal(isolation_undo_add(&record, "groups", ENI, "sg-1 sg-2"), 0);
	record.undo[0].touched = true;
	assert_int_equal(isolation_save(journal, &record), 0);
	assert_int_equal(isolation_undo_add(&record, "groups", ENI, "sg-quarantine"), 0);
	assert_string_equal(record.undo[0].value, "sg-1 sg-2");
	/* Nor does another that has it differently. */
	assert_int_equal(isolation_undo_add(&other, "groups", ENI, "sg-quarantine"), 0);
	assert_int_equal(isolation_undo_add(&other, "standby", "web", "InService"), 0);
	other.undo[0].touched = true;
	assert_int_equal(isolation_save(journal, &other), 0);
	journal_close(journal);
	assert_int_equal(journal_open_reader(path, &reader), 0);
	assert_int_equal(isolation_load(reader, &found), 1);
	assert_int_equal(found.state, ISOLATION_ADMITTED);
	assert_string_equal(found.reason, "bad.example");
	assert_int_equal(found.undo_count, 2);
	assert_string_equal(isolation_undo_find(&found, "groups", ENI)->value, "sg-1 sg-2");
	assert_true(isolation_undo_find(&found, "groups", ENI)->touched);
	assert_false(isolation_undo_find(&found, "standby", "web")->touched);
	journal_close(reader);
	isolation_record_clear(&found);
	isolation_record_clear(&record);
	isolation_record_clear(&other);
}

static void bounds(void **state)
{
	struct isolation_record record = { 0 };
	char name[64], large[ISOLATION_VALUE_SIZE + 1];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	assert_int_equal(isolation_undo_add(&record, "groups", ENI, large), -EMSGSIZE);
	for (size_t i = 0; i < ISOLATION_UNDO_MAX; i++) {
		(void)snprintf(name, sizeof(name), "eni-%zx", i);
		assert_int_equal(isolation_undo_add(&record, "groups", name, "sg-1"), 0);
	}
	assert_int_equal(isolation_undo_add(&record, "groups", "eni-fffff", "sg-1"), -ENOBUFS);
	isolation_record_clear(&record);
}

/* Sixteen groups do not fit into one tag. */
static void tags_and_back(void **state)
{
	struct isolation_facts *facts = calloc(1, sizeof(*facts));
	struct isolation_record record = { .instance = "i-1" }, back = { 0 };
	json_t *call = call_create_tags("i-1");
	char groups[ISOLATION_VALUE_SIZE] = "";
	const json_t *pair;
	size_t i;

	(void)state;
	for (i = 0; i < 16; i++) {
		size_t used = strlen(groups);

		(void)snprintf(groups + used, sizeof(groups) - used, "%ssg-0123456789abcde%02zx",
			       used ? " " : "", i);
	}
	assert_int_equal(isolation_undo_add(&record, "standby", "web", "InService"), 0);
	assert_int_equal(isolation_undo_add(&record, "groups", ENI, groups), 0);
	plan_undo_tags(&record, call);
	json_array_foreach(json_object_get(call, "parameters"), i, pair)
	{
		const char *key = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));
		struct facts_tag *tag = &facts->tags[facts->tag_count];

		assert_true(strlen(value) <= 255);
		if (strstr(key, ".Key"))
			(void)snprintf(tag->key, sizeof(tag->key), "%s", value);
		else if (strstr(key, ".Value"))
			(void)snprintf(tag->value, sizeof(tag->value), "%s", value);
		facts->tag_count += strstr(key, ".Value") != NULL;
	}
	assert_int_equal(plan_undo_from_tags(facts, &back), 3);
	assert_string_equal(isolation_undo_find(&back, "groups", ENI)->value, groups);
	assert_string_equal(isolation_undo_find(&back, "standby", "web")->value, "InService");
	assert_true(back.undo[0].touched);
	/* Somebody else's tags: what is no id goes nowhere. */
	isolation_record_clear(&back);
	facts->tag_count = 1;
	(void)strcpy(facts->tags[0].value, "groups eni-1 sg-1;x");
	assert_int_equal(plan_undo_from_tags(facts, &back), 0);
	(void)strcpy(facts->tags[0].value, "groups");
	assert_int_equal(plan_undo_from_tags(facts, &back), 0);
	isolation_record_clear(&back);
	isolation_record_clear(&record);
	json_decref(call);
	free(facts);
}

static void interface_add(struct isolation_facts *facts, const char *id, const char *group,
			  bool managed)
{
	struct facts_interface *interface = &facts->interfaces[facts->interface_count++];

	(void)snprintf(interface->id, sizeof(interface->id), "%s", id);
	(void)snprintf(interface->vpc, sizeof(interface->vpc), "vpc-1");
	(void)snprintf(interface->groups[0], FACTS_ID_SIZE, "%s", group);
	interface->group_count = 1;
	interface->managed = managed;
}

static void plan_has_what_is_left(void **state)
{
	const struct isolation_options options = { .quarantine = "sg-e",
						   .transition = "sg-f",
						   .scaling = ISOLATION_SCALING_STANDBY,
						   .keep_volumes = true };
	struct isolation_facts *facts = calloc(1, sizeof(*facts));
	struct isolation_plan *plan = calloc(1, sizeof(*plan));

	(void)state;
	(void)strcpy(facts->instance, "i-1");
	interface_add(facts, "eni-1", "sg-1", false);
	interface_add(facts, "eni-2", "sg-e", false); /* is there already */
	interface_add(facts, "eni-3", "sg-f", false); /* died on the way */
	interface_add(facts, "eni-4", "sg-1", true);
	facts->volume_count = 2;
	(void)strcpy(facts->volumes[0].device, "/dev/xvda");
	facts->volumes[0].deleted_on_termination = true;
	(void)strcpy(facts->scaling_group, "web");
	(void)strcpy(facts->scaling_state, "Standby");
	assert_int_equal(plan_isolation(facts, &options, "vpc-1", false, plan), 0);
	assert_int_equal(plan->count, 4);
	assert_int_equal(plan->steps[0].kind, PLAN_VOLUME);
	assert_int_equal(plan->steps[1].kind, PLAN_TRANSITION);
	assert_int_equal(plan->steps[2].kind, PLAN_SWAP);
	assert_string_equal(plan->steps[2].undo_value, "sg-1");
	assert_string_equal(plan->steps[3].resource, "eni-3");
	/* What it was before stands in the record: the transition group is not that. */
	assert_null(plan->steps[3].undo_kind);
	assert_non_null(strstr(plan->skipped, "eni-4"));
	assert_string_equal(plan->problem, "");
	/* A later pass opens nothing. */
	assert_int_equal(plan_isolation(facts, &options, "vpc-1", true, plan), 0);
	assert_int_equal(plan->count, 2);
	assert_int_equal(plan->steps[0].kind, PLAN_SWAP);
	assert_int_equal(plan_isolation(facts, &options, "vpc-2", true, plan), 0);
	assert_non_null(strstr(plan->problem, "vpc-2"));
	plan_clear(plan);
	free(plan);
	free(facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_touched_stays, setup, teardown),
		cmocka_unit_test(bounds),
		cmocka_unit_test(tags_and_back),
		cmocka_unit_test(plan_has_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
