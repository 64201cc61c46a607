/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the table of match keys, and those about why something is a finding: detector, feed, tags,
 * names. match_event.c, match_process.c and match_host.c have the others. Takes values from
 * match_value.c and gives rows to match.c. The names, paths and whatever else is compared are an
 * attacker's to choose.
 */
#include "policy/match_key.h"

#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "policy/match_event.h"
#include "policy/match_file.h"
#include "policy/match_host.h"
#include "policy/match_process.h"

/* ---- what is compared ---- */

static const char *text_detector(const struct match_subject *subject)
{
	return subject->detector;
}

static const char *text_feed(const struct match_subject *subject)
{
	return subject->indicator ? subject->indicator->feed : NULL;
}

static const char *text_title(const struct match_subject *subject)
{
	return subject->finding ? subject->finding->title : NULL;
}

static const char *texts_severity(struct match_subject *subject, size_t i, char *buffer)
{
	(void)buffer;
	return i == 0 ? severity_name(subject->severity) : NULL;
}

static const char *texts_tag(struct match_subject *subject, size_t i, char *buffer)
{
	const char *tags = subject->indicator ? subject->indicator->tags : NULL;

	return tags ? match_list_item(tags, i, buffer) : NULL;
}

static const char *texts_indicator(struct match_subject *subject, size_t i, char *buffer)
{
	const struct domain_name *name = match_subject_entry_name(subject);

	if (i > 0 || !subject->indicator)
		return NULL;
	if (!name)
		return subject->indicator->text;
	domain_name_format(name, buffer);
	return buffer;
}

static const char *texts_domain(struct match_subject *subject, size_t i, char *buffer)
{
	const struct domain_name *name = match_subject_qname(subject);

	if (i > 0 || !name)
		return NULL;
	domain_name_format(name, buffer);
	return buffer;
}

/* ---- how it is compared ---- */

static enum match_answer ask_severity(const struct match_condition *condition,
				      struct match_subject *subject)
{
	return match_mask(condition, subject->severity);
}

static enum match_answer ask_exact(const struct match_condition *condition,
				   struct match_subject *subject)
{
	const char *text = condition->key->text(subject);

	for (size_t i = 0; text && i < condition->count; i++)
		if (strcmp(text, condition->values[i].text) == 0)
			return MATCH_YES;
	return MATCH_NO;
}

static enum match_answer ask_exact_texts(const struct match_condition *condition,
					 struct match_subject *subject)
{
	char buffer[MATCH_TEXT_SIZE];
	const char *text;

	for (size_t i = 0; (text = condition->key->texts(subject, i, buffer)); i++)
		for (size_t j = 0; j < condition->count; j++)
			if (strcmp(text, condition->values[j].text) == 0)
				return MATCH_YES;
	return MATCH_NO;
}

static enum match_answer ask_glob(const struct match_condition *condition,
				  struct match_subject *subject)
{
	const char *text = condition->key->text(subject);

	size_t length;

	if (!text || !*text)
		return MATCH_NO;
	length = strlen(text);
	for (size_t i = 0; i < condition->count; i++)
		if (match_glob_covers(&condition->values[i], text, length))
			return MATCH_YES;
	return MATCH_NO;
}

/* The tags are one text, joined by commas. */
static bool tags_have(const char *tags, const char *tag)
{
	size_t length = strlen(tag);

	for (const char *at = tags; at && (at = strstr(at, tag)); at++)
		if ((at == tags || at[-1] == ',') && (!at[length] || at[length] == ','))
			return true;
	return false;
}

static enum match_answer ask_tag(const struct match_condition *condition,
				 struct match_subject *subject)
{
	for (size_t i = 0; subject->indicator && i < condition->count; i++)
		if (tags_have(subject->indicator->tags, condition->values[i].text))
			return MATCH_YES;
	return MATCH_NO;
}

static enum match_answer ask_domain(const struct match_condition *condition,
				    struct match_subject *subject)
{
	const struct domain_name *name = match_subject_qname(subject);

	return match_answer_of(name && match_names_cover(condition, name));
}

static enum match_answer ask_indicator(const struct match_condition *condition,
				       struct match_subject *subject)
{
	const struct indicator *indicator = subject->indicator;

	if (!indicator)
		return MATCH_NO;
	if (indicator->kind == INDICATOR_DOMAIN)
		return match_answer_of(
			match_names_cover(condition, match_subject_entry_name(subject)));
	for (size_t i = 0; i < condition->count; i++)
		if (strcasecmp(condition->values[i].text, indicator->text) == 0)
			return MATCH_YES;
	return MATCH_NO;
}

/* The names that are asked because of an entry are the entry and what is below it. */
static enum match_answer ask_entry_domain(const struct match_condition *condition,
					  struct match_subject *subject)
{
	const struct domain_name *entry = match_subject_entry_name(subject);

