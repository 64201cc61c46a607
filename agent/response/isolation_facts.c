/* SPDX-License-Identifier: Apache-2.0 */
#include "response/isolation_facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

bool facts_id_is(const char *text, const char *prefix)
{
	size_t length = strlen(prefix), digits;

	if (strncmp(text, prefix, length) != 0 || text[length] != '-')
		return false;
	digits = strspn(text + length + 1, "0123456789abcdef");
	return digits > 0 && text[length + 1 + digits] == '\0' &&
	       length + 1 + digits < FACTS_ID_SIZE;
}

const char *facts_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

/* What stands in a call, or in front of a person, has no control characters in it. */
static bool text_take(const json_t *object, const char *name, char *out, size_t size)
{
	const char *text = facts_text(object, name);

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	if (strlen(text) >= size)
		return false;
	(void)snprintf(out, size, "%s", text);
	return true;
}

static bool id_take(const json_t *object, const char *name, const char *prefix,
		    char out[static FACTS_ID_SIZE])
{
	const char *text = facts_text(object, name);

	if (!facts_id_is(text, prefix))
		return false;
	(void)snprintf(out, FACTS_ID_SIZE, "%s", text);
	return true;
}

/* ---- the instance ---- */

static void volume_take(const json_t *mapping, struct isolation_facts *facts)
{
	struct facts_volume volume = { 0 };
	const json_t *ebs = json_object_get(mapping, "ebs");

	if (facts->volume_count == FACTS_VOLUMES_MAX ||
	    !id_take(ebs, "volumeId", "vol", volume.id) ||
	    !text_take(mapping, "deviceName", volume.device, sizeof(volume.device)))
		return;
	volume.deleted_on_termination = json_is_true(json_object_get(ebs, "deleteOnTermination"));
	facts->volumes[facts->volume_count++] = volume;
}

static void tag_take(const json_t *object, struct isolation_facts *facts)
{
	struct facts_tag tag = { 0 };

	if (facts->tag_count < FACTS_TAGS_MAX &&
	    text_take(object, "key", tag.key, sizeof(tag.key)) &&
	    text_take(object, "value", tag.value, sizeof(tag.value)))
		facts->tags[facts->tag_count++] = tag;
}

int facts_read_instance(const json_t *facts, const char *instance, struct isolation_facts *ret)
{
	const json_t *reservation = json_array_get(json_object_get(facts, "reservationSet"), 0);
	const json_t *found = json_array_get(json_object_get(reservation, "instancesSet"), 0);
	const json_t *item;
	size_t i;

	if (strcmp(facts_text(found, "instanceId"), instance) != 0 || !facts_id_is(instance, "i") ||
	    !facts_id_is(facts_text(found, "vpcId"), "vpc"))
		return -EBADMSG;
	(void)snprintf(ret->instance, sizeof(ret->instance), "%s", instance);
	(void)id_take(found, "vpcId", "vpc", ret->vpc);
	ret->volume_count = ret->tag_count = 0;
	json_array_foreach(json_object_get(found, "blockDeviceMapping"), i, item)
		volume_take(item, ret);
	json_array_foreach(json_object_get(found, "tagSet"), i, item) tag_take(item, ret);
	ret->instance_known = true;
	return 0;
}

const char *facts_tag(const struct isolation_facts *facts, const char *key)
{
	for (size_t i = 0; i < facts->tag_count; i++)
		if (strcmp(facts->tags[i].key, key) == 0)
			return facts->tags[i].value;
	return NULL;
}

/* ---- its interfaces ---- */

