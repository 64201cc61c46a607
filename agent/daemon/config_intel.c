/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns the keys of the configuration's part "intel": feeds, where they come from, and what an
 * update may change. Used by config_keys.c.
 */
#include "daemon/config_intel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "policy/mapping.h"

static int out_of_memory(struct document *document)
{
	(void)document_fail(document, NULL, "out of memory");
	return -ENOMEM;
}

/* Text that joins others with commas between. */
static int tag_read(struct document *document, const struct document_node *value,
		    const struct mapping_key *key, void *field)
{
	CLEANUP(free_cleanup) char *tag = NULL;
	char **tags = field, *joined;
	int r;

	r = mapping_label(document, value, key, &tag);
	if (r < 0)
		return r;
	if (strpbrk(tag, ", \t"))
		return document_fail(document, value,
				     "a tag with a comma or blank; write a list: [a, b]");
	if (asprintf(&joined, "%s%s%s", *tags ? *tags : "", *tags ? "," : "", tag) < 0)
		return out_of_memory(document);
	free(*tags);
	*tags = joined;
	return 0;
}

static int tags_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	return mapping_each(document, value, tag_read, key, field);
}

/* What is left out is checked again by whoever downloads (cloud/fetch_url.h). */
static bool url_is_one(const char *url)
{
	static const char *const beginnings[] = {
		"https://",	    "s3://",	    "ssm:",
		"http://127.",	    "http://[::1]", "http://localhost:",
		"http://localhost/"
	};

	for (size_t i = 0; i < ELEMENTS(beginnings); i++)
		if (strncmp(url, beginnings[i], strlen(beginnings[i])) == 0)
			return url[strlen(beginnings[i])] != '\0' && strlen(url) < CONFIG_URL_MAX;
	return false;
}

int config_url_read(struct document *document, const struct document_node *value,
		    const struct mapping_key *key, void *field)
{
	const char *text = mapping_scalar(document, value, "a URL");

	if (!text)
		return -EINVAL;
	if (!url_is_one(text))
		return mapping_expected(
			document, value,
			"https://HOST/..., s3://BUCKET/KEY, ssm:NAME, or http:// to "
			"this host's loopback");
	return mapping_text(document, value, key, field);
}

static int format_read(struct document *document, const struct document_node *value,
		       const struct mapping_key *key, void *field)
{
	const char *text = mapping_scalar(document, value, "a format");
	enum list_format format;

	(void)key;
	if (!text)
		return -EINVAL;
	if (list_format_find(text, &format) < 0)
		return mapping_expected(document, value,
					"a format (auto, plain, hosts, dnsmasq, unbound, rpz, "
					"adblock, csv, tsv, drop, ipset, dataset, hashes, json, "
					"stix, misp, warninglist)");
	*(enum list_format *)field = format;
	return 0;
}

/* Nanoseconds, between bounds in seconds. */
int config_duration_read(struct document *document, const struct document_node *value,
			 const struct mapping_key *key, void *field)
{
	const char *text = mapping_scalar(document, value, "a duration (15min, 1h, 7d)");
	const struct mapping_range *range = key->detail;
	uint64_t duration;

	if (!text)
		return -EINVAL;
	if (parse_duration(text, &duration) < 0 || duration < range->min * NS_PER_SECOND ||
	    duration > range->max * NS_PER_SECOND)
		return document_fail(
			document, value, "expected a duration from %llus to %llus (15min, 1h, 7d)",
			(unsigned long long)range->min, (unsigned long long)range->max);
	*(uint64_t *)field = duration;
	return 0;
}

static int key_read(struct document *document, const struct document_node *value,
		    const struct mapping_key *key, void *field)
{
	const char *text = mapping_scalar(document, value, "a public key");
	struct config_signers *signers = field;

	(void)key;
	if (!text)
		return -EINVAL;
	if (signers->count == CONFIG_SIGNERS_MAX)
		return document_fail(document, value, "more than %d keys", CONFIG_SIGNERS_MAX);
	if (signature_key_read(text, &signers->keys[signers->count]) < 0)
		return mapping_expected(document, value,
					"a public key of cordon intel keygen (44 letters)");
	signers->count++;
	return 0;
}

