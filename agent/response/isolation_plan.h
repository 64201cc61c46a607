/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of an isolation, and of a release: calls in their order, and what undoes each. Pure:
 * the same facts, configuration and record give the same plan; what is done already is not in it.
 * So a plan that was made anew after a crash holds what is left to do.
 */
#pragma once

#include <jansson.h>

#include "journal/isolation.h"
#include "response/isolation_facts.h"
#include "response/isolation_options.h"

/* Interfaces twice (transition and quarantine), volumes, targets, and a few more. */
#define PLAN_STEPS_MAX (2 * FACTS_INTERFACES_MAX + FACTS_VOLUMES_MAX + FACTS_TARGETS_MAX + 8)

enum plan_kind {
	PLAN_TAGS,
	PLAN_VOLUME,
	PLAN_TERMINATION,
	PLAN_SCALING,
	PLAN_TARGET,
	PLAN_TRANSITION,
	PLAN_SWAP, /* or back, in a release */
	PLAN_END,  /* of the instance; only in a dry run */
	PLAN_KINDS,
};
const char *plan_kind_name(enum plan_kind kind);

struct plan_step {
	enum plan_kind kind;
	char resource[ISOLATION_RESOURCE_SIZE];
	char what[256];	       /* for people: "eni-1: sg-1 sg-2 -> sg-quarantine" */
	json_t *call;	       /* owned */
	const char *undo_kind; /* of the record; NULL: nothing to undo */
	char undo_value[ISOLATION_VALUE_SIZE];
	bool failed;
	char error[384];
};

struct isolation_plan {
	struct plan_step steps[PLAN_STEPS_MAX];
	size_t count;
	char problem[ISOLATION_NOTE_SIZE]; /* what cannot be done at all; "": nothing */
	char skipped[ISOLATION_NOTE_SIZE]; /* interfaces that are not ours to move */
};

/* What takes the instance out. only_interfaces: nothing around it (a later pass). Its problem: the
 * quarantine group is not known to be of the interface's VPC (group_vpc; "": not known, which is
 * let pass: EC2 refuses what does not fit). */
int plan_isolation(const struct isolation_facts *facts, const struct isolation_options *options,
		   const char *group_vpc, bool only_interfaces, struct isolation_plan *ret);
/* What takes it back, from the record alone, in the reverse order. */
int plan_release(const struct isolation_record *record, struct isolation_plan *ret);
void plan_clear(struct isolation_plan *plan);

/* Writes how all that the plan will change is now into the record, nothing touched yet. */
int plan_note(const struct isolation_plan *plan, struct isolation_record *record);

/* Interfaces that are ours to move and not in quarantine; the first of them in text. */
size_t plan_outside(const struct isolation_facts *facts, const char *quarantine, char *text,
		    size_t size);

/* The undo record as tags of the instance, on a call_create_tags(); and back. */
void plan_undo_tags(const struct isolation_record *record, json_t *call);
int plan_undo_from_tags(const struct isolation_facts *facts, struct isolation_record *record);
