/* SPDX-License-Identifier: Apache-2.0 */
#include "response/isolation_call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/escape.h"

static void add(json_t *call, const char *key, const char *value)
{
	if (call)
		(void)json_array_append_new(json_object_get(call, "parameters"),
					    json_pack("[s, s]", key, value));
}

/* "Tag", 1, ".Key" */
static void add_numbered(json_t *call, const char *name, size_t number, const char *rest,
			 const char *value)
{
	char key[64];

	(void)snprintf(key, sizeof(key), "%s.%zu%s", name, number, rest);
	add(call, key, value);
}

/* Pairs of texts, to a NULL. */
static json_t *call_make(const char *service, const char *operation, ...)
{
	json_t *call = json_pack("{s:s, s:s, s:[]}", "service", service, "operation", operation,
				 "parameters");
	const char *key;
	va_list list;

	va_start(list, operation);
	while ((key = va_arg(list, const char *)))
		add(call, key, va_arg(list, const char *));
	va_end(list);
	return call;
}

/* ---- questions ---- */

json_t *call_describe_instance(const char *instance)
{
	return call_make("ec2", "DescribeInstances", "InstanceId.1", instance, NULL);
}

json_t *call_describe_instances(const char *filter, const char *value)
{
	return call_make("ec2", "DescribeInstances", "Filter.1.Name", filter, "Filter.1.Value.1",
			 value, "Filter.2.Name", "instance-state-name", "Filter.2.Value.1",
			 "running", "MaxResults", "1000", NULL);
}

json_t *call_describe_interfaces(const char *instance, bool fresh)
{
	json_t *call = call_make("ec2", "DescribeNetworkInterfaces", "Filter.1.Name",
				 "attachment.instance-id", "Filter.1.Value.1", instance,
				 "MaxResults", "100", NULL);

	if (call && fresh)
		(void)json_object_set_new(call, "fresh", json_true());
	return call;
}

json_t *call_describe_interfaces_by_id(const char *const *ids, size_t count)
{
	json_t *call = call_make("ec2", "DescribeNetworkInterfaces", NULL);

	for (size_t i = 0; i < count; i++)
		add_numbered(call, "NetworkInterfaceId", i + 1, "", ids[i]);
	return call;
}

json_t *call_describe_groups(const char *const *groups, size_t count)
{
	json_t *call = call_make("ec2", "DescribeSecurityGroups", NULL);

	for (size_t i = 0; i < count; i++)
		add_numbered(call, "GroupId", i + 1, "", groups[i]);
	return call;
}

json_t *call_describe_endpoints(const char *vpc)
{
	return call_make("ec2", "DescribeVpcEndpoints", "Filter.1.Name", "vpc-id",
			 "Filter.1.Value.1", vpc, NULL);
}

json_t *call_describe_termination(const char *instance)
{
	return call_make("ec2", "DescribeInstanceAttribute", "InstanceId", instance, "Attribute",
			 "disableApiTermination", NULL);
}

json_t *call_describe_snapshots(const char *uid)
{
	return call_make("ec2", "DescribeSnapshots", "Filter.1.Name", "tag:cordon:uid",
			 "Filter.1.Value.1", uid, "Owner.1", "self", NULL);
}

json_t *call_describe_scaling(const char *instance)
{
	return call_make("autoscaling", "DescribeAutoScalingInstances", "InstanceIds.member.1",
			 instance, NULL);
}

json_t *call_describe_targets(const char *group, const char *instance)
{
	(void)instance; /* asked of by id alone, one that has another port is said to be unused */
	return call_make("elasticloadbalancing", "DescribeTargetHealth", "TargetGroupArn", group,
			 NULL);
}

/* ---- changes ---- */

/* A word of text, and what stands behind it; "": there is none. */
static const char *word_next(const char *text, char word[static FACTS_ID_SIZE])
{
	size_t length;

	text += strspn(text, " ");
	length = strcspn(text, " ");
	(void)snprintf(word, FACTS_ID_SIZE, "%.*s", (int)length, text);
	return text + length;
}

json_t *call_modify_groups(const char *interface, const char *groups)
{
	json_t *call = call_make("ec2", "ModifyNetworkInterfaceAttribute", "NetworkInterfaceId",
				 interface, NULL);
	char group[FACTS_ID_SIZE];
	size_t number = 0;

	for (groups = word_next(groups, group); *group; groups = word_next(groups, group))
		add_numbered(call, "SecurityGroupId", ++number, "", group);
	return call;
}

json_t *call_modify_termination(const char *instance, bool is_protected)
{
	return call_make("ec2", "ModifyInstanceAttribute", "InstanceId", instance,
			 "DisableApiTermination.Value", is_protected ? "true" : "false", NULL);
}

json_t *call_end(const char *instance, enum isolation_end end)
{
	static const char *const operations[ISOLATION_ENDS] = {
		[ISOLATION_END_STOP] = "StopInstances",
		[ISOLATION_END_TERMINATE] = "TerminateInstances",
	};

	return operations[end] ? call_make("ec2", operations[end], "InstanceId.1", instance, NULL)
			       : NULL;
}

