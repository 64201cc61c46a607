/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_contain.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/config.h"

/* ---- lists of texts ---- */

static void texts_clear(struct config_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->texts[i]);
	free(texts->texts);
	*texts = (struct config_texts){ 0 };
}

/* Takes the text. */
static int texts_add(struct config_texts *texts, char *text)
{
	char **all = text ? reallocarray(texts->texts, texts->count + 1, sizeof(*all)) : NULL;

	if (!all) {
		free(text);
		return -ENOMEM;
	}
	texts->texts = all;
	all[texts->count++] = text;
	return 0;
}

static int text_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	struct config_texts *texts = field;
	char *text = NULL;
	int r;

	if (texts->count == CONFIG_CONTAIN_LIST_MAX)
		return document_fail(document, value, "more than %d", CONFIG_CONTAIN_LIST_MAX);
	r = mapping_label(document, value, key, &text);
	if (r == 0 && texts_add(texts, text) < 0) {
		(void)document_fail(document, NULL, "out of memory");
		r = -ENOMEM;
	}
	return r;
}

static int texts_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct config_texts *texts = field;

	texts_clear(texts);
	texts->given = true;
	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	return mapping_each(document, value, text_read, key, field);
}

/* ---- what is open ---- */

struct open_row {
	struct containment_open open;
	uint64_t port;
	int protocol;
};

static int prefix_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	struct containment_open *open = field;
	CLEANUP(free_cleanup) char *text = NULL;
	int r = mapping_label(document, value, key, &text);

	if (r < 0)
		return r;
	r = address_parse_prefix(text, &open->address, &open->length);
	if (r == -EDOM)
		return document_fail(document, value, "bits are set beyond the prefix");
	return r < 0 ? mapping_expected(document, value, "an address or prefix (10.0.0.0/16)") : 0;
}

static const struct mapping_word protocol_words[] = { { "any", 0 },
						      { "tcp", IPPROTO_TCP },
						      { "udp", IPPROTO_UDP } };
static const struct mapping_words protocols = { protocol_words, ELEMENTS(protocol_words) };
static const struct mapping_range port_range = { 1, UINT16_MAX };

static const struct mapping_key open_keys[] = {
	{ "address", prefix_read, .offset = offsetof(struct open_row, open), .required = true },
	{ "port", mapping_number, .offset = offsetof(struct open_row, port),
	  .detail = &port_range },
	{ "protocol", mapping_choice, .offset = offsetof(struct open_row, protocol),
	  .detail = &protocols },
};
static const struct mapping_table open_table = { "what stays open", open_keys,
						 ELEMENTS(open_keys) };

static int open_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	struct config_contain *contain = field;
	struct open_row row = { 0 };
	int r;

	(void)key;
	if (contain->open_count == CONFIG_CONTAIN_LIST_MAX)
		return document_fail(document, value, "more than %d", CONFIG_CONTAIN_LIST_MAX);
	r = mapping_read(document, value, &open_table, &row);
	if (r < 0)
		return r;
	row.open.port = (uint16_t)row.port;
	row.open.protocol = (uint8_t)row.protocol;
	contain->open[contain->open_count++] = row.open;
	return 0;
}

static int opens_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	struct config_contain *contain = field;

	contain->open_count = 0;
	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	return mapping_each(document, value, open_read, key, field);
}

/* ---- keys ---- */

static const struct mapping_word interfaces_words[] = {
	{ "auto", CONFIG_INTERFACES_AUTO },
	{ "no", CONFIG_INTERFACES_NO },
	{ "yes", CONFIG_INTERFACES_YES },
};
static const struct mapping_words interfaces = { interfaces_words, ELEMENTS(interfaces_words) };
/* A week: nobody waits longer for somebody to confirm. */
static const struct mapping_range seconds_range = { 0, UINT64_C(7) * 86400 };

#define FIELD(name) offsetof(struct config, contain.name)
static const struct mapping_key contain_keys[] = {
	{ "units", texts_read, .offset = FIELD(units) },
	{ "resolvers", texts_read, .offset = FIELD(resolvers) },
	{ "names", texts_read, .offset = FIELD(names) },
	{ "open", opens_read, .offset = offsetof(struct config, contain) },
	{ "ntp", mapping_boolean, .offset = FIELD(ntp) },
	{ "interfaces", mapping_choice, .offset = FIELD(interfaces), .detail = &interfaces },
	{ "seconds", mapping_number, .offset = FIELD(seconds), .detail = &seconds_range },
};
const struct mapping_table config_contain_table = { "contain", contain_keys,
						    ELEMENTS(contain_keys) };

static int texts_default(struct config_texts *texts, const char *const *defaults, size_t count)
{
	int r = 0;

	for (size_t i = 0; i < count && !texts->given && r == 0; i++)
		r = texts_add(texts, strdup(defaults[i]));
	return r;
}

int config_contain_finish(struct config *config)
{
	/* The package's, and Ubuntu's snap. */
	static const char *const units[] = { "amazon-ssm-agent.service",
					     "snap.amazon-ssm-agent.amazon-ssm-agent.service" };
	static const char *const resolvers[] = { "systemd-resolved.service" };
	int r = texts_default(&config->contain.units, units, ELEMENTS(units));

	return r < 0 ? r
		     : texts_default(&config->contain.resolvers, resolvers, ELEMENTS(resolvers));
}

void config_contain_clear(struct config *config)
{
	texts_clear(&config->contain.units);
	texts_clear(&config->contain.resolvers);
	texts_clear(&config->contain.names);
}
