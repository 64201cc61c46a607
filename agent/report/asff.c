/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the form of findings in Security Hub. Texts in the OCSF object are escaped already; here
 * they are cut to what the service takes (Security Hub user guide, "AWS Security Finding Format"),
 * for one that is too long would cost the finding.
 */
#include "report/asff.h"

#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "report/ocsf_object.h"
#include "report/view.h"

#define SCHEMA_VERSION	"2018-10-08"
/* Characters; counted in bytes here, which are never fewer. */
#define ID_MAX		512
#define TITLE_MAX	256
#define DESCRIPTION_MAX 1024
#define FIELD_MAX	1024 /* a value of ProductFields has 2,048 */
#define SHORT_MAX	64   /* a process's name, an indicator's source */
#define FILE_MAX	512
#define VALUE_MAX	512

/* What Security Hub calls it, by the detector; the last row is for all others. */
static const struct type {
	const char *detector, *name;
} types[] = {
	{ "indicator", "TTPs/Command and Control" },
	{ "rebinding", "TTPs/Initial Access" },
	{ "resolver-bypass", "Unusual Behaviors/Network Flow" },
	{ "unreadable-dns", "Unusual Behaviors/Network Flow" },
	{ "", "Unusual Behaviors/VM" },
};

CLEANUP_DEFINE(json_t *, json_decref)

/* Cut at a character's end. "" and NULL are left out. */
static void put_cut(struct ocsf_builder *builder, json_t *object, const char *key, const char *text,
		    size_t max)
{
	size_t length = text ? strlen(text) : 0;

	if (length > max) {
		length = max;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	if (length > 0)
		ocsf_put(builder, object, key, json_stringn(text, length));
}

static void put_time(struct ocsf_builder *builder, json_t *object, const char *key, uint64_t time)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(time, text);
	ocsf_put_text(builder, object, key, text);
}

/* The finding's last time is in milliseconds, and stays when a clock is set back; its count rises
 * all the same, and stands in the digits behind. */
static uint64_t updated_at(const struct view *view)
{
	uint64_t count = view->count < NS_PER_MILLISECOND / 1000 ? view->count
								 : NS_PER_MILLISECOND / 1000 - 1;

	return view->time + count * 1000;
}

static bool is_closed(const json_t *object)
{
	return json_integer_value(json_object_get(object, "activity_id")) == 3;
}

static void put_identity(struct ocsf_builder *builder, json_t *finding, const struct view *view,
			 const struct asff_place *place)
{
	char text[256];

	ocsf_put_text(builder, finding, "SchemaVersion", SCHEMA_VERSION);
	(void)snprintf(text, sizeof(text), "cordon/%.200s", view->uid);
	ocsf_put_text(builder, finding, "Id", text);
	(void)snprintf(text, sizeof(text), "arn:%s:securityhub:%s:%s:product/%s/default",
		       place->partition, place->region, place->account, place->account);
	ocsf_put_text(builder, finding, "ProductArn", text);
	(void)snprintf(text, sizeof(text), "cordon/%.200s",
		       *view->detector ? view->detector : "unknown");
	put_cut(builder, finding, "GeneratorId", text, ID_MAX);
	ocsf_put_text(builder, finding, "AwsAccountId", place->account);
	ocsf_put_text(builder, finding, "CompanyName", "cordon");
	ocsf_put_text(builder, finding, "ProductName", "cordon");
}

static void put_times(struct ocsf_builder *builder, json_t *finding, const struct view *view)
{
	uint64_t first =
		view->first_seen && view->first_seen < view->time ? view->first_seen : view->time;

	put_time(builder, finding, "CreatedAt", first);
	put_time(builder, finding, "FirstObservedAt", first);
	put_time(builder, finding, "LastObservedAt", view->time);
	put_time(builder, finding, "UpdatedAt", updated_at(view));
}

