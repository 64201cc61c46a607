/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/flow_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *source_path(const char *path, char out[static 4096])
{
	const char *folder = getenv("srcdir");

	(void)snprintf(out, 4096, "%s/%s", folder ? folder : ".", path);
	return out;
}

static uint8_t hex_digit(char digit)
{
	return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* Characters of the JSON file stand for bytes (Latin-1). */
static void text_copy(json_t *object, const char *key, char *out, size_t out_size)
{
	const unsigned char *text =
		(const unsigned char *)json_string_value(json_object_get(object, key));
	size_t size = 0;

	while (text && *text) {
		assert_true(size + 1 < out_size);
		if (*text < 0x80) {
			out[size++] = (char)*text++;
		} else {
			out[size++] = (char)((*text & 3) << 6 | (text[1] & 0x3f));
			text += 2;
		}
	}
	out[size] = '\0';
}

static int word_find(const char *word, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	fail_msg("unknown word %s", word);
	return -1;
}

static void facts_read(json_t *object, struct flow_facts *facts)
{
	static const char *const protocols[] = { "none", "tls", "http", "quic", NULL };
	static const char *const outcomes[] = { "read", "incomplete", "malformed", "unsupported",
						NULL };
	json_t *value;

	*facts = (struct flow_facts){ 0 };
	facts->protocol = (enum flow_protocol)word_find(
		json_string_value(json_object_get(object, "protocol")), protocols);
	facts->outcome = (enum flow_outcome)word_find(
		json_string_value(json_object_get(object, "outcome")), outcomes);
	facts->ech = json_is_true(json_object_get(object, "ech"));
	value = json_object_get(object, "tls_version");
	facts->tls_version = (uint16_t)json_integer_value(value);
	facts->quic_version = (uint32_t)json_integer_value(json_object_get(object, "quic_version"));
	facts->http_port = (uint16_t)json_integer_value(json_object_get(object, "http_port"));
	text_copy(object, "name", facts->name, sizeof(facts->name));
	text_copy(object, "alpn", facts->alpn, sizeof(facts->alpn));
	text_copy(object, "ja4", facts->ja4, sizeof(facts->ja4));
	text_copy(object, "reason", facts->reason, sizeof(facts->reason));
	if (facts->protocol == FLOW_HTTP)
		text_copy(object, "method", facts->method, sizeof(facts->method));
}

static void case_read(json_t *object, struct flow_case *flow)
{
	json_t *value;
	size_t i;

	*flow = (struct flow_case){ .name = json_string_value(json_object_get(object, "case")) };
	flow->datagrams =
		strcmp(json_string_value(json_object_get(object, "transport")), "datagrams") == 0;
	json_array_foreach(json_object_get(object, "packets"), i, value)
	{
		const char *text = json_string_value(value);
		size_t size = strlen(text) / 2;

		assert_true(i < FLOW_CASE_PACKETS_MAX);
		flow->packets[i].bytes = malloc(size + 1);
		assert_non_null(flow->packets[i].bytes);
		for (size_t at = 0; at < size; at++)
			flow->packets[i].bytes[at] = (uint8_t)(hex_digit(text[2 * at]) << 4 |
							       hex_digit(text[2 * at + 1]));
		flow->packets[i].size = size;
		flow->packet_count++;
	}
	json_array_foreach(json_object_get(object, "facts"), i, value)
	{
		assert_true(i < FLOW_CASE_FACTS_MAX);
		facts_read(value, &flow->facts[flow->fact_count++]);
	}
}

void flow_cases_run(void (*run)(const struct flow_case *flow))
{
	char path[4096];
	json_error_t error;
	json_t *cases = json_load_file(source_path("tests/data/flow/cases.json", path), 0, &error);
	json_t *object;
	size_t i;

	if (!cases)
		fail_msg("%s: %s", path, error.text);
	assert_true(json_array_size(cases) > 100);
	json_array_foreach(cases, i, object)
	{
		struct flow_case flow;

		case_read(object, &flow);
		run(&flow);
		for (size_t packet = 0; packet < flow.packet_count; packet++)
			free(flow.packets[packet].bytes);
	}
	json_decref(cases);
}

static void facts_print(const char *title, const struct flow_facts *facts)
{
	print_error("%s: %s outcome %d name '%s' port %u alpn '%s' ja4 '%s' method '%s' ech %d"
		    " version %04x quic %08x reason '%s'\n",
		    title, flow_protocol_name(facts->protocol), facts->outcome, facts->name,
		    facts->http_port, facts->alpn, facts->ja4, facts->method, facts->ech,
		    facts->tls_version, facts->quic_version, facts->reason);
}

static bool facts_equal(const struct flow_facts *a, const struct flow_facts *b)
{
	return a->protocol == b->protocol && a->outcome == b->outcome && a->ech == b->ech &&
	       a->tls_version == b->tls_version && a->quic_version == b->quic_version &&
	       a->http_port == b->http_port && strcmp(a->name, b->name) == 0 &&
	       strcmp(a->alpn, b->alpn) == 0 && strcmp(a->ja4, b->ja4) == 0 &&
	       strcmp(a->method, b->method) == 0 && strcmp(a->reason, b->reason) == 0;
}

void flow_facts_assert(const struct flow_case *flow, const struct flow_facts *found,
		       const struct flow_facts *expected)
{
	if (facts_equal(found, expected))
		return;
	facts_print("found", found);
	facts_print("expected", expected);
	fail_msg("%s", flow->name);
}