int config_signers_read(struct document *document, const struct document_node *value,
			const struct mapping_key *key, void *field)
{
	struct config_signers *signers = field;

	signers->count = 0;
	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	return mapping_each(document, value, key_read, key, field);
}

const struct mapping_range config_interval_range = { 60, 30 * 86400 };
static const struct mapping_range timeout_range = { 1, 3600 };
static const struct mapping_range size_range = { 1, UINT64_C(1) << 30 };
static const struct mapping_range expires_range = { 60, UINT64_C(3650) * 86400 };
static const struct mapping_range delay_range = { 0, 30 * 86400 };
static const struct mapping_range change_range = { 1, 1000000 };
static const struct mapping_range percent_range = { 1, 100 };
static const struct mapping_range memory_range = { UINT64_C(64) << 20, UINT64_C(64) << 30 };

/* An hour, and what a slow line takes for the largest lists that there are. */
static const struct config_feed feed_defaults = {
	.action = INDICATOR_BLOCK,
	.interval = 3600 * NS_PER_SECOND,
	.timeout = 120 * NS_PER_SECOND,
	.max_size = UINT64_C(64) << 20,
	.probation = FEED_PROBATION_DEFAULT,
};

/* What people write has some kilobytes. */
#define POLICY_SIZE_MAX (UINT64_C(1) << 20)

static const struct mapping_word action_words[] = { { "block", INDICATOR_BLOCK },
						    { "allow", INDICATOR_ALLOW } };
static const struct mapping_words actions = { action_words, ELEMENTS(action_words) };

static const struct mapping_key feed_keys[] = {
	{ "name", mapping_label, .offset = offsetof(struct config_feed, name), .required = true },
	{ "path", mapping_path, .offset = offsetof(struct config_feed, path) },
	{ "url", config_url_read, .offset = offsetof(struct config_feed, url) },
	{ "format", format_read, .offset = offsetof(struct config_feed, format) },
	{ "interval", config_duration_read, .offset = offsetof(struct config_feed, interval),
	  .detail = &config_interval_range },
	{ "timeout", config_duration_read, .offset = offsetof(struct config_feed, timeout),
	  .detail = &timeout_range },
	{ "max_size", mapping_size, .offset = offsetof(struct config_feed, max_size),
	  .detail = &size_range },
	{ "expires", config_duration_read, .offset = offsetof(struct config_feed, expires),
	  .detail = &expires_range },
	{ "probation", config_duration_read, .offset = offsetof(struct config_feed, probation),
	  .detail = &delay_range },
	{ "severity", mapping_severity, .offset = offsetof(struct config_feed, severity) },
	{ "tags", tags_read, .offset = offsetof(struct config_feed, tags) },
	{ "action", mapping_choice, .offset = offsetof(struct config_feed, action),
	  .detail = &actions },
};
static const struct mapping_table feed_table = { "a feed", feed_keys, ELEMENTS(feed_keys) };

static void feed_clear(struct config_feed *feed)
{
	mapping_clear(&feed_table, feed);
	free(feed->url);
	free(feed->tags);
}

/* The feed of that name, or a new place at the end. NULL: no room or no memory, told. */
static struct config_feed *feed_place(struct document *document, const struct document_node *value,
				      struct config *config, const char *name)
{
	struct config_feed *feeds = config->intel.feeds;
	size_t count = config->intel.feeds_count;

	for (size_t i = 0; i < count; i++)
		if (strcmp(feeds[i].name, name) == 0)
			return &feeds[i];
	if (count >= CONFIG_FEEDS_MAX) {
		(void)document_fail(document, value, "more than %d feeds", CONFIG_FEEDS_MAX);
		return NULL;
	}
	feeds = reallocarray(feeds, count + 1, sizeof(*feeds));
	if (!feeds) {
		(void)out_of_memory(document);
		return NULL;
	}
	config->intel.feeds = feeds;
	config->intel.feeds_count = count + 1;
	feeds[count] = (struct config_feed){ 0 };
	return &feeds[count];
}

