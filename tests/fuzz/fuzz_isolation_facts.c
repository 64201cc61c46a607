/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: what cordon-cloud passes on of AWS's replies, as an isolation reads it. Whatever
 * comes: what is taken is within bounds, ids have the form of ids, and plans and tags can be made
 * of it.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "response/isolation_budget.h"
#include "response/isolation_call.h"
#include "response/isolation_channel.h"
#include "response/isolation_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct isolation_options options = {
	.quarantine = "sg-e",
	.transition = "",
	.budget = { .scope = ISOLATION_SCOPE_VPC, .tag = "", .count = 3, .percent = 10 },
	.scaling = ISOLATION_SCALING_DETACH,
	.keep_volumes = true,
	.termination_protection = true
};

static void use(const json_t *object, struct isolation_facts *facts, struct isolation_plan *plan)
{
	struct isolation_record record = { .instance = "i-0a" };
	json_t *call = call_create_tags("i-0a");

	for (size_t i = 0; i < facts->interface_count; i++) {
		assert(facts_id_is(facts->interfaces[i].id, "eni"));
		for (size_t j = 0; j < facts->interfaces[i].group_count; j++)
			assert(facts_id_is(facts->interfaces[i].groups[j], "sg"));
	}
	(void)plan_isolation(facts, &options, "", false, plan);
	(void)plan_note(plan, &record);
	plan_undo_tags(&record, call);
	(void)plan_undo_from_tags(facts, &record);
	(void)plan_release(&record, plan);
	for (size_t i = 0; i < plan->count; i++)
		assert(plan->steps[i].call);
	json_decref(channel_check(&(struct channel_facts){ .quarantine = "sg-e",
							   .endpoints = object,
							   .groups = object,
							   .interfaces = object,
							   .own = facts },
				  "ec2"));
	json_decref(call);
	isolation_record_clear(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct isolation_facts *facts = calloc(1, sizeof(*facts));
	struct isolation_plan *plan = calloc(1, sizeof(*plan));
	json_t *object = json_loadb((const char *)data, size, 0, NULL);
	struct isolation_reply reply;
	struct budget_answer answer;

	if (facts && plan && object) {
		if (isolation_reply_read(object, &reply) == 0)
			assert(memchr(reply.text, '\0', sizeof(reply.text)));
		(void)facts_read_instance(object, "i-0a", facts);
		(void)facts_read_interfaces(object, facts);
		(void)facts_read_scaling(object, "i-0a", facts);
		(void)facts_read_termination(object, facts);
		(void)facts_read_targets(object, "arn:aws:x:targetgroup/a", "i-0a", facts);
		(void)budget_judge(object, "i-0a", "2026-01-01T00:00:00.000000Z", 1, &options,
				   &answer);
		use(object, facts, plan);
	}
	if (plan)
		plan_clear(plan);
	json_decref(object);
	free(plan);
	free(facts);
	return 0;
}
