/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/call_table.h"

#include <string.h>

#include "base/cleanup.h"

#define END                                                                                        \
	{                                                                                          \
		NULL, XML_TEXT, NULL                                                               \
	}

static const struct xml_field group[] = { { "groupId", XML_TEXT, NULL }, END };
static const struct xml_field tag[] = { { "key", XML_TEXT, NULL },
					{ "value", XML_TEXT, NULL },
					END };
static const struct xml_field managed[] = { { "managed", XML_TRUTH, NULL }, END };
static const struct xml_field name[] = { { "name", XML_TEXT, NULL }, END };

/* ---- EC2 ---- */

static const struct xml_field attachment[] = { { "attachmentId", XML_TEXT, NULL },
					       { "instanceId", XML_TEXT, NULL },
					       { "deviceIndex", XML_TEXT, NULL },
					       { "status", XML_TEXT, NULL },
					       END };
static const struct xml_field interface[] = { { "networkInterfaceId", XML_TEXT, NULL },
					      { "vpcId", XML_TEXT, NULL },
					      { "interfaceType", XML_TEXT, NULL },
					      { "privateIpAddress", XML_TEXT, NULL },
					      { "requesterManaged", XML_TRUTH, NULL },
					      { "operator", XML_OBJECT, managed },
					      { "groupSet", XML_LIST, group },
					      { "attachment", XML_OBJECT, attachment },
					      END };
static const struct xml_field interfaces[] = { { "networkInterfaceSet", XML_LIST, interface },
					       { "nextToken", XML_TEXT, NULL },
					       END };

static const struct xml_field volume[] = { { "volumeId", XML_TEXT, NULL },
					   { "deleteOnTermination", XML_TRUTH, NULL },
					   END };
static const struct xml_field mapping[] = { { "deviceName", XML_TEXT, NULL },
					    { "ebs", XML_OBJECT, volume },
					    END };
static const struct xml_field instance[] = {
	{ "instanceId", XML_TEXT, NULL },      { "vpcId", XML_TEXT, NULL },
	{ "instanceState", XML_OBJECT, name }, { "blockDeviceMapping", XML_LIST, mapping },
	{ "tagSet", XML_LIST, tag },	       END
};
static const struct xml_field reservation[] = { { "instancesSet", XML_LIST, instance }, END };
static const struct xml_field instances[] = { { "reservationSet", XML_LIST, reservation },
					      { "nextToken", XML_TEXT, NULL },
					      END };

static const struct xml_field truth[] = { { "value", XML_TRUTH, NULL }, END };
static const struct xml_field instance_attribute[] = {
	{ "disableApiTermination", XML_OBJECT, truth }, END
};

static const struct xml_field cidr[] = { { "cidrIp", XML_TEXT, NULL }, END };
static const struct xml_field cidr6[] = { { "cidrIpv6", XML_TEXT, NULL }, END };
static const struct xml_field prefix_list[] = { { "prefixListId", XML_TEXT, NULL }, END };
static const struct xml_field permission[] = { { "ipProtocol", XML_TEXT, NULL },
					       { "fromPort", XML_TEXT, NULL },
					       { "toPort", XML_TEXT, NULL },
					       { "groups", XML_LIST, group },
					       { "ipRanges", XML_LIST, cidr },
					       { "ipv6Ranges", XML_LIST, cidr6 },
					       { "prefixListIds", XML_LIST, prefix_list },
					       END };
static const struct xml_field security_group[] = { { "groupId", XML_TEXT, NULL },
						   { "groupName", XML_TEXT, NULL },
						   { "vpcId", XML_TEXT, NULL },
						   { "ipPermissions", XML_LIST, permission },
						   { "ipPermissionsEgress", XML_LIST, permission },
						   END };
static const struct xml_field security_groups[] = {
	{ "securityGroupInfo", XML_LIST, security_group }, { "nextToken", XML_TEXT, NULL }, END
};

