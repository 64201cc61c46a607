/* SPDX-License-Identifier: Apache-2.0
 *
 * What AWS says of this instance, as far as an isolation has to know it, read from the replies that
 * cordon-cloud passes on. They are taken as hostile: an id has the form of one, and everything is
 * bounded; what is not sound is left out.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* "eni-0123456789abcdef0" and the like have 26 bytes at most. */
#define FACTS_ID_SIZE	     32
#define FACTS_NAME_SIZE	     256
/* AWS's own limits: groups of an interface (16), interfaces of an instance (15, but trunks have
 * more), volumes (128). What is over is told of. */
#define FACTS_GROUPS_MAX     16
#define FACTS_INTERFACES_MAX 128
#define FACTS_VOLUMES_MAX    128
#define FACTS_TARGETS_MAX    64
#define FACTS_TAGS_MAX	     50

struct facts_interface {
	char id[FACTS_ID_SIZE], vpc[FACTS_ID_SIZE], type[FACTS_NAME_SIZE];
	char address[64];
	char groups[FACTS_GROUPS_MAX][FACTS_ID_SIZE];
	size_t group_count;
	bool managed; /* by a service of AWS, and not ours to change */
};

struct facts_volume {
	char device[FACTS_NAME_SIZE], id[FACTS_ID_SIZE];
	bool deleted_on_termination;
};

struct facts_tag {
	char key[FACTS_NAME_SIZE], value[2 * FACTS_NAME_SIZE];
};

struct facts_target {
	char group[FACTS_NAME_SIZE]; /* ARN */
	unsigned port;
};

struct isolation_facts {
	char instance[FACTS_ID_SIZE], vpc[FACTS_ID_SIZE];
	struct facts_interface interfaces[FACTS_INTERFACES_MAX];
	size_t interface_count;
	struct facts_volume volumes[FACTS_VOLUMES_MAX];
	size_t volume_count;
	struct facts_tag tags[FACTS_TAGS_MAX];
	size_t tag_count;
	/* Auto Scaling; "": none, or not asked. */
	char scaling_group[FACTS_NAME_SIZE], scaling_state[FACTS_NAME_SIZE];
	bool scaling_protected;
	bool termination_protected, termination_known;
	struct facts_target targets[FACTS_TARGETS_MAX];
	size_t target_count;
	bool instance_known, interfaces_known;
};

/* Each reads the facts of one reply into ret. 0, or -EBADMSG: they are not about what was asked,
 * and ret is as it was. */
int facts_read_instance(const json_t *facts, const char *instance, struct isolation_facts *ret);
int facts_read_interfaces(const json_t *facts, struct isolation_facts *ret);
int facts_read_scaling(const json_t *facts, const char *instance, struct isolation_facts *ret);
int facts_read_termination(const json_t *facts, struct isolation_facts *ret);
/* Adds the ports with which the instance is in that target group. */
int facts_read_targets(const json_t *facts, const char *group, const char *instance,
		       struct isolation_facts *ret);

/* NULL: there is no such tag. */
const char *facts_tag(const struct isolation_facts *facts, const char *key);
/* PREFIX-hex. */
bool facts_id_is(const char *text, const char *prefix);

bool facts_interface_has_only(const struct facts_interface *interface, const char *group);
const char *facts_text(const json_t *object, const char *name); /* "": none */
