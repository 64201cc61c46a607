/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: YARA sources cut into rules. The parts stand in order, within the text and beside
 * each other; and /proc/PID/maps, whose file names a process chooses.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "scan/memory_map.h"
#include "scan/yara_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rules_check(const struct yara_source *source, size_t size)
{
	size_t end = 0;
	unsigned line = 1;

	for (size_t i = 0; i < source->rules_count; i++) {
		const struct yara_rule_text *rule = &source->rules[i];

		assert(rule->span.start >= end && rule->span.end > rule->span.start);
		assert(rule->span.end <= size && rule->line >= line);
		assert(rule->broken || (rule->condition.start > rule->span.start &&
					rule->condition.end < rule->span.end &&
					rule->condition.start <= rule->condition.end));
		assert(rule->key == YARA_KEY_NONE || rule->key <= 0xffff);
		end = rule->span.end;
		line = rule->line;
	}
	end = 0;
	for (size_t i = 0; i < source->directives_count; i++) {
		const struct yara_directive *directive = &source->directives[i];

		assert(directive->span.start >= end && directive->span.end <= size);
		assert(directive->text.start <= directive->text.end &&
		       directive->text.end < directive->span.end);
		end = directive->span.end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = size > 0 ? (const char *)data : "";
	struct yara_source source;
	struct memory_map map;

	if (yara_source_read(text, size, &source) == 0) {
		rules_check(&source, size);
		for (unsigned line = 0; line < 10; line++)
			(void)yara_source_rule_at(&source, line);
		yara_source_clear(&source);
	}
	assert(memory_map_parse(text, size, &map) == 0);
	for (size_t i = 0; i < map.count; i++)
		assert(map.regions[i].start < map.regions[i].end);
	memory_map_clear(&map);
	return 0;
}
