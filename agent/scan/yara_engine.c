/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns searching with libyara. The bytes are an attacker's, the rules an administrator's.
 */
#include "scan/yara_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yara.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "scan/yara_compile.h"
#include "scan/yara_stream.h"

const char *const yara_external_names[YARA_EXTERNALS] = {
	[YARA_FILENAME] = "filename", [YARA_FILEPATH] = "filepath", [YARA_EXTENSION] = "extension",
	[YARA_FILETYPE] = "filetype", [YARA_OWNER] = "owner",
};

struct part {
	uint32_t key;
	YR_RULES *rules;
	YR_SCANNER *scanner; /* NULL until it is first needed */
};

struct yara_engine {
	struct part parts[RULE_SET_PARTS_MAX];
	size_t count;
	/* Of the search that runs. */
	const struct yara_search *search;
	int error;
};

int yara_engine_new(struct yara_engine **ret)
{
	struct yara_engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return -ENOMEM;
	*ret = engine;
	return 0;
}

int yara_engine_load(struct yara_engine *engine, const void *set, size_t size)
{
	const uint8_t *at = set;

	while (size > 0) {
		struct rule_set_head head;
		struct part *part = &engine->parts[engine->count];
		int r;

		if (size < sizeof(head) || engine->count == RULE_SET_PARTS_MAX)
			return -EBADMSG;
		memcpy(&head, at, sizeof(head));
		at += sizeof(head);
		size -= sizeof(head);
		if (head.magic != RULE_SET_MAGIC || head.size > size)
			return -EBADMSG;
		r = yara_rules_load(at, (size_t)head.size, &part->rules);
		if (r < 0)
			return r;
		part->key = head.key;
		engine->count++;
		at += head.size;
		size -= (size_t)head.size;
	}
	return 0;
}

uint64_t yara_engine_rules(const struct yara_engine *engine)
{
	uint64_t rules = 0;

	for (size_t i = 0; i < engine->count; i++)
		rules += engine->parts[i].rules->num_rules;
	return rules;
}

/* ---- matches ---- */

/* "high", "4", or a number: of 1 to 5, or else of a hundred. */
static unsigned severity_read(const YR_META *meta)
{
	static const struct {
		const char *word;
		unsigned severity;
	} words[] = { { "critical", 5 }, { "high", 4 },		 { "medium", 3 }, { "moderate", 3 },
		      { "low", 2 },	 { "informational", 1 }, { "info", 1 } };
	long long number = meta->integer;

	if (meta->type == META_TYPE_STRING) {
		for (size_t i = 0; i < ELEMENTS(words); i++)
			if (strcasecmp(meta->string, words[i].word) == 0)
				return words[i].severity;
		number = strtoll(meta->string, NULL, 10);
	}
	if (number >= 1 && number <= 5)
		return (unsigned)number;
	return number > 5 && number <= 100 ? 1 + (unsigned)(number - 1) / 20 : 0;
}

static uint64_t score_read(const YR_META *meta)
{
	long long number =
		meta->type == META_TYPE_STRING ? strtoll(meta->string, NULL, 10) : meta->integer;

	return number > 0 ? (uint64_t)number : 0;
}

static void hit_read(const YR_RULE *rule, struct yara_hit *hit)
{
	const YR_META *meta;

	*hit = (struct yara_hit){ .rule = rule->identifier,
				  .namespace_ = rule->ns->name,
				  .reference = "",
				  .description = "" };
	yr_rule_metas_foreach(rule, meta)
	{
		bool text = meta->type == META_TYPE_STRING;

		if (strcasecmp(meta->identifier, "severity") == 0)
			hit->severity = severity_read(meta);
		else if (strcasecmp(meta->identifier, "score") == 0)
			hit->score = score_read(meta);
		else if (text && strcasecmp(meta->identifier, "reference") == 0)
			hit->reference = meta->string;
		else if (text && strcasecmp(meta->identifier, "description") == 0)
			hit->description = meta->string;
	}
}

