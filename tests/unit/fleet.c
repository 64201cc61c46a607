/* SPDX-License-Identifier: Apache-2.0 */
#include "fleet.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "response/isolation_facts.h"

#define START (UINT64_C(1800000000) * NS_PER_SECOND)

static void clock_set(struct fleet *fleet, uint64_t now)
{
	fleet->now = now;
	clock_hold(START + now, now);
}

/* xorshift: the same in each run. */
static uint64_t chance(struct fleet *fleet, uint64_t below)
{
	fleet->random ^= fleet->random << 13;
	fleet->random ^= fleet->random >> 7;
	fleet->random ^= fleet->random << 17;
	return below ? fleet->random % below : 0;
}

/* ---- EC2 ---- */

static void value_set(struct fleet *fleet, struct fleet_value history[static FLEET_HISTORY],
		      const char *text)
{
	memmove(history + 1, history, (FLEET_HISTORY - 1) * sizeof(*history));
	history[0].at = fleet->now;
	(void)snprintf(history[0].text, sizeof(history[0].text), "%s", text);
}

static const char *value_seen(const struct fleet *fleet,
			      const struct fleet_value history[static FLEET_HISTORY])
{
	for (size_t i = 0; i < FLEET_HISTORY - 1; i++)
		if (history[i].at + fleet->lag <= fleet->now)
			return history[i].text;
	return history[FLEET_HISTORY - 1].text;
}

const char *fleet_groups(const struct fleet_instance *instance, size_t interface)
{
	return instance->groups[interface][0].text;
}

static const char *parameter(const json_t *call, const char *name)
{
	const json_t *pair;
	size_t i;

	json_array_foreach(json_object_get(call, "parameters"), i,
			   pair) if (strcmp(json_string_value(json_array_get(pair, 0)), name) ==
				     0) return json_string_value(json_array_get(pair, 1));
	return NULL;
}

static struct fleet_instance *instance_of(struct fleet *fleet, const char *id)
{
	for (size_t i = 0; id && i < fleet->count; i++)
		if (strcmp(fleet->instances[i].id, id) == 0)
			return &fleet->instances[i];
	return NULL;
}

static json_t *instance_json(const struct fleet *fleet, const struct fleet_instance *instance)
{
	const char *mark = value_seen(fleet, instance->mark);
	json_t *tags = *mark ? json_pack("[{s:s, s:s}]", "key", ISOLATION_TAG, "value", mark)
			     : json_array();

	if (*instance->confirmed)
		(void)json_array_append_new(tags,
					    json_pack("{s:s, s:s}", "key", ISOLATION_TAG_CONFIRMED,
						      "value", instance->confirmed));
	return json_pack("{s:[{s:s, s:s, s:o}]}", "instancesSet", "instanceId", instance->id,
			 "vpcId", "vpc-1", "tagSet", tags);
}

static json_t *describe_instances(struct fleet *fleet, const json_t *call)
{
	const struct fleet_instance *one = instance_of(fleet, parameter(call, "InstanceId.1"));
	json_t *set = json_array();

	for (size_t i = 0; i < fleet->count; i++)
		if (!one || one == &fleet->instances[i])
			(void)json_array_append_new(set,
						    instance_json(fleet, &fleet->instances[i]));
	return json_pack("{s:o}", "reservationSet", set);
}

static json_t *describe_interfaces(struct fleet *fleet, const json_t *call)
{
	struct fleet_instance *instance = instance_of(fleet, parameter(call, "Filter.1.Value.1"));
	json_t *set = json_array();

	for (size_t i = 0; i < FLEET_INTERFACES; i++) {
		char id[64], groups[160], *rest = NULL;
		json_t *list = json_array();

		(void)snprintf(id, sizeof(id), "eni-%s%zu", instance->id + 2, i);
		(void)snprintf(groups, sizeof(groups), "%s",
			       value_seen(fleet, instance->groups[i]));
		for (char *group = strtok_r(groups, " ", &rest); group;
		     group = strtok_r(NULL, " ", &rest))
			(void)json_array_append_new(list, json_pack("{s:s}", "groupId", group));
		(void)json_array_append_new(
			set, json_pack("{s:s, s:s, s:s, s:o}", "networkInterfaceId", id, "vpcId",
				       "vpc-1", "interfaceType", "interface", "groupSet", list));
	}
	return json_pack("{s:o}", "networkInterfaceSet", set);
}