/* What the provider says of severity and type: at the top they would overwrite what people set. */
static json_t *provider_fields(struct ocsf_builder *builder, const struct view *view)
{
	static const char *const labels[] = { "INFORMATIONAL", "INFORMATIONAL", "LOW",
					      "MEDIUM",	       "HIGH",		"CRITICAL" };
	size_t id = (size_t)view->severity_id < ELEMENTS(labels) ? (size_t)view->severity_id : 0;
	json_t *fields = json_object(), *severity = json_object(), *names = json_array();
	const struct type *type = types;

	while (*type->detector && strcmp(type->detector, view->detector) != 0)
		type++;
	ocsf_append(builder, names, json_string(type->name));
	ocsf_put_text(builder, severity, "Label", labels[id]);
	ocsf_put_text(builder, severity, "Original", view->severity);
	ocsf_put(builder, fields, "Severity", severity);
	ocsf_put(builder, fields, "Types", names);
	return fields;
}

/* Only the partitions that the format names. */
static bool partition_is_known(const char *partition)
{
	static const char *const known[] = { "aws", "aws-cn", "aws-us-gov" };

	for (size_t i = 0; i < ELEMENTS(known); i++)
		if (strcmp(known[i], partition) == 0)
			return true;
	return false;
}

static json_t *host_resource(struct ocsf_builder *builder, const struct asff_place *place)
{
	json_t *resource = json_object();
	char text[384];

	if (*place->instance_id)
		(void)snprintf(text, sizeof(text), "arn:%s:ec2:%s:%s:instance/%s", place->partition,
			       place->region, place->account, place->instance_id);
	else
		(void)snprintf(text, sizeof(text), "%.255s",
			       *place->hostname ? place->hostname : "unknown");
	ocsf_put_text(builder, resource, "Type", *place->instance_id ? "AwsEc2Instance" : "Other");
	ocsf_put_text(builder, resource, "Id", text);
	ocsf_put_text(builder, resource, "Region", place->region);
	if (partition_is_known(place->partition))
		ocsf_put_text(builder, resource, "Partition", place->partition);
	return resource;
}

static json_t *resources(struct ocsf_builder *builder, const struct view *view,
			 const struct asff_place *place)
{
	json_t *array = json_array(), *container;

	ocsf_append(builder, array, host_resource(builder, place));
	if (!*view->container)
		return array;
	container = json_object();
	ocsf_put_text(builder, container, "Type", "Container");
	put_cut(builder, container, "Id", view->container, ID_MAX);
	ocsf_append(builder, array, container);
	return array;
}

static void put_address(struct ocsf_builder *builder, json_t *network, const char *end,
			const char *address)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "%sIpV%c", end, strchr(address, ':') ? '6' : '4');
	ocsf_put_text(builder, network, key, address);
}

static const char *name_of(const struct view *view)
{
	return *view->qname ? view->qname : *view->sni ? view->sni : view->host;
}

static json_t *network(struct ocsf_builder *builder, const json_t *object, const struct view *view)
{
	const json_t *evidence = json_array_get(json_object_get(object, "evidences"), 0);
	const json_t *connection = json_object_get(evidence, "connection_info");
	json_int_t direction = json_integer_value(json_object_get(connection, "direction_id"));
	json_t *network = json_object();

	if (direction == 1 || direction == 2)
		ocsf_put_text(builder, network, "Direction", direction == 1 ? "IN" : "OUT");
	put_cut(builder, network, "Protocol",
		json_string_value(json_object_get(connection, "protocol_name")), 16);
	put_address(builder, network, "Source", view->source);
	put_address(builder, network, "Destination", view->destination);
	if (view->destination_port)
		ocsf_put_number(builder, network, "DestinationPort", view->destination_port);
	put_cut(builder, network, "DestinationDomain", name_of(view), 128);
	return network;
}

static json_t *process(struct ocsf_builder *builder, const json_t *object, const struct view *view)
{
	const json_t *evidence = json_array_get(json_object_get(object, "evidences"), 0);
	const json_t *own = json_object_get(evidence, "process");
	const json_t *parent = json_object_get(own, "parent_process");
	json_int_t parent_pid = json_integer_value(json_object_get(parent, "pid"));
	json_int_t started = json_integer_value(json_object_get(own, "created_time"));
	json_t *process = json_object();

	put_cut(builder, process, "Name", view->comm, SHORT_MAX);
	put_cut(builder, process, "Path", view->exe, FILE_MAX);
	if (view->pid > 0)
		ocsf_put_number(builder, process, "Pid", (uint64_t)view->pid);
	if (parent_pid > 0)
		ocsf_put_number(builder, process, "ParentPid", (uint64_t)parent_pid);
	if (started > 0)
		put_time(builder, process, "LaunchedAt", (uint64_t)started * NS_PER_MILLISECOND);
	return process;
}