static int rule_met(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	struct yara_engine *engine = userdata;
	struct yara_hit hit;

	(void)context;
	if (message != CALLBACK_MSG_RULE_MATCHING)
		return CALLBACK_CONTINUE;
	hit_read(data, &hit);
	engine->error = engine->search->met(&hit, engine->search->userdata);
	return engine->error < 0 ? CALLBACK_ABORT : CALLBACK_CONTINUE;
}

/* ---- searching ---- */

static int search_result(const struct yara_engine *engine, int r)
{
	if (engine->error < 0)
		return engine->error;
	switch (r) {
	case ERROR_SUCCESS:
		return 0;
	case ERROR_SCAN_TIMEOUT:
		return -ETIMEDOUT;
	case ERROR_INSUFFICIENT_MEMORY:
		return -ENOMEM;
	case ERROR_TOO_MANY_MATCHES:
		return -EOVERFLOW;
	default:
		return -EIO;
	}
}

static int scanner_make(struct part *part)
{
	int r;

	if (part->scanner)
		return 0;
	r = yr_scanner_create(part->rules, &part->scanner);
	if (r != ERROR_SUCCESS) {
		part->scanner = NULL;
		return r == ERROR_INSUFFICIENT_MEMORY ? -ENOMEM : -EIO;
	}
	return 0;
}

