/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns how rules are shared out to parts, and the texts without those of other parts. In the
 * compiler's cage; anybody may have written the texts.
 */
#include "scan/yara_part.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* A part of its own is worth it when so many rules are in it: files that begin so are searched
 * twice, all others without these rules. */
#define PART_RULES_MIN 4
#define KEY_ELF	       0x7f45

bool yara_part_span_has(const char *text, struct yara_span span, const char *word, size_t length)
{
	return memmem(text + span.start, span.end - span.start, word, length) != NULL;
}

/* ---- which part a rule is in ---- */

static uint32_t rule_key(const struct yara_build *build, const struct yara_rule_text *rule)
{
	if (build->top->unsplit || rule->tangled)
		return YARA_KEY_NONE;
	for (size_t i = 0; i < build->keys_count; i++)
		if (build->keys[i] == rule->key)
			return rule->key;
	return YARA_KEY_NONE;
}

static bool rule_chosen(const struct yara_build *build, const struct yara_rule_text *rule,
			struct yara_choice choice)
{
	return !rule->left_out && (choice.all || rule_key(build, rule) == choice.key);
}

static int number_compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* The keys that many rules have, but for the one that most files of programs have here: to search
 * these twice costs more than the others gain. */
int yara_part_keys(struct yara_build *build)
{
	CLEANUP(free_cleanup) uint32_t *keys = NULL;
	size_t count = 0, room = 0;

	for (size_t i = 0; i < build->compile->count; i++)
		room += build->compile->texts[i].parts.rules_count;
	keys = calloc(room + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < build->compile->count; i++) {
		const struct yara_source *parts = &build->compile->texts[i].parts;

		for (size_t k = 0; k < parts->rules_count; k++)
			if (parts->rules[k].key != YARA_KEY_NONE && !parts->rules[k].tangled)
				keys[count++] = parts->rules[k].key;
	}
	qsort(keys, count, sizeof(*keys), number_compare);
	for (size_t i = 0, end; i < count && build->keys_count < YARA_PARTS_BY_KEY_MAX; i = end) {
		for (end = i; end < count && keys[end] == keys[i];)
			end++;
		if (end - i >= PART_RULES_MIN && keys[i] != KEY_ELF)
			build->keys[build->keys_count++] = keys[i];
	}
	return 0;
}

/* ---- a text, without what is not to be compiled ---- */

static void span_blank(char *text, struct yara_span span)
{
	for (size_t i = span.start; i < span.end; i++)
		if (text[i] != '\n')
			text[i] = ' ';
}

/* Whether a rule that is chosen, in the file or what it includes, speaks of the module. */
static bool module_used(const struct yara_build *build, const struct yara_text *text,
			struct yara_choice choice, const char *name, size_t length, unsigned depth)
{
	for (size_t i = 0; i < text->parts.rules_count; i++)
		if (rule_chosen(build, &text->parts.rules[i], choice) &&
		    yara_part_span_has(text->text, text->parts.rules[i].condition, name, length))
			return true;
	for (size_t i = 0; depth < YARA_INCLUDE_DEPTH_MAX && i < text->parts.directives_count; i++)
		if (text->nested && text->nested[i] != UINT_MAX &&
		    module_used(build, &build->compile->texts[text->nested[i]], choice, name,
				length, depth + 1))
			return true;
	return false;
}

int yara_part_cut(struct yara_build *build, const struct yara_text *text, struct yara_choice choice,
		  size_t start, size_t end)
{
	const struct yara_source *parts = &text->parts;
	char *copy;

	if (text->size + 1 > build->blank_size) {
		copy = realloc(build->blank, text->size + 1);
		if (!copy)
			return -ENOMEM;
		build->blank = copy;
		build->blank_size = text->size + 1;
	}
	copy = build->blank;
	memcpy(copy, text->text, text->size);
	copy[end] = '\0';
	span_blank(copy, (struct yara_span){ 0, start });
	for (size_t i = 0; i < parts->rules_count && parts->rules[i].span.start < end; i++)
		if (!rule_chosen(build, &parts->rules[i], choice))
			span_blank(copy, parts->rules[i].span);
	for (size_t i = 0; i < parts->directives_count; i++) {
		const struct yara_directive *directive = &parts->directives[i];
		size_t length = directive->text.end - directive->text.start;

		if (directive->span.start < end &&
		    (directive->include ||
		     !module_used(build, build->top, choice, text->text + directive->text.start,
				  length, 0)))
			span_blank(copy, directive->span);
	}
	return 0;
}
