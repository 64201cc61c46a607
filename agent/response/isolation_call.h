/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that isolation and release make, as cordon-cloud takes them (cloud/call.h), and its
 * replies. One function a call: who wants to know what cordon asks of AWS reads this file.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "response/isolation_facts.h"
#include "response/isolation_options.h"

/* Each gives a new reference, or NULL when memory is short. */
json_t *call_describe_instance(const char *instance);
/* filter: "vpc-id", "tag:Fleet"; of running ones. */
json_t *call_describe_instances(const char *filter, const char *value);
/* fresh: not over a connection that may be older than the swap. */
json_t *call_describe_interfaces(const char *instance, bool fresh);
json_t *call_describe_interfaces_by_id(const char *const *ids, size_t count);
json_t *call_describe_groups(const char *const *groups, size_t count);
json_t *call_describe_endpoints(const char *vpc);
json_t *call_describe_termination(const char *instance);
json_t *call_describe_snapshots(const char *uid);
json_t *call_describe_scaling(const char *instance);
json_t *call_describe_targets(const char *group, const char *instance);

/* groups: separated by blanks. */
json_t *call_modify_groups(const char *interface, const char *groups);
json_t *call_modify_termination(const char *instance, bool is_protected);
json_t *call_modify_volume(const char *instance, const char *device, bool is_deleted);
json_t *call_create_tags(const char *instance);
json_t *call_create_snapshots(const char *instance, const char *uid);
/* Further tags for call_create_tags(). NULL call: nothing. */
void call_add_tag(json_t *call, const char *key, const char *value);
json_t *call_enter_standby(const char *instance, const char *group);
json_t *call_exit_standby(const char *instance, const char *group);
json_t *call_detach(const char *instance, const char *group);
json_t *call_attach(const char *instance, const char *group);
json_t *call_protect(const char *instance, const char *group, bool is_protected);
/* ports: separated by blanks. */
json_t *call_deregister(const char *instance, const char *group, const char *ports);
json_t *call_register(const char *instance, const char *group, const char *ports);

/* NULL: ISOLATION_END_NONE. */
json_t *call_end(const char *instance, enum isolation_end end);

/* EC2 says whether it would do it, and does not. */
void call_make_dry(json_t *call);
/* "ec2:CreateTags" */
#define CALL_NAME_SIZE 96
void call_name(const json_t *call, char out[static CALL_NAME_SIZE]);

#define CALL_TEXT_SIZE 384
struct isolation_reply {
	bool fine;	/* it was done */
	bool again;	/* it may be done the next time: throttled, or nobody answered */
	bool no_answer; /* not a word came from the service */
	bool allowed;	/* of one that was dry: it would have been done */
	char code[128];
	char text[CALL_TEXT_SIZE]; /* what went wrong; safe to show */
	json_t *facts;		   /* borrowed from the reply */
};
/* -EBADMSG. call: what it is the reply to; NULL: not known. */
int isolation_reply_read(const json_t *object, struct isolation_reply *ret);
