/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a regular expression (first line) and a text (the rest), and the same as a shell
 * pattern. What is refused says why; a search ends, and an expression finds what it finds as the
 * beginning of a longer text, too, unless it asks for the end.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/glance.h"
#include "policy/glob.h"
#include "policy/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As the fields that are compared. */
#define TEXT_MAX 1024

CLEANUP_DEFINE(struct pattern *, pattern_free)

static void search(const char *expression, const char *text, size_t length)
{
	CLEANUP(pattern_free_cleanup) struct pattern *pattern = NULL;
	CLEANUP(free_cleanup) char *longer = malloc(length + 2);
	struct glance needed, had = { 0 };
	const char *why = NULL;
	int r = pattern_compile(expression, &pattern, &why);

	assert(r == 0 || (r == -EINVAL && why && *why && !pattern));
	if (r < 0 || !longer)
		return;
	memcpy(longer, text, length);
	memcpy(longer + length, "\n", 2);
	pattern_glance(pattern, &needed);
	glance_add(&had, text, length);
	if (pattern_search(pattern, text, length))
		assert(glance_has(&had, &needed));
	if (pattern_search(pattern, text, length) && !strpbrk(expression, "$\\"))
		assert(pattern_search(pattern, longer, length + 1));
}

static void glob(const char *pattern, const char *text)
{
	struct glance needed = { 0 }, had = { 0 };

	glance_add_glob(&needed, pattern);
	glance_add(&had, text, strlen(text));
	if (glob_match(pattern, text))
		assert(glance_has(&had, &needed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size);
	size_t first = line ? (size_t)(line - data) : size, length = line ? size - first - 1 : 0;
	CLEANUP(free_cleanup) char *expression = strndup((const char *)data, first);
	CLEANUP(free_cleanup)
	char *text = line ? strndup((const char *)line + 1, length < TEXT_MAX ? length : TEXT_MAX)
			  : strdup("");

	if (!expression || !text)
		return 0;
	search(expression, text, strlen(text));
	glob(expression, text);
	return 0;
}
