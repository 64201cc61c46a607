/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes JSON Schema of the tables of mapping.h. What a reader takes is known here for those of
 * mapping.c; a key with a reader of its own says it itself.
 */
#include "policy/schema.h"

#include <string.h>

#include "base/cleanup.h"
#include "policy/cases.h"
#include "policy/match_key.h"
#include "policy/match_text.h"
#include "policy/policy_private.h"

/* Beyond this a number of JSON may not be exact. */
#define EXACT_MAX (UINT64_C(1) << 53)

/* Fragments that several files refer to. YAML's scalars may be read as numbers or truths by an
 * editor: whatever is written is text here. */
static const char *const shared[][2] = {
	{ "text", "{\"type\":[\"string\",\"number\",\"boolean\"]}" },
	{ "texts", "{\"anyOf\":[{\"$ref\":\"#/$defs/text\"},{\"type\":\"array\",\"minItems\":1,"
		   "\"items\":{\"$ref\":\"#/$defs/text\"}}]}" },
	{ "truth", "{\"enum\":[true,false,\"yes\",\"no\",\"on\",\"off\",1,0]}" },
	{ "label", "{\"type\":[\"string\",\"number\"],\"minLength\":1,\"maxLength\":200}" },
	{ "bytes", "{\"type\":[\"integer\",\"string\"],\"pattern\":\"^[0-9]+[KMG]?$\"}" },
	{ "date", "{\"type\":\"string\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}\"}" },
	{ "duration",
	  "{\"type\":[\"integer\",\"string\"],\"pattern\":\"^[0-9]+(ms|s|min|h|d|w)?$\"}" },
	{ "severity", "{\"enum\":[\"critical\",\"high\",\"medium\",\"low\",\"informational\","
		      "\"info\"]}" },
	{ "range", "{\"type\":[\"integer\",\"string\"],\"pattern\":\"^[0-9]+(-[0-9]+)?$\"}" },
};

static const char *const of_policies[][2] = {
	{ "severities", "{\"type\":\"string\",\"pattern\":\"^(>=|<=|>|<)? ?"
			"(critical|high|medium|low|informational|info)$\"}" },
	{ "step", "{\"anyOf\":[{\"$ref\":\"#/$defs/severity\"},{\"enum\":[\"+1\",\"+2\",\"+3\","
		  "\"+4\",-1,-2,-3,-4,1,2,3,4,\"-1\",\"-2\",\"-3\",\"-4\"]}]}" },
	{ "sink", "{\"enum\":[\"file\",\"journald\",\"screen\",\"cloudwatch\",\"opsitems\","
		  "\"eventbridge\",\"security_hub\",\"sns\",\"s3\"]}" },
	{ "sinks", "{\"anyOf\":[{\"$ref\":\"#/$defs/sink\"},{\"type\":\"array\",\"minItems\":1,"
		   "\"items\":{\"$ref\":\"#/$defs/sink\"}}]}" },
	{ "tags", "{\"type\":\"object\",\"minProperties\":1}" },
	{ "default_severities",
	  "{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/severity\"}}" },
};

static json_t *table_schema(const struct mapping_table *table);

static json_t *reference(const char *name)
{
	return json_pack("{s:s+}", "$ref", "#/$defs/", name);
}

static json_t *words_schema(const struct mapping_words *words)
{
	json_t *list = json_array();

	for (size_t i = 0; i < words->count; i++) {
		const char *word = words->words[i].word;

		(void)json_array_append_new(list, json_string(word));
		/* An editor reads these words as truths. */
		if (strcmp(word, "yes") == 0 || strcmp(word, "no") == 0)
			(void)json_array_append_new(list, json_boolean(strcmp(word, "yes") == 0));
	}
	return json_pack("{s:o}", "enum", list);
}

static json_t *number_schema(const struct mapping_range *range)
{
	json_t *object =
		json_pack("{s:s, s:I}", "type", "integer", "minimum", (json_int_t)range->min);

	if (range->max <= EXACT_MAX)
		(void)json_object_set_new(object, "maximum", json_integer((json_int_t)range->max));
	return object;
}

/* What a key's reader takes. */
static json_t *key_schema(const struct mapping_key *key)
{
	static const struct {
		mapping_reader *read;
		const char *name;
	} plain[] = {
		{ mapping_boolean, "truth" }, { mapping_text, "text" },
		{ mapping_path, "text" },     { mapping_size, "bytes" },
		{ mapping_date, "date" },     { mapping_severity, "severity" },
		{ mapping_label, "label" },
	};

	if (key->schema)
		return json_loads(key->schema, 0, NULL);
	if (key->read == mapping_section)
		return table_schema(key->detail);
	if (key->read == mapping_choice)
		return words_schema(key->detail);
	if (key->read == mapping_number)
		return number_schema(key->detail);
	for (size_t i = 0; i < ELEMENTS(plain); i++)
		if (plain[i].read == key->read)
			return reference(plain[i].name);
	return json_object();
}