static const struct xml_field endpoint[] = {
	{ "vpcEndpointId", XML_TEXT, NULL },	      { "serviceName", XML_TEXT, NULL },
	{ "vpcEndpointType", XML_TEXT, NULL },	      { "state", XML_TEXT, NULL },
	{ "privateDnsEnabled", XML_TRUTH, NULL },     { "groupSet", XML_LIST, group },
	{ "networkInterfaceIdSet", XML_TEXTS, NULL }, END
};
static const struct xml_field endpoints[] = { { "vpcEndpointSet", XML_LIST, endpoint },
					      { "nextToken", XML_TEXT, NULL },
					      END };

static const struct xml_field snapshot[] = { { "snapshotId", XML_TEXT, NULL },
					     { "volumeId", XML_TEXT, NULL },
					     END };
static const struct xml_field snapshots[] = { { "snapshotSet", XML_LIST, snapshot },
					      { "nextToken", XML_TEXT, NULL },
					      END };

/* ---- Auto Scaling ---- */

static const struct xml_field scaled[] = { { "InstanceId", XML_TEXT, NULL },
					   { "AutoScalingGroupName", XML_TEXT, NULL },
					   { "LifecycleState", XML_TEXT, NULL },
					   { "ProtectedFromScaleIn", XML_TRUTH, NULL },
					   END };
static const struct xml_field scaled_list[] = { { "AutoScalingInstances", XML_LIST, scaled }, END };

/* ---- load balancers ---- */

static const struct xml_field target[] = { { "Id", XML_TEXT, NULL },
					   { "Port", XML_TEXT, NULL },
					   END };
static const struct xml_field target_state[] = { { "State", XML_TEXT, NULL }, END };
static const struct xml_field health[] = { { "Target", XML_OBJECT, target },
					   { "TargetHealth", XML_OBJECT, target_state },
					   END };
static const struct xml_field healths[] = { { "TargetHealthDescriptions", XML_LIST, health }, END };

static const struct call_row rows[] = {
	{ "ec2", "DescribeInstances", instances, "reservationSet", "nextToken", "NextToken" },
	{ "ec2", "DescribeNetworkInterfaces", interfaces, "networkInterfaceSet", "nextToken",
	  "NextToken" },
	{ "ec2", "DescribeSecurityGroups", security_groups, "securityGroupInfo", "nextToken",
	  "NextToken" },
	{ "ec2", "DescribeVpcEndpoints", endpoints, "vpcEndpointSet", "nextToken", "NextToken" },
	{ "ec2", "DescribeSnapshots", snapshots, "snapshotSet", "nextToken", "NextToken" },
	{ "ec2", "DescribeInstanceAttribute", instance_attribute, NULL, NULL, NULL },
	{ "ec2", "ModifyNetworkInterfaceAttribute", NULL, NULL, NULL, NULL },
	{ "ec2", "ModifyInstanceAttribute", NULL, NULL, NULL, NULL },
	{ "ec2", "CreateTags", NULL, NULL, NULL, NULL },
	{ "ec2", "StopInstances", NULL, NULL, NULL, NULL },
	{ "ec2", "TerminateInstances", NULL, NULL, NULL, NULL },
	{ "ec2", "CreateSnapshots", snapshots, "snapshotSet", NULL, NULL },
	{ "autoscaling", "DescribeAutoScalingInstances", scaled_list, NULL, NULL, NULL },
	{ "autoscaling", "EnterStandby", NULL, NULL, NULL, NULL },
	{ "autoscaling", "ExitStandby", NULL, NULL, NULL, NULL },
	{ "autoscaling", "DetachInstances", NULL, NULL, NULL, NULL },
	{ "autoscaling", "AttachInstances", NULL, NULL, NULL, NULL },
	{ "autoscaling", "SetInstanceProtection", NULL, NULL, NULL, NULL },
	{ "elasticloadbalancing", "DescribeTargetHealth", healths, NULL, NULL, NULL },
	{ "elasticloadbalancing", "DeregisterTargets", NULL, NULL, NULL, NULL },
	{ "elasticloadbalancing", "RegisterTargets", NULL, NULL, NULL, NULL },
};

const struct call_row *call_row_find(const char *service, const char *operation)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		if (strcmp(rows[i].service, service) == 0 &&
		    strcmp(rows[i].operation, operation) == 0)
			return &rows[i];
	return NULL;
}