static json_t *modify_groups(struct fleet *fleet, const json_t *call)
{
	const char *id = parameter(call, "NetworkInterfaceId");
	char groups[160] = "", key[32];
	size_t used = 0;

	for (int i = 1; i < 5; i++) {
		const char *group;

		(void)snprintf(key, sizeof(key), "SecurityGroupId.%d", i);
		group = parameter(call, key);
		if (group)
			used += (size_t)snprintf(groups + used, sizeof(groups) - used, "%s%s",
						 used ? " " : "", group);
	}
	for (size_t i = 0; i < fleet->count; i++)
		for (size_t j = 0; j < FLEET_INTERFACES; j++) {
			char own[64];

			(void)snprintf(own, sizeof(own), "eni-%s%zu", fleet->instances[i].id + 2,
				       j);
			if (strcmp(own, id) == 0)
				value_set(fleet, fleet->instances[i].groups[j], groups);
		}
	return json_null();
}

static json_t *create_tags(struct fleet *fleet, const json_t *call)
{
	struct fleet_instance *instance = instance_of(fleet, parameter(call, "ResourceId.1"));

	/* The caller fails. */
	if (!instance)
		return NULL;
	assert_string_equal(parameter(call, "Tag.1.Key"), ISOLATION_TAG);
	value_set(fleet, instance->mark, parameter(call, "Tag.1.Value"));
	return json_null();
}

static json_t *snapshots(struct fleet *fleet, const json_t *call)
{
	const char *id = parameter(call, "InstanceSpecification.InstanceId");
	struct fleet_instance *instance = instance_of(fleet, id);

	if (instance)
		instance->snapshots++;
	return fleet->instances[0].snapshots
		       ? json_pack("{s:[{s:s}]}", "snapshotSet", "snapshotId", "snap-1")
		       : json_pack("{s:[]}", "snapshotSet");
}

static json_t *describe_groups(struct fleet *fleet, const json_t *call)
{
	(void)fleet;
	return json_pack("{s:[{s:s, s:s}]}", "securityGroupInfo", "groupId",
			 parameter(call, "GroupId.1"), "vpcId", "vpc-1");
}

static json_t *stop(struct fleet *fleet, const json_t *call)
{
	instance_of(fleet, parameter(call, "InstanceId.1"))->stopped++;
	return json_null();
}

static json_t *terminate(struct fleet *fleet, const json_t *call)
{
	instance_of(fleet, parameter(call, "InstanceId.1"))->terminated++;
	return json_null();
}

static json_t *describe_attribute(struct fleet *fleet, const json_t *call)
{
	const struct fleet_instance *one = instance_of(fleet, parameter(call, "InstanceId"));

	return json_pack("{s:{s:b}}", "disableApiTermination", "value", one->protected);
}

static char *carry_out(struct fleet *fleet, const char *text)
{
	static const struct {
		const char *operation;
		json_t *(*run)(struct fleet *fleet, const json_t *call);
	} operations[] = {
		{ "DescribeInstances", describe_instances },
		{ "DescribeNetworkInterfaces", describe_interfaces },
		{ "ModifyNetworkInterfaceAttribute", modify_groups },
		{ "CreateTags", create_tags },
		{ "StopInstances", stop },
		{ "TerminateInstances", terminate },
		{ "DescribeInstanceAttribute", describe_attribute },
		{ "DescribeSnapshots", snapshots },
		{ "CreateSnapshots", snapshots },
		{ "DescribeSecurityGroups", describe_groups },
	};
	json_t *call = json_loads(text, 0, NULL), *facts = NULL, *reply;
	const char *operation = json_string_value(json_object_get(call, "operation"));
	char *written;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(operations[i].operation, operation) == 0)
			facts = operations[i].run(fleet, call);
	assert_non_null(facts);
	reply = json_pack("{s:s, s:i, s:s, s:s, s:o}", "failure", "none", "status", 200, "code", "",
			  "message", "", "facts", facts);
	written = json_dumps(reply, JSON_COMPACT);
	json_decref(reply);
	json_decref(call);
	return written;
}

/* ---- one instance ---- */

static int port_call(uint64_t number, const char *text, size_t size, void *userdata)
{
	struct fleet_instance *instance = userdata;
	struct fleet *fleet = instance->fleet;

	(void)size;
	if (fleet->no_ec2 || fleet->died)
		return -EAGAIN;
	free(instance->call);
	free(instance->reply);
	instance->reply = NULL;
	instance->call = strdup(text);
	instance->number = number;
	instance->carried = false;
	instance->calls++;
	instance->carried_at = fleet->now + 1 + chance(fleet, fleet->latency / 2);
	instance->answered_at = instance->carried_at + 1 + chance(fleet, fleet->latency / 2);
	return 0;
}