/* A mapping of the table's keys, and no others. */
static json_t *table_schema(const struct mapping_table *table)
{
	json_t *properties = json_object(), *required = json_array(), *object;

	for (size_t i = 0; i < table->count; i++) {
		(void)json_object_set_new(properties, table->keys[i].name,
					  key_schema(&table->keys[i]));
		if (table->keys[i].required)
			(void)json_array_append_new(required, json_string(table->keys[i].name));
	}
	object = json_pack("{s:[s,s], s:b, s:o}", "type", "object", "null", "additionalProperties",
			   0, "properties", properties);
	if (json_array_size(required) > 0)
		(void)json_object_set_new(object, "required", required);
	else
		json_decref(required);
	return object;
}

/* One item, or a list of them. */
static json_t *items_schema(json_t *item)
{
	return json_pack("{s:[o, {s:s, s:i, s:O}]}", "anyOf", item, "type", "array", "minItems", 1,
			 "items", item);
}

static json_t *match_key_schema(const struct match_key *key)
{
	json_t *plain = key->schema ? json_loads(key->schema, 0, NULL) : reference("text");

	/* A tag of an instance is a mapping of its own. */
	if (key->read == match_value_instance_tag)
		return plain;
	if (key->text || key->texts)
		plain = json_pack("{s:[o, o]}", "anyOf", plain, reference("operators"));
	return items_schema(plain);
}

static json_t *match_schema(void)
{
	static const char *const groups[] = { "all", "any", "not" };
	json_t *properties = json_object();

	for (size_t i = 0; i < match_keys_count; i++)
		(void)json_object_set_new(properties, match_keys[i].name,
					  match_key_schema(&match_keys[i]));
	for (size_t i = 0; i < ELEMENTS(groups); i++)
		(void)json_object_set_new(properties, groups[i], items_schema(reference("match")));
	return json_pack("{s:s, s:b, s:i, s:o}", "type", "object", "additionalProperties", 0,
			 "minProperties", 1, "properties", properties);
}

static void definitions_add(json_t *definitions, const char *const (*list)[2], size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)json_object_set_new(definitions, list[i][0], json_loads(list[i][1], 0, NULL));
}

json_t *schema_file(const struct mapping_table *table, const char *title)
{
	json_t *schema = table_schema(table), *definitions = json_object();

	definitions_add(definitions, shared, ELEMENTS(shared));
	(void)json_object_set_new(schema, "$schema",
				  json_string("http://json-schema.org/draft-07/schema#"));
	(void)json_object_set_new(schema, "title", json_string(title));
	(void)json_object_set_new(schema, "$defs", definitions);
	return schema;
}

json_t *schema_policy(void)
{
	static const struct {
		const char *name;
		const struct mapping_table *table;
	} tables[] = {
		{ "operators", &text_tests_table },
		{ "threshold", &rule_threshold_table },
		{ "first_only", &rule_first_table },
		{ "close", &rule_closing_table },
		{ "rule", &rule_table },
		{ "severity_actions", &policy_severity_table },
		{ "defaults", &policy_default_table },
	};
	json_t *schema = schema_file(&policy_table, "A policy of cordon");
	json_t *definitions = json_object_get(schema, "$defs");

	definitions_add(definitions, of_policies, ELEMENTS(of_policies));
	(void)json_object_set_new(definitions, "match", match_schema());
	(void)json_object_set_new(definitions, "response", words_schema(&rule_responses));
	(void)json_object_set_new(definitions, "action",
				  json_pack("{s:[o, o]}", "anyOf", reference("response"),
					    table_schema(&policy_action_table)));
	for (size_t i = 0; i < ELEMENTS(tables); i++)
		(void)json_object_set_new(definitions, tables[i].name,
					  table_schema(tables[i].table));
	return schema;
}

json_t *schema_cases(void)
{
	json_t *schema = schema_file(case_tables.file, "Tests of policies of cordon");
	json_t *definitions = json_object_get(schema, "$defs");

	(void)json_object_set_new(definitions, "case", table_schema(case_tables.policy_case));
	(void)json_object_set_new(definitions, "event", table_schema(case_tables.event));
	(void)json_object_set_new(definitions, "expect", table_schema(case_tables.expect));
	(void)json_object_set_new(definitions, "step", table_schema(case_tables.step));
	return schema;
}