int yara_engine_ready(struct yara_engine *engine)
{
	for (size_t i = 0; i < engine->count; i++) {
		int r = engine->parts[i].key == YARA_KEY_NONE ? scanner_make(&engine->parts[i]) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* A string that matched once is not looked for again where the rule asks no more of it; what rules
 * say is the same. A crash is the parent's to see: no handlers of signals. */
static int part_prepare(struct yara_engine *engine, struct part *part,
			const struct yara_search *search, int flags)
{
	int r = scanner_make(part);

	if (r < 0)
		return r;
	engine->search = search;
	engine->error = 0;
	yr_scanner_set_callback(part->scanner, rule_met, engine);
	yr_scanner_set_timeout(part->scanner, (int)search->seconds);
	yr_scanner_set_flags(part->scanner, SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH |
						    SCAN_FLAGS_REPORT_RULES_MATCHING | flags);
	for (size_t i = 0; i < YARA_EXTERNALS; i++) {
		/* Rules that were compiled elsewhere need not know it. */
		r = yr_scanner_define_string_variable(part->scanner, yara_external_names[i],
						      search->externals[i]);
		if (r == ERROR_INSUFFICIENT_MEMORY)
			return -ENOMEM;
	}
	return 0;
}

int yara_engine_search(struct yara_engine *engine, const struct yara_search *search,
		       const uint8_t *bytes, size_t size)
{
	uint32_t key = size >= 2 ? (uint32_t)bytes[0] << 8 | bytes[1] : YARA_KEY_NONE;

	for (size_t i = 0; i < engine->count; i++) {
		struct part *part = &engine->parts[i];
		int r;

		if (part->key != YARA_KEY_NONE && part->key != key)
			continue;
		r = part_prepare(engine, part, search, 0);
		if (r < 0)
			return r;
		r = search_result(engine, yr_scanner_scan_mem(part->scanner, bytes, size));
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- slow rules ---- */

/* A search that is tried for blame; libyara knows only whole seconds. */
#define TRIAL_SECONDS 1
/* In all; the parent waits a little longer. */
#define BLAME_TIME    (15 * NS_PER_SECOND)
/* Less is not slow. */
#define TRIAL_SLOW    (NS_PER_SECOND / 4)

static int nothing_met(const struct yara_hit *hit, void *userdata)
{
	(void)hit;
	(void)userdata;
	return 0;
}

/* How long it takes with these rules alone. */
static uint64_t trial_run(struct yara_engine *engine, struct part *part, uint32_t first,
			  uint32_t last, const uint8_t *bytes, size_t size)
{
	YR_RULE *rules = part->rules->rules_table;
	uint64_t before;

	for (uint32_t i = 0; i < part->rules->num_rules; i++)
		if (i < first || i >= last)
			yr_rule_disable(&rules[i]);
	before = clock_boottime();
	(void)search_result(engine, yr_scanner_scan_mem(part->scanner, bytes, size));
	before = clock_boottime() - before;
	for (uint32_t i = 0; i < part->rules->num_rules; i++)
		if (i < first || i >= last)
			yr_rule_enable(&rules[i]);
	return before;
}

static int part_blame(struct yara_engine *engine, struct part *part, const uint8_t *bytes,
		      size_t size, uint64_t deadline, struct yara_blame *ret)
{
	uint32_t first = 0, last = part->rules->num_rules;
	uint64_t time = trial_run(engine, part, first, last, bytes, size);

	while (time >= TRIAL_SLOW && last - first > 1) {
		uint32_t middle = first + (last - first) / 2;

		/* Halves that each are slow by themselves take longest. */
		if (clock_boottime() >= deadline)
			return 0;
		time = trial_run(engine, part, first, middle, bytes, size);
		if (time >= TRIAL_SLOW) {
			last = middle;
			continue;
		}
		first = middle;
		time = trial_run(engine, part, first, last, bytes, size);
	}
	if (time < TRIAL_SLOW)
		return 0;
	*ret = (struct yara_blame){ part->rules->rules_table[first].identifier,
				    part->rules->rules_table[first].ns->name, time };
	return 1;
}

int yara_engine_blame(struct yara_engine *engine, const struct yara_search *search,
		      const uint8_t *bytes, size_t size, struct yara_blame *ret)
{
	uint64_t deadline = clock_boottime() + BLAME_TIME;
	struct yara_search trial = *search;

	trial.met = nothing_met;
	trial.seconds = TRIAL_SECONDS;
	for (size_t i = 0; i < engine->count; i++) {
		struct part *part = &engine->parts[i];
		int r;

		/* Those that did not search it have no scanner, or were fast at it. */
		if (!part->scanner || part_prepare(engine, part, &trial, 0) < 0)
			continue;
		r = part_blame(engine, part, bytes, size, deadline, ret);
		if (r > 0)
			return r;
	}
	return 0;
}

/* ---- memory of a process ---- */

struct walk {
	const struct yara_regions *regions;
	struct yara_region region;
	YR_MEMORY_BLOCK block;
};

static const uint8_t *block_bytes(YR_MEMORY_BLOCK *block)
{
	const struct walk *walk = block->context;

	return walk->region.bytes;
}

static YR_MEMORY_BLOCK *block_next(YR_MEMORY_BLOCK_ITERATOR *iterator)
{
	struct walk *walk = iterator->context;

	iterator->last_error = ERROR_SUCCESS;
	if (!walk->regions->next(&walk->region, walk->regions->userdata))
		return NULL;
	walk->block = (YR_MEMORY_BLOCK){ .size = walk->region.size,
					 .base = walk->region.base,
					 .context = walk,
					 .fetch_data = block_bytes };
	return &walk->block;
}

static YR_MEMORY_BLOCK *block_first(YR_MEMORY_BLOCK_ITERATOR *iterator)
{
	struct walk *walk = iterator->context;

	walk->regions->first(walk->regions->userdata);
	return block_next(iterator);
}

int yara_engine_search_memory(struct yara_engine *engine, const struct yara_search *search,
			      const struct yara_regions *regions)
{
	for (size_t i = 0; i < engine->count; i++) {
		struct part *part = &engine->parts[i];
		struct walk walk = { .regions = regions };
		YR_MEMORY_BLOCK_ITERATOR iterator = { .context = &walk,
						      .first = block_first,
						      .next = block_next };
		int r = part_prepare(engine, part, search, SCAN_FLAGS_PROCESS_MEMORY);

		if (r < 0)
			return r;
		r = search_result(engine, yr_scanner_scan_mem_blocks(part->scanner, &iterator));
		if (r < 0)
			return r;
	}
	return 0;
}
