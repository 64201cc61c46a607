/* SPDX-License-Identifier: Apache-2.0 */
#include "response/isolation_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "response/isolation_call.h"

const char *plan_kind_name(enum plan_kind kind)
{
	static const char *const names[PLAN_KINDS] = {
		[PLAN_TAGS] = "tags",
		[PLAN_VOLUME] = "volume",
		[PLAN_TERMINATION] = "termination",
		[PLAN_SCALING] = "scaling",
		[PLAN_TARGET] = "target",
		[PLAN_TRANSITION] = "transition",
		[PLAN_SWAP] = "groups",
		[PLAN_END] = "end",
	};

	return (size_t)kind < ELEMENTS(names) ? names[kind] : "unknown";
}

void plan_clear(struct isolation_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		json_decref(plan->steps[i].call);
	*plan = (struct isolation_plan){ 0 };
}

/* A step whose place the caller fills in; NULL: there is no call, memory being short, or no room.
 */
static struct plan_step *step_add(struct isolation_plan *plan, enum plan_kind kind,
				  const char *resource, json_t *call)
{
	struct plan_step *step = &plan->steps[plan->count];

	if (!call || plan->count == PLAN_STEPS_MAX) {
		json_decref(call);
		(void)snprintf(plan->problem, sizeof(plan->problem), "the plan has no room");
		return NULL;
	}
	*step = (struct plan_step){ .kind = kind, .call = call };
	(void)snprintf(step->resource, sizeof(step->resource), "%s", resource);
	plan->count++;
	return step;
}

static void step_undo(struct plan_step *step, const char *kind, const char *value)
{
	if (!step)
		return;
	step->undo_kind = kind;
	(void)snprintf(step->undo_value, sizeof(step->undo_value), "%s", value);
}

#define SAY(step, ...)                                                                             \
	do {                                                                                       \
		if (step)                                                                          \
			(void)snprintf((step)->what, sizeof((step)->what), __VA_ARGS__);           \
	} while (0)

/* ---- around it ---- */

static void volumes_plan(const struct isolation_facts *facts, struct isolation_plan *plan)
{
	for (size_t i = 0; i < facts->volume_count; i++) {
		const struct facts_volume *volume = &facts->volumes[i];
		struct plan_step *step;

		if (!volume->deleted_on_termination)
			continue;
		step = step_add(plan, PLAN_VOLUME, volume->device,
				call_modify_volume(facts->instance, volume->device, false));
		step_undo(step, "delete-on-termination", "true");
		SAY(step, "%.60s (%s) is kept when the instance is terminated", volume->device,
		    volume->id);
	}
}

static void termination_plan(const struct isolation_facts *facts, struct isolation_plan *plan)
{
	struct plan_step *step;

	if (!facts->termination_known || facts->termination_protected)
		return;
	step = step_add(plan, PLAN_TERMINATION, facts->instance,
			call_modify_termination(facts->instance, true));
	step_undo(step, "termination-protection", "false");
	SAY(step, "the instance cannot be terminated through the API");
}

static void scaling_plan(const struct isolation_facts *facts, enum isolation_scaling wanted,
			 struct isolation_plan *plan)
{
	const char *group = facts->scaling_group;
	struct plan_step *step = NULL;

	if (!*group)
		return;
	if (wanted == ISOLATION_SCALING_STANDBY && strcmp(facts->scaling_state, "InService") == 0) {
		step = step_add(plan, PLAN_SCALING, group,
				call_enter_standby(facts->instance, group));
		step_undo(step, "standby", "InService");
		SAY(step, "standby in the Auto Scaling group %.100s, which replaces it", group);
	} else if (wanted == ISOLATION_SCALING_DETACH) {
		step = step_add(plan, PLAN_SCALING, group, call_detach(facts->instance, group));
		step_undo(step, "detached", "attached");
		SAY(step, "detached from the Auto Scaling group %.100s, which replaces it", group);
	} else if (wanted == ISOLATION_SCALING_PROTECT && !facts->scaling_protected) {
		step = step_add(plan, PLAN_SCALING, group,
				call_protect(facts->instance, group, true));
		step_undo(step, "scale-in-protection", "false");
		SAY(step, "protected from scale-in in the Auto Scaling group %.100s", group);
	}
}

/* The instance may be in a target group with several ports: one step for all of them. */
static void targets_plan(const struct isolation_facts *facts, struct isolation_plan *plan)
{
	for (size_t i = 0; i < facts->target_count; i++) {
		const char *group = facts->targets[i].group;
		char ports[ISOLATION_VALUE_SIZE] = "";
		struct plan_step *step;
		size_t used = 0;

		if (i > 0 && strcmp(facts->targets[i - 1].group, group) == 0)
			continue;
		for (size_t j = i; j < facts->target_count && used < sizeof(ports) &&
				   strcmp(facts->targets[j].group, group) == 0;
		     j++)
			used += (size_t)snprintf(ports + used, sizeof(ports) - used, "%s%u",
						 used ? " " : "", facts->targets[j].port);
		step = step_add(plan, PLAN_TARGET, group,
				call_deregister(facts->instance, group, ports));
		step_undo(step, "target", ports);
		SAY(step, "leaves the target group %.150s (port %.60s)", group, ports);
	}
}

/* ---- the swap ---- */

static void groups_join(const struct facts_interface *interface,
			char out[static ISOLATION_VALUE_SIZE])
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < interface->group_count && used < ISOLATION_VALUE_SIZE; i++)
		used += (size_t)snprintf(out + used, ISOLATION_VALUE_SIZE - used, "%s%s",
					 i ? " " : "", interface->groups[i]);
}

