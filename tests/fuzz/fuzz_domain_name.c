/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: domain names in wire form and in text, and there and back again. The input is taken
 * as either, and once more split at its first zero byte into a name and a parent of it.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/domain_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct domain_name *name)
{
	char text[DOMAIN_NAME_TEXT_SIZE];
	struct domain_name again;

	domain_name_format(name, text);
	assert(strlen(text) < sizeof(text));
	for (const char *at = text; *at; at++)
		assert(*at > 0x20 && *at < 0x7f);
	assert(domain_name_parse(text, &again) == 0);
	assert(again.length == name->length && memcmp(again.wire, name->wire, name->length) == 0);
}

/* Every parent is one, and a name is not below what it is a parent of. */
static void check_parents(const struct domain_name *name)
{
	uint8_t labels[DOMAIN_NAME_LABELS];
	size_t count = domain_name_labels(name, labels);

	assert(count <= DOMAIN_NAME_LABELS);
	for (size_t i = 0; i < count; i++) {
		struct domain_name parent = { .length = (uint8_t)(name->length - labels[i]) };

		memcpy(parent.wire, name->wire + labels[i], parent.length);
		assert(domain_name_within(name, &parent));
		assert(domain_name_within(&parent, name) == (labels[i] == 0));
		domain_name_lower(&parent);
		assert(domain_name_within(name, &parent));
	}
}

static void check_name(const struct domain_name *name)
{
	struct domain_name again;

	assert(name->length >= 1 && name->wire[name->length - 1] == 0);
	assert(domain_name_read(name->wire, name->length, &again) == 0);
	assert(again.length == name->length);
	check_text(name);
	check_parents(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Copies of their own, so that the sanitizer sees each read beyond them. */
	CLEANUP(free_cleanup) uint8_t *wire = malloc(size + 1);
	CLEANUP(free_cleanup) char *text = malloc(size + 1);
	struct domain_name name = { 0 }, other = { 0 };
	size_t head;

	if (!wire || !text)
		return 0;
	memcpy(wire + 1, data, size);
	memcpy(text, data, size);
	text[size] = '\0';
	if (domain_name_read(wire + 1, size, &name) == 0)
		check_name(&name);
	if (domain_name_parse(text, &name) == 0)
		check_name(&name);
	head = strlen(text);
	if (head < size && domain_name_parse(text + head + 1, &other) == 0)
		(void)domain_name_within(&name, &other);
	return 0;
}