	if (!entry)
		return MATCH_MAYBE;
	if (match_names_cover(condition, entry))
		return MATCH_YES;
	for (size_t i = 0; i < condition->count; i++)
		if (domain_name_within(condition->values[i].name, entry))
			return MATCH_MAYBE;
	return MATCH_NO;
}

/* ---- the table ---- */

#define SCHEMA_WORDS(words) "{\"enum\":[" words "]}"
#define SCHEMA_PORT	    "{\"$ref\":\"#/$defs/range\"}"

/* Cheap ones first: that is the order in which they are asked. */
const struct match_key match_keys[] = {
	{ .name = "severity",
	  .read = match_value_severity,
	  .ask = ask_severity,
	  .texts = texts_severity,
	  .of_entry = true,
	  .schema = "{\"$ref\":\"#/$defs/severities\"}" },
	{ .name = "detector",
	  .read = match_value_exact,
	  .ask = ask_exact,
	  .text = text_detector,
	  .of_entry = true,
	  .token = TOKEN_TEXT },
	{ .name = "feed",
	  .read = match_value_exact,
	  .ask = ask_exact,
	  .text = text_feed,
	  .of_entry = true,
	  .token = TOKEN_TEXT },
	{ .name = "stub",
	  .read = match_value_stub,
	  .ask = match_ask_stub,
	  .schema = "{\"type\":\"boolean\"}" },
	{ .name = "direction",
	  .read = match_value_direction,
	  .ask = match_ask_direction,
	  .schema = SCHEMA_WORDS("\"out\",\"in\"") },
	{ .name = "blocked",
	  .read = match_value_stub,
	  .ask = match_ask_blocked,
	  .schema = "{\"type\":\"boolean\"}" },
	{ .name = "kind",
	  .read = match_value_kind,
	  .ask = match_ask_kind,
	  .texts = match_texts_kind,
	  .ask_entry = match_ask_entry_kind,
	  .schema = SCHEMA_WORDS("\"question\",\"answer\",\"connection\",\"flow\"") },
	{ .name = "protocol",
	  .read = match_value_protocol,
	  .ask = match_ask_protocol,
	  .schema = SCHEMA_WORDS("\"tcp\",\"udp\",\"dns\",\"tls\",\"http\",\"quic\"") },
	{ .name = "port",
	  .read = match_value_port,
	  .ask = match_ask_port,
	  .texts = match_texts_port,
	  .schema = SCHEMA_PORT },
	{ .name = "source_port",
	  .read = match_value_port,
	  .ask = match_ask_source_port,
	  .texts = match_texts_source_port,
	  .schema = SCHEMA_PORT },
	{ .name = "qtype",
	  .read = match_value_exact,
	  .ask = ask_exact_texts,
	  .texts = match_texts_qtype },
	{ .name = "watch", .read = match_value_exact, .ask = ask_exact, .text = match_text_watch },
	{ .name = "weekday", .read = match_value_weekday, .ask = match_ask_weekday },
	{ .name = "time", .read = match_value_time, .ask = match_ask_time },
	{ .name = "hostname",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_hostname,
	  .of_entry = true },
	{ .name = "instance",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_instance,
	  .of_entry = true },
	{ .name = "region",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_region,
	  .of_entry = true },
	{ .name = "account",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_account,
	  .of_entry = true },
	{ .name = "image",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_image,
	  .of_entry = true },
	{ .name = "instance_tag",
	  .read = match_value_instance_tag,
	  .ask = match_ask_instance_tag,
	  .of_entry = true,
	  .schema = "{\"$ref\":\"#/$defs/tags\"}" },
	{ .name = "user",
	  .read = match_value_user,
	  .ask = match_ask_user,
	  .texts = match_texts_user,
	  .token = TOKEN_NUMBER },
	{ .name = "uid",
	  .read = match_value_uid,
	  .ask = match_ask_user,
	  .texts = match_texts_uid,
	  .schema = SCHEMA_PORT },
	{ .name = "attribution",
	  .read = match_value_exact,
	  .ask = ask_exact,
	  .text = match_text_attribution },
	{ .name = "exe",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_exe,
	  .path = true,
	  .token = TOKEN_TEXT },
	{ .name = "comm",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_comm,
	  .token = TOKEN_TEXT },
	{ .name = "unit",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_unit,
	  .token = TOKEN_TEXT },
	{ .name = "container",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_container,
	  .token = TOKEN_TEXT },
	{ .name = "cgroup",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_cgroup,
	  .token = TOKEN_TEXT },
	{ .name = "parent",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_parent,
	  .path = true },
	{ .name = "ancestor",
	  .read = match_value_glob,
	  .ask = match_ask_ancestor,
	  .texts = match_texts_ancestor,
	  .path = true },
	{ .name = "ancestor_comm",
	  .read = match_value_glob,
	  .ask = match_ask_ancestor,
	  .texts = match_texts_ancestor_comm },
	{ .name = "args", .read = match_value_glob, .ask = ask_glob, .text = match_text_args },
	{ .name = "source",
	  .read = match_value_address,
	  .ask = match_ask_source,
	  .texts = match_texts_source },
	{ .name = "destination",
	  .read = match_value_address,
	  .ask = match_ask_destination,
	  .texts = match_texts_destination },
	{ .name = "address",
	  .read = match_value_address,
	  .ask = match_ask_address,
	  .texts = match_texts_address },
	{ .name = "tag",
	  .read = match_value_tag,
	  .ask = ask_tag,
	  .texts = texts_tag,
	  .of_entry = true,
	  .token = TOKEN_TEXT },
	{ .name = "indicator",
	  .read = match_value_indicator,
	  .ask = ask_indicator,
	  .texts = texts_indicator,
	  .of_entry = true,
	  .lower = true,
	  .token = TOKEN_NAME },
	{ .name = "domain",
	  .read = match_value_domain,
	  .ask = ask_domain,
	  .texts = texts_domain,
	  .ask_entry = ask_entry_domain,
	  .lower = true,
	  .token = TOKEN_NAME },
	{ .name = "alpn",
	  .read = match_value_exact,
	  .ask = match_ask_alpn,
	  .texts = match_texts_alpn,
	  .ask_entry = match_ask_entry_flow },
	{ .name = "ja4",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_ja4,
	  .ask_entry = match_ask_entry_flow },
	{ .name = "method",
	  .read = match_value_exact,
	  .ask = ask_exact,
	  .text = match_text_method,
	  .ask_entry = match_ask_entry_flow },
	{ .name = "sni",
	  .read = match_value_domain,
	  .ask = match_ask_sni,
	  .texts = match_texts_sni,
	  .ask_entry = match_ask_entry_flow,
	  .lower = true,
	  .token = TOKEN_NAME },
	{ .name = "host",
	  .read = match_value_domain,
	  .ask = match_ask_host,
	  .texts = match_texts_host,
	  .ask_entry = match_ask_entry_flow,
	  .lower = true,
	  .token = TOKEN_NAME },
	{ .name = "title", .read = match_value_glob, .ask = ask_glob, .text = text_title },
	{ .name = "rule",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_rule,
	  .ask_entry = match_ask_entry_flow },
	{ .name = "namespace",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_namespace,
	  .ask_entry = match_ask_entry_flow },
	{ .name = "sha256",
	  .read = match_value_exact,
	  .ask = match_ask_sha256,
	  .texts = match_texts_sha256,
	  .ask_entry = match_ask_entry_flow,
	  .lower = true },
	{ .name = "path",
	  .read = match_value_glob,
	  .ask = ask_glob,
	  .text = match_text_path,
	  .ask_entry = match_ask_entry_flow },
	{ .name = "trigger",
	  .read = match_value_exact,
	  .ask = ask_exact,
	  .text = match_text_trigger,
	  .ask_entry = match_ask_entry_flow },
};
const size_t match_keys_count = ELEMENTS(match_keys);

