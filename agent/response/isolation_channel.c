/* SPDX-License-Identifier: Apache-2.0 */
#include "response/isolation_channel.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 443

static const json_t *group_of(const struct channel_facts *facts, const char *id)
{
	const json_t *group;
	size_t i;

	json_array_foreach(json_object_get(facts->groups, "securityGroupInfo"), i,
			   group) if (strcmp(facts_text(group, "groupId"), id) == 0) return group;
	return NULL;
}

/* Whether a rule is about TCP to the port: "-1" is every protocol and port. */
static bool rule_fits(const json_t *rule)
{
	const char *protocol = facts_text(rule, "ipProtocol");

	if (strcmp(protocol, "-1") == 0)
		return true;
	return (strcmp(protocol, "tcp") == 0 || strcmp(protocol, "6") == 0) &&
	       strtol(facts_text(rule, "fromPort"), NULL, 10) <= PORT &&
	       strtol(facts_text(rule, "toPort"), NULL, 10) >= PORT;
}

static bool rule_names_group(const json_t *rule, const char *id)
{
	const json_t *group;
	size_t i;

	json_array_foreach(json_object_get(rule, "groups"), i,
			   group) if (strcmp(facts_text(group, "groupId"), id) == 0) return true;
	return false;
}

/* "10.0.0.0/16" has "10.0.3.4". */
static bool prefix_has(const char *prefix, const char *address)
{
	const char *slash = strchr(prefix, '/');
	char network[64];
	struct in_addr a, b;
	long length = slash ? strtol(slash + 1, NULL, 10) : -1;
	uint32_t mask;

	if (length < 0 || length > 32 || (size_t)(slash - prefix) >= sizeof(network))
		return false;
	(void)snprintf(network, sizeof(network), "%.*s", (int)(slash - prefix), prefix);
	if (inet_pton(AF_INET, network, &a) != 1 || inet_pton(AF_INET, address, &b) != 1)
		return false;
	mask = length ? htonl(UINT32_MAX << (32 - length)) : 0;
	return (a.s_addr & mask) == (b.s_addr & mask);
}

static bool rule_has_address(const json_t *rule, const char *address)
{
	const json_t *range;
	size_t i;

	json_array_foreach(json_object_get(rule, "ipRanges"), i,
			   range) if (prefix_has(facts_text(range, "cidrIp"), address)) return true;
	return false;
}

/* Whether one of the group's rules ("ipPermissionsEgress" or "ipPermissions") lets the port pass to
 * or from the other side: a group, or an address. "" for what is not known. */
static bool group_lets(const json_t *group, const char *direction, const char *other,
		       const char *address)
{
	const json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(group, direction), i,
			   rule) if (rule_fits(rule) &&
				     ((*other && rule_names_group(rule, other)) ||
				      (*address && rule_has_address(rule, address)))) return true;
	return false;
}

static const json_t *endpoint_of(const struct channel_facts *facts, const char *service)
{
	const json_t *endpoint;
	size_t i, length = strlen(service);

	json_array_foreach(json_object_get(facts->endpoints, "vpcEndpointSet"), i, endpoint)
	{
		const char *name = facts_text(endpoint, "serviceName");
		size_t whole = strlen(name);

		if (strcmp(facts_text(endpoint, "vpcEndpointType"), "Interface") == 0 &&
		    strcmp(facts_text(endpoint, "state"), "available") == 0 &&
		    json_is_true(json_object_get(endpoint, "privateDnsEnabled")) &&
		    whole > length + 1 && name[whole - length - 1] == '.' &&
		    strcmp(name + whole - length, service) == 0)
			return endpoint;
	}
	return NULL;
}

/* The address of one of the endpoint's interfaces; all of them are in the same rules, as a rule. */
static const char *endpoint_address(const struct channel_facts *facts, const json_t *endpoint)
{
	const char *id = json_string_value(
		json_array_get(json_object_get(endpoint, "networkInterfaceIdSet"), 0));
	const json_t *interface;
	size_t i;

	json_array_foreach(
		json_object_get(facts->interfaces, "networkInterfaceSet"), i,
		interface) if (id && strcmp(facts_text(interface, "networkInterfaceId"), id) ==
					     0) return facts_text(interface, "privateIpAddress");
	return "";
}

static bool way_out(const struct channel_facts *facts, const json_t *endpoint)
{
	const json_t *quarantine = group_of(facts, facts->quarantine), *group;
	const char *address = endpoint_address(facts, endpoint);
	size_t i;

	json_array_foreach(json_object_get(endpoint, "groupSet"), i,
			   group) if (group_lets(quarantine, "ipPermissionsEgress",
						 facts_text(group, "groupId"),
						 address)) return true;
	return false;
}

static bool way_in(const struct channel_facts *facts, const json_t *endpoint)
{
	const char *own = facts->own->interface_count ? facts->own->interfaces[0].address : "";
	const json_t *group;
	size_t i;

	json_array_foreach(json_object_get(endpoint, "groupSet"), i,
			   group) if (group_lets(group_of(facts, facts_text(group, "groupId")),
						 "ipPermissions", facts->quarantine,
						 own)) return true;
	return false;
}

json_t *channel_check(const struct channel_facts *facts, const char *service)
{
	const json_t *endpoint = endpoint_of(facts, service);
	const char *why;
	bool open = false;

	if (!group_of(facts, facts->quarantine)) {
		why = "the quarantine group cannot be looked at";
	} else if (!endpoint) {
		/* Any public address stands for all of them. */
		open = group_lets(group_of(facts, facts->quarantine), "ipPermissionsEgress", "",
				  "192.0.2.1");
		why = open ? "the VPC has no endpoint for it; the quarantine group lets port 443 "
			     "out to everywhere"
			   : "the VPC has no interface endpoint with private DNS for it, and the "
			     "quarantine group lets nothing else out";
	} else if (!way_out(facts, endpoint)) {
		why = "the quarantine group does not let port 443 out to the endpoint";
	} else if (!way_in(facts, endpoint)) {
		why = "the endpoint's group does not let port 443 in from the quarantine group, or "
		      "from this instance's address";
	} else {
		open = true;
		why = "by the VPC's endpoint";
	}
	return json_pack("{s:s, s:b, s:s}", "service", service, "open", open, "why", why);
}