static int feed_read(struct document *document, const struct document_node *value,
		     const struct mapping_key *key, void *field)
{
	struct config_feed feed = feed_defaults, *place = NULL;
	int r;

	(void)key;
	r = mapping_read(document, value, &feed_table, &feed);
	if (r == 0 && !feed.path == !feed.url)
		r = document_fail(document, value, "a feed has a path or a url, one of them");
	if (r == 0 && !feed.tags) {
		feed.tags = strdup("");
		r = feed.tags ? 0 : out_of_memory(document);
	}
	if (r == 0) {
		place = feed_place(document, value, field, feed.name);
		r = place ? 0 : -EINVAL;
	}
	if (r < 0) {
		feed_clear(&feed);
		return r;
	}
	feed_clear(place);
	*place = feed;
	return 0;
}

static const struct document_node *feed_name(const struct document_node *feed)
{
	for (const struct document_node *value = feed->first; value; value = value->next)
		if (value->key && strcmp(value->key->text, "name") == 0 &&
		    value->kind == DOCUMENT_SCALAR)
			return value;
	return NULL;
}

/* Of one file; a later file's feed of the same name replaces the earlier one. */
static int feeds_check(struct document *document, const struct document_node *list)
{
	const struct document_node *names[CONFIG_FEEDS_MAX];
	size_t count = 0;

	for (const struct document_node *feed = list->first; feed; feed = feed->next) {
		const struct document_node *name = feed_name(feed);

		if (!name || count >= CONFIG_FEEDS_MAX)
			continue;
		for (size_t i = 0; i < count; i++)
			if (strcmp(names[i]->text, name->text) == 0)
				return document_fail(document, name,
						     "a second feed of this name, the first is "
						     "in line %u",
						     names[i]->line);
		names[count++] = name;
	}
	return 0;
}

static int feeds_read(struct document *document, const struct document_node *value,
		      const struct mapping_key *key, void *field)
{
	int r;

	if (value->nothing || (value->kind == DOCUMENT_SEQUENCE && !value->first))
		return 0;
	if (value->kind != DOCUMENT_SEQUENCE)
		return mapping_expected(document, value, "a list of feeds");
	r = mapping_each(document, value, feed_read, key, field);
	return r < 0 ? r : feeds_check(document, value);
}

#define FIELD(member) offsetof(struct config, intel.member)
static const struct mapping_key intel_keys[] = {
	{ "pack", mapping_path, .offset = FIELD(pack) },
	{ "never_block", mapping_path, .offset = FIELD(never_block) },
	{ .name = "feeds", .read = feeds_read },
	{ "builtin_resolvers", mapping_boolean, .offset = FIELD(builtin_resolvers) },
	{ "memory", mapping_size, .offset = FIELD(memory), .detail = &memory_range },
	{ "url", config_url_read, .offset = FIELD(source.url) },
	{ "interval", config_duration_read, .offset = FIELD(source.interval),
	  .detail = &config_interval_range },
	{ "keys", config_signers_read, .offset = FIELD(signers) },
	{ "max_change", mapping_number, .offset = FIELD(max_change), .detail = &change_range },
	{ "popular", mapping_path, .offset = FIELD(popular) },
	{ "canary", mapping_number, .offset = FIELD(canary), .detail = &percent_range },
	{ "canary_delay", config_duration_read, .offset = FIELD(canary_delay),
	  .detail = &delay_range },
};
const struct mapping_table config_intel_table = { "intel", intel_keys, ELEMENTS(intel_keys) };

void config_intel_defaults(struct config *config)
{
	config->intel.builtin_resolvers = true;
	config->intel.memory = UINT64_C(4) << 30;
	config->intel.source = feed_defaults;
	config->intel.source.max_size = UINT64_C(1) << 30;
	config->policy.source = feed_defaults;
	config->policy.source.max_size = POLICY_SIZE_MAX;
	config->intel.max_change = 50;
	config->intel.canary = 100;
	config->intel.canary_delay = 24 * 3600 * NS_PER_SECOND;
}

void config_intel_clear(struct config *config)
{
	for (size_t i = 0; i < config->intel.feeds_count; i++)
		feed_clear(&config->intel.feeds[i]);
	free(config->intel.feeds);
	free(config->intel.source.url);
	free(config->policy.source.url);
	free(config->policy.fetched);
}