/* Others are a service's: of load balancers, endpoints, functions. */
static bool type_is_ours(const char *type)
{
	static const char *const types[] = {
		"", "interface", "efa", "efa-only", "trunk", "branch"
	};

	for (size_t i = 0; i < ELEMENTS(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

static bool groups_take(const json_t *object, struct facts_interface *interface)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(object, "groupSet"), i, item)
	{
		if (interface->group_count == FACTS_GROUPS_MAX ||
		    !id_take(item, "groupId", "sg", interface->groups[interface->group_count]))
			return false;
		interface->group_count++;
	}
	return interface->group_count > 0;
}

static int interface_take(const json_t *object, struct isolation_facts *facts)
{
	struct facts_interface *interface = &facts->interfaces[facts->interface_count];
	const json_t *operator= json_object_get(object, "operator");

	*interface = (struct facts_interface){ 0 };
	if (!id_take(object, "networkInterfaceId", "eni", interface->id) ||
	    !id_take(object, "vpcId", "vpc", interface->vpc) ||
	    !text_take(object, "interfaceType", interface->type, sizeof(interface->type)) ||
	    !text_take(object, "privateIpAddress", interface->address, sizeof(interface->address)))
		return -EBADMSG;
	interface->managed = json_is_true(json_object_get(object, "requesterManaged")) ||
			     json_is_true(json_object_get(operator, "managed")) ||
			     !type_is_ours(interface->type);
	if (!groups_take(object, interface) && !interface->managed)
		return -EBADMSG;
	facts->interface_count++;
	return 0;
}

/* All or nothing: an interface that is left out would stay open. */
int facts_read_interfaces(const json_t *facts, struct isolation_facts *ret)
{
	const json_t *list = json_object_get(facts, "networkInterfaceSet"), *item;
	struct isolation_facts *fresh = calloc(1, sizeof(*fresh));
	size_t i;
	int r = fresh ? 0 : -ENOMEM;

	if (r == 0 && (json_array_size(list) == 0 || json_array_size(list) > FACTS_INTERFACES_MAX))
		r = -EBADMSG;
	if (r == 0)
		json_array_foreach(list, i, item)
		{
			r = interface_take(item, fresh);
			if (r < 0)
				break;
		}
	if (r == 0) {
		memcpy(ret->interfaces, fresh->interfaces, sizeof(ret->interfaces));
		ret->interface_count = fresh->interface_count;
		ret->interfaces_known = true;
	}
	free(fresh);
	return r;
}

bool facts_interface_has_only(const struct facts_interface *interface, const char *group)
{
	return interface->group_count == 1 && strcmp(interface->groups[0], group) == 0;
}

/* ---- what is around it ---- */

int facts_read_scaling(const json_t *facts, const char *instance, struct isolation_facts *ret)
{
	const json_t *list = json_object_get(facts, "AutoScalingInstances"), *item;
	size_t i;

	if (!json_is_array(list))
		return -EBADMSG;
	ret->scaling_group[0] = ret->scaling_state[0] = '\0';
	json_array_foreach(list, i, item)
	{
		if (strcmp(facts_text(item, "InstanceId"), instance) != 0)
			continue;
		if (!text_take(item, "AutoScalingGroupName", ret->scaling_group,
			       sizeof(ret->scaling_group)) ||
		    !text_take(item, "LifecycleState", ret->scaling_state,
			       sizeof(ret->scaling_state)))
			return -EBADMSG;
		ret->scaling_protected =
			json_is_true(json_object_get(item, "ProtectedFromScaleIn"));
	}
	return 0;
}

int facts_read_termination(const json_t *facts, struct isolation_facts *ret)
{
	const json_t *value =
		json_object_get(json_object_get(facts, "disableApiTermination"), "value");

	if (!json_is_boolean(value))
		return -EBADMSG;
	ret->termination_protected = json_is_true(value);
	ret->termination_known = true;
	return 0;
}

int facts_read_targets(const json_t *facts, const char *group, const char *instance,
		       struct isolation_facts *ret)
{
	const json_t *list = json_object_get(facts, "TargetHealthDescriptions"), *item;
	size_t i;

	if (!json_is_array(list) || strlen(group) >= FACTS_NAME_SIZE)
		return -EBADMSG;
	json_array_foreach(list, i, item)
	{
		const json_t *target = json_object_get(item, "Target");
		const char *state = facts_text(json_object_get(item, "TargetHealth"), "State");
		unsigned long port = strtoul(facts_text(target, "Port"), NULL, 10);

		if (strcmp(facts_text(target, "Id"), instance) != 0 || port == 0 || port > 65535 ||
		    strcmp(state, "unused") == 0 || strcmp(state, "draining") == 0 ||
		    ret->target_count == FACTS_TARGETS_MAX)
			continue;
		(void)snprintf(ret->targets[ret->target_count].group, FACTS_NAME_SIZE, "%s", group);
		ret->targets[ret->target_count++].port = (unsigned)port;
	}
	return 0;
}