static void interface_plan(const struct facts_interface *interface,
			   const struct isolation_options *options, bool only_interfaces,
			   struct isolation_plan *plan)
{
	char groups[ISOLATION_VALUE_SIZE];
	struct plan_step *step;
	bool halfway =
		*options->transition && facts_interface_has_only(interface, options->transition);

	groups_join(interface, groups);
	/* Not in a later pass: what is quarantined by then must not be opened for a moment. */
	if (*options->transition && !only_interfaces && !halfway) {
		step = step_add(plan, PLAN_TRANSITION, interface->id,
				call_modify_groups(interface->id, options->transition));
		step_undo(step, "groups", groups);
		SAY(step, "%s: %.150s -> %s, for a moment", interface->id, groups,
		    options->transition);
	}
	step = step_add(plan, PLAN_SWAP, interface->id,
			call_modify_groups(interface->id, options->quarantine));
	/* In the transition group it is by our own doing: what was before stands in the record. */
	if (!halfway)
		step_undo(step, "groups", groups);
	SAY(step, "%s: %.150s -> %s", interface->id, groups, options->quarantine);
}

static void skipped_add(struct isolation_plan *plan, const struct facts_interface *interface)
{
	size_t used = strlen(plan->skipped);

	(void)snprintf(plan->skipped + used, sizeof(plan->skipped) - used, "%s%s (%.40s)",
		       used ? ", " : "", interface->id,
		       *interface->type ? interface->type : "managed");
}

static void interfaces_plan(const struct isolation_facts *facts,
			    const struct isolation_options *options, const char *group_vpc,
			    bool only_interfaces, struct isolation_plan *plan)
{
	for (size_t i = 0; i < facts->interface_count; i++) {
		const struct facts_interface *interface = &facts->interfaces[i];

		if (interface->managed) {
			skipped_add(plan, interface);
			continue;
		}
		if (facts_interface_has_only(interface, options->quarantine))
			continue;
		if (*group_vpc && strcmp(group_vpc, interface->vpc) != 0)
			(void)snprintf(plan->problem, sizeof(plan->problem),
				       "%s is in %s, but the quarantine group %s is in %s",
				       interface->id, interface->vpc, options->quarantine,
				       group_vpc);
		interface_plan(interface, options, only_interfaces, plan);
	}
}

int plan_isolation(const struct isolation_facts *facts, const struct isolation_options *options,
		   const char *group_vpc, bool only_interfaces, struct isolation_plan *ret)
{
	plan_clear(ret);
	if (!only_interfaces) {
		if (options->keep_volumes)
			volumes_plan(facts, ret);
		if (options->termination_protection)
			termination_plan(facts, ret);
		scaling_plan(facts, options->scaling, ret);
		targets_plan(facts, ret);
	}
	if (*options->quarantine)
		interfaces_plan(facts, options, group_vpc, only_interfaces, ret);
	return ret->count < PLAN_STEPS_MAX ? 0 : -ENOBUFS;
}

int plan_note(const struct isolation_plan *plan, struct isolation_record *record)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->count; i++)
		if (plan->steps[i].undo_kind)
			r = isolation_undo_add(record, plan->steps[i].undo_kind,
					       plan->steps[i].resource, plan->steps[i].undo_value);
	return r;
}

size_t plan_outside(const struct isolation_facts *facts, const char *quarantine, char *text,
		    size_t size)
{
	size_t count = 0, used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < facts->interface_count; i++) {
		const struct facts_interface *interface = &facts->interfaces[i];

		if (interface->managed || facts_interface_has_only(interface, quarantine))
			continue;
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 count ? ", " : "", interface->id);
		count++;
	}
	return count;
}

/* ---- back ---- */

static json_t *undo_call(const char *instance, const struct isolation_undo *undo)
{
	static const struct {
		const char *kind;
		json_t *(*call)(const char *instance, const char *group);
	} scaling[] = { { "standby", call_exit_standby }, { "detached", call_attach } };

	for (size_t i = 0; i < ELEMENTS(scaling); i++)
		if (strcmp(undo->kind, scaling[i].kind) == 0)
			return scaling[i].call(instance, undo->resource);
	if (strcmp(undo->kind, "groups") == 0)
		return call_modify_groups(undo->resource, undo->value);
	if (strcmp(undo->kind, "delete-on-termination") == 0)
		return call_modify_volume(instance, undo->resource, true);
	if (strcmp(undo->kind, "termination-protection") == 0)
		return call_modify_termination(instance, false);
	if (strcmp(undo->kind, "scale-in-protection") == 0)
		return call_protect(instance, undo->resource, false);
	if (strcmp(undo->kind, "target") == 0)
		return call_register(instance, undo->resource, undo->value);
	return NULL;
}

int plan_release(const struct isolation_record *record, struct isolation_plan *ret)
{
	plan_clear(ret);
	for (size_t i = record->undo_count; i-- > 0;) {
		const struct isolation_undo *undo = &record->undo[i];
		struct plan_step *step;
		json_t *call;

		if (!undo->touched)
			continue;
		call = undo_call(record->instance, undo);
		if (!call)
			continue;
		step = step_add(ret, strcmp(undo->kind, "groups") == 0 ? PLAN_SWAP : PLAN_SCALING,
				undo->resource, call);
		SAY(step, "%s %.80s: %.120s", undo->kind, undo->resource, undo->value);
	}
	return ret->problem[0] ? -ENOBUFS : 0;
}