static void disk_copy(struct isolation_record *to, const struct isolation_record *from)
{
	isolation_record_clear(to);
	*to = *from;
	to->undo = NULL;
	to->undo_count = 0;
	for (size_t i = 0; i < from->undo_count; i++) {
		assert_int_equal(isolation_undo_add(to, from->undo[i].kind, from->undo[i].resource,
						    from->undo[i].value),
				 0);
		to->undo[i].touched = from->undo[i].touched;
	}
}

/* On disk, what was touched never changes. */
static void disk_check(struct fleet_instance *instance, const struct isolation_record *record)
{
	const struct isolation_record *disk = &instance->disk;

	for (size_t i = 0; strcmp(disk->uid, record->uid) == 0 && i < disk->undo_count; i++) {
		const struct isolation_undo *now =
			isolation_undo_find(record, disk->undo[i].kind, disk->undo[i].resource);

		if (disk->undo[i].touched &&
		    (!now || strcmp(now->value, disk->undo[i].value) != 0 || !now->touched))
			instance->wrong = true;
	}
}

static int port_save(const struct isolation_record *record, void *userdata)
{
	struct fleet_instance *instance = userdata;
	struct fleet *fleet = instance->fleet;

	if (fleet->died && instance == fleet->instances)
		return -EIO;
	disk_check(instance, record);
	if (instance == fleet->instances && ++instance->writes == fleet->die_at_write &&
	    !fleet->die_after) {
		fleet->died = true;
		return -EIO;
	}
	disk_copy(&instance->disk, record);
	if (instance == fleet->instances && instance->writes == fleet->die_at_write)
		fleet->died = true;
	return fleet->died && instance == fleet->instances ? -EIO : 0;
}

static int port_cut(const struct isolation_record *record, uint64_t deadline, bool provisional,
		    void *userdata)
{
	struct fleet_instance *instance = userdata;

	(void)record;
	(void)deadline;
	(void)provisional;
	instance->cut = true;
	return 0;
}

static int port_lift(void *userdata)
{
	struct fleet_instance *instance = userdata;

	if (instance->fleet->died)
		return 0;
	instance->cut = false;
	instance->lifted_at = instance->fleet->now;
	return 0;
}

static void port_wake(uint64_t at, void *userdata)
{
	struct fleet_instance *instance = userdata;

	instance->wake_at = at;
}

/* As the journal does it: the same thing again is not told again. */
static void port_tell(const struct isolate_told *told, void *userdata)
{
	struct fleet_instance *instance = userdata;

	if (instance->fleet->died && instance == instance->fleet->instances)
		return;
	if (strcmp(instance->told_uid[told->news], told->record->uid) == 0 && *told->record->uid)
		return;
	instance->told[told->news]++;
	(void)snprintf(instance->told_uid[told->news], JOURNAL_UID_SIZE, "%s", told->record->uid);
}

static void port_uid(char out[static 37], void *userdata)
{
	struct fleet_instance *instance = userdata;

	(void)snprintf(out, 37, "%08x-0000-4000-8000-%012x",
		       (unsigned)(instance - instance->fleet->instances),
		       (unsigned)(instance->fleet->now / NS_PER_MILLISECOND));
}

/* Never of a host that is not cut off. */
static int port_hold(pid_t pid, uint64_t start, void *userdata)
{
	struct fleet_instance *instance = userdata;

	if (instance->fleet->died && instance == instance->fleet->instances)
		return 0;
	instance->wrong |= !instance->cut || pid != FLEET_CULPRIT || start != FLEET_START;
	instance->held = true;
	return 1;
}

static void port_thaw(void *userdata)
{
	struct fleet_instance *instance = userdata;

	if (!instance->fleet->died || instance != instance->fleet->instances)
		instance->held = false;
}

/* As the daemon does it: a bundle that is there is not made again. */
static void port_evidence(const struct isolation_record *record, void *userdata)
{
	struct fleet_instance *instance = userdata;

	if ((instance->fleet->died && instance == instance->fleet->instances) ||
	    isolation_undo_find(record, ISOLATION_EVIDENCE, record->uid))
		return;
	instance->wrong |= !instance->cut;
	if (strcmp(instance->bundle, record->uid) != 0)
		instance->bundles++;
	(void)snprintf(instance->bundle, sizeof(instance->bundle), "%s", record->uid);
	isolate_kept(instance->isolate, record->uid, ISOLATION_EVIDENCE, "bundle");
}