const char *match_key_text(const struct match_key *key, struct match_subject *subject, size_t i,
			   char buffer[MATCH_TEXT_SIZE])
{
	if (key->texts)
		return key->texts(subject, i, buffer);
	return i == 0 && key->text ? key->text(subject) : NULL;
}

/* Of keys with several texts, or whose text must be made. */
static bool tests_pass_any(const struct match_key *key, const struct text_tests *tests,
			   struct match_subject *subject)
{
	bool known = false, passed = text_tests_presence_only(tests);
	char buffer[MATCH_TEXT_SIZE];
	const char *text;

	for (size_t i = 0; (text = match_key_text(key, subject, i, buffer)); i++) {
		known |= *text != '\0';
		passed = passed || (*text && text_tests_pass(tests, text));
	}
	return passed && (!tests->known_asked || tests->known == known);
}

static bool tests_pass(const struct match_key *key, const struct text_tests *tests,
		       struct match_subject *subject)
{
	const char *text;
	bool known;

	if (key->texts || !key->text)
		return tests_pass_any(key, tests, subject);
	text = key->text(subject);
	known = text && *text;
	if (tests->known_asked && tests->known != known)
		return false;
	return text_tests_presence_only(tests) || (known && text_tests_pass(tests, text));
}

bool match_texts_pass(const struct match_condition *condition, struct match_subject *subject)
{
	for (size_t i = 0; i < condition->tests_count; i++)
		if (tests_pass(condition->key, &condition->tests[i].tests, subject))
			return true;
	return false;
}