json_t *call_modify_volume(const char *instance, const char *device, bool is_deleted)
{
	return call_make("ec2", "ModifyInstanceAttribute", "InstanceId", instance,
			 "BlockDeviceMapping.1.DeviceName", device,
			 "BlockDeviceMapping.1.Ebs.DeleteOnTermination",
			 is_deleted ? "true" : "false", NULL);
}

json_t *call_create_tags(const char *instance)
{
	return call_make("ec2", "CreateTags", "ResourceId.1", instance, NULL);
}

void call_add_tag(json_t *call, const char *key, const char *value)
{
	/* Behind the resource there are two parameters a tag. */
	size_t number = (json_array_size(json_object_get(call, "parameters")) + 1) / 2;

	add_numbered(call, "Tag", number, ".Key", key);
	add_numbered(call, "Tag", number, ".Value", value);
}

json_t *call_create_snapshots(const char *instance, const char *uid)
{
	return call_make("ec2", "CreateSnapshots", "InstanceSpecification.InstanceId", instance,
			 "InstanceSpecification.ExcludeBootVolume", "false", "Description",
			 "cordon: the instance was isolated", "TagSpecification.1.ResourceType",
			 "snapshot", "TagSpecification.1.Tag.1.Key", "cordon:uid",
			 "TagSpecification.1.Tag.1.Value", uid, "TagSpecification.1.Tag.2.Key",
			 "cordon:instance", "TagSpecification.1.Tag.2.Value", instance, NULL);
}

#define SCALING(operation, instance, group)                                                        \
	call_make("autoscaling", operation, "InstanceIds.member.1", instance,                      \
		  "AutoScalingGroupName", group, NULL)

json_t *call_enter_standby(const char *instance, const char *group)
{
	json_t *call = SCALING("EnterStandby", instance, group);

	add(call, "ShouldDecrementDesiredCapacity", "false");
	return call;
}

json_t *call_exit_standby(const char *instance, const char *group)
{
	return SCALING("ExitStandby", instance, group);
}

json_t *call_detach(const char *instance, const char *group)
{
	json_t *call = SCALING("DetachInstances", instance, group);

	add(call, "ShouldDecrementDesiredCapacity", "false");
	return call;
}

json_t *call_attach(const char *instance, const char *group)
{
	return SCALING("AttachInstances", instance, group);
}

json_t *call_protect(const char *instance, const char *group, bool is_protected)
{
	json_t *call = SCALING("SetInstanceProtection", instance, group);

	add(call, "ProtectedFromScaleIn", is_protected ? "true" : "false");
	return call;
}

static json_t *targets(const char *operation, const char *instance, const char *group,
		       const char *ports)
{
	json_t *call = call_make("elasticloadbalancing", operation, "TargetGroupArn", group, NULL);
	char port[FACTS_ID_SIZE];
	size_t number = 0;

	for (ports = word_next(ports, port); *port; ports = word_next(ports, port)) {
		add_numbered(call, "Targets.member", ++number, ".Id", instance);
		add_numbered(call, "Targets.member", number, ".Port", port);
	}
	return call;
}

json_t *call_deregister(const char *instance, const char *group, const char *ports)
{
	return targets("DeregisterTargets", instance, group, ports);
}

json_t *call_register(const char *instance, const char *group, const char *ports)
{
	return targets("RegisterTargets", instance, group, ports);
}

void call_make_dry(json_t *call)
{
	add(call, "DryRun", "true");
}

void call_name(const json_t *call, char out[static CALL_NAME_SIZE])
{
	(void)snprintf(out, CALL_NAME_SIZE, "%.30s:%.60s", facts_text(call, "service"),
		       facts_text(call, "operation"));
}

/* ---- replies ---- */

int isolation_reply_read(const json_t *object, struct isolation_reply *ret)
{
	static const char *const again[] = { "throttled", "transient", "clock skew",
					     "credentials" };
	const char *failure = facts_text(object, "failure");
	const char *code = facts_text(object, "code"), *message = facts_text(object, "message");
	char why[CALL_TEXT_SIZE], text[CALL_TEXT_SIZE];

	if (!*failure || !json_is_integer(json_object_get(object, "status")))
		return -EBADMSG;
	*ret = (struct isolation_reply){ .facts = json_object_get(object, "facts") };
	ret->fine = strcmp(failure, "none") == 0;
	ret->no_answer = json_integer_value(json_object_get(object, "status")) == 0;
	for (size_t i = 0; i < ELEMENTS(again); i++)
		ret->again |= strcmp(failure, again[i]) == 0;
	(void)escape_text(code, strlen(code), ret->code, sizeof(ret->code));
	ret->allowed = strcmp(code, "DryRunOperation") == 0;
	(void)snprintf(why, sizeof(why), "%.100s%s%.250s", *code ? code : failure,
		       *message ? ": " : "", message);
	(void)escape_text(why, strlen(why), text, sizeof(text));
	if (!ret->fine)
		(void)snprintf(ret->text, sizeof(ret->text), "%s", text);
	return 0;
}