/* The entry of the list; a range of addresses or a fingerprint has no type there. */
static json_t *indicators(struct ocsf_builder *builder, const json_t *object,
			  const struct view *view)
{
	const json_t *osint = json_array_get(json_object_get(object, "osint"), 0);
	json_int_t type = json_integer_value(json_object_get(osint, "type_id"));
	const char *name = type == 2			  ? "DOMAIN"
			   : type == 4			  ? "HASH_SHA256"
			   : strchr(view->indicator, ':') ? "IPV6_ADDRESS"
							  : "IPV4_ADDRESS";
	json_t *array = json_array(), *indicator;

	if (!*view->indicator || strchr(view->indicator, '/') || type < 1 || type > 4)
		return array;
	indicator = json_object();
	ocsf_put_text(builder, indicator, "Type", name);
	put_cut(builder, indicator, "Value", view->indicator, VALUE_MAX);
	put_cut(builder, indicator, "Source", view->feed, SHORT_MAX);
	put_time(builder, indicator, "LastObservedAt", view->time);
	ocsf_append(builder, array, indicator);
	return array;
}

/* What has no home in the format; `cordon findings` shows the same words. */
static json_t *product_fields(struct ocsf_builder *builder, const struct view *view)
{
	const struct {
		const char *key, *value;
	} fields[] = {
		{ "cordon/uid", view->uid },
		{ "cordon/rule", view->rule },
		{ "cordon/policy", view->policy },
		{ "cordon/disposition", view->disposition },
		{ "cordon/would_have", view->would_have },
		{ "cordon/missed", view->missed },
		{ "cordon/command", view->arguments },
		{ "cordon/user", view->user },
		{ "cordon/unit", view->unit },
		{ "cordon/host", view->hostname },
		{ "cordon/ja4", view->ja4 },
	};
	json_t *object = json_object();
	char count[24];

	for (size_t i = 0; i < ELEMENTS(fields); i++)
		put_cut(builder, object, fields[i].key, fields[i].value, FIELD_MAX);
	(void)snprintf(count, sizeof(count), "%llu", (unsigned long long)view->count);
	ocsf_put_text(builder, object, "cordon/count", count);
	return object;
}

static void put_words(struct ocsf_builder *builder, json_t *finding, const struct view *view)
{
	const char *title = *view->title ? view->title : view->uid;

	put_cut(builder, finding, "Title", title, TITLE_MAX);
	put_cut(builder, finding, "Description", *view->why ? view->why : title, DESCRIPTION_MAX);
}

char *asff_finding(const json_t *object, const struct asff_place *place)
{
	CLEANUP(json_decref_cleanup) json_t *finding = json_object();
	struct ocsf_builder builder = { 0 };
	struct view view;

	view_read(object, &view);
	if (view.activity || !*view.uid)
		return NULL;
	put_identity(&builder, finding, &view, place);
	put_times(&builder, finding, &view);
	put_words(&builder, finding, &view);
	ocsf_put(&builder, finding, "FindingProviderFields", provider_fields(&builder, &view));
	ocsf_put_text(&builder, finding, "RecordState", is_closed(object) ? "ARCHIVED" : "ACTIVE");
	ocsf_put(&builder, finding, "Resources", resources(&builder, &view, place));
	ocsf_put_filled(&builder, finding, "Network", network(&builder, object, &view));
	ocsf_put_filled(&builder, finding, "Process", process(&builder, object, &view));
	ocsf_put_filled(&builder, finding, "ThreatIntelIndicators",
			indicators(&builder, object, &view));
	ocsf_put_filled(&builder, finding, "ProductFields", product_fields(&builder, &view));
	return builder.failed ? NULL : json_dumps(finding, JSON_COMPACT);
}