static const struct isolate_ports ports = {
	.call = port_call,
	.save = port_save,
	.cut = port_cut,
	.lift = port_lift,
	.wake = port_wake,
	.tell = port_tell,
	.uid = port_uid,
	.hold = port_hold,
	.thaw = port_thaw,
	.evidence = port_evidence,
};

static void start(struct fleet_instance *instance)
{
	struct fleet *fleet = instance->fleet;

	instance->wake_at = UINT64_MAX;
	assert_int_equal(isolate_new(&fleet->options, &ports, instance, &instance->isolate), 0);
}

/* What it asked for before it died may still be carried out; nobody hears the answer. */
static void restart(struct fleet_instance *instance)
{
	struct isolation_record record = { 0 };

	isolate_free(instance->isolate);
	free(instance->call);
	free(instance->reply);
	instance->call = instance->reply = NULL;
	instance->fleet->died = false;
	instance->fleet->die_at_write = instance->fleet->die_at_call = 0;
	start(instance);
	if (*instance->disk.uid) {
		disk_copy(&record, &instance->disk);
		isolate_resume(instance->isolate, &record);
	}
	isolate_instance(instance->isolate, instance->id);
}

void fleet_begin(struct fleet *fleet, size_t count, const struct isolation_options *options)
{
	fleet->count = count;
	fleet->options = *options;
	fleet->random = 88172645463325252u;
	fleet->instances = calloc(count, sizeof(*fleet->instances));
	assert_non_null(fleet->instances);
	clock_set(fleet, 3600 * NS_PER_SECOND);
	for (size_t i = 0; i < count; i++) {
		struct fleet_instance *instance = &fleet->instances[i];

		instance->fleet = fleet;
		(void)snprintf(instance->id, sizeof(instance->id), "i-%08zx", i);
		for (size_t j = 0; j < FLEET_INTERFACES; j++)
			for (size_t k = 0; k < FLEET_HISTORY; k++)
				(void)snprintf(instance->groups[j][k].text, 160, "%s",
					       j ? "sg-2" : "sg-1 sg-2");
		start(instance);
		isolate_instance(instance->isolate, instance->id);
	}
}

void fleet_end(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->count; i++) {
		isolate_free(fleet->instances[i].isolate);
		isolation_record_clear(&fleet->instances[i].disk);
		free(fleet->instances[i].call);
		free(fleet->instances[i].reply);
	}
	free(fleet->instances);
	clock_release();
}

/* The time of the next thing that happens to an instance. */
static uint64_t next_of(const struct fleet_instance *instance)
{
	uint64_t next = instance->wake_at;

	if (instance->call && !instance->carried && instance->carried_at < next)
		next = instance->carried_at;
	if (instance->call && instance->carried && instance->answered_at < next)
		next = instance->answered_at;
	return next;
}

static void step(struct fleet_instance *instance)
{
	struct fleet *fleet = instance->fleet;
	bool first = instance == fleet->instances;

	if (instance->call && !instance->carried && instance->carried_at <= fleet->now) {
		if (first && instance->calls == fleet->die_at_call && !fleet->die_after) {
			fleet->died = true;
			return;
		}
		instance->reply = carry_out(fleet, instance->call);
		instance->carried = true;
		fleet->died = first && instance->calls == fleet->die_at_call;
	} else if (instance->call && instance->carried && instance->answered_at <= fleet->now) {
		char *reply = instance->reply;

		free(instance->call);
		instance->call = instance->reply = NULL;
		isolate_replied(instance->isolate, instance->number, reply, strlen(reply));
		free(reply);
	} else if (instance->wake_at <= fleet->now) {
		instance->wake_at = UINT64_MAX;
		isolate_turn(instance->isolate);
	}
}

void fleet_run(struct fleet *fleet, uint64_t until)
{
	for (;;) {
		struct fleet_instance *soonest = NULL;
		uint64_t at = until;

		if (fleet->died)
			restart(fleet->instances);
		for (size_t i = 0; i < fleet->count; i++) {
			uint64_t next = next_of(&fleet->instances[i]);

			if (next < at) {
				at = next;
				soonest = &fleet->instances[i];
			}
		}
		if (!soonest)
			break;
		if (at > fleet->now)
			clock_set(fleet, at);
		step(soonest);
	}
	clock_set(fleet, until);
}
