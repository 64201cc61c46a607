/* SPDX-License-Identifier: Apache-2.0 */
#include "name_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "intel/pack.h"

#define ENTRY_LABELS_MAX 16

/* Labels of few letters, mostly short, so that names are often part of one another; all lengths
 * that the hash treats differently; now and then the longest. */
static size_t label_random(struct probe_random *random, uint8_t *out, bool any_bytes)
{
	size_t length = probe_pick(random, 8)	? 1 + probe_pick(random, 3)
			: probe_pick(random, 4) ? 1 + probe_pick(random, 20)
						: 60 + probe_pick(random, 4);

	out[0] = (uint8_t)length;
	for (size_t i = 1; i <= length; i++)
		out[i] = any_bytes ? (uint8_t)probe_pick(random, 256)
				   : (uint8_t) "abc0-"[probe_pick(random,
								  i > 1 && i < length ? 5 : 4)];
	return length + 1;
}

/* Puts a label before the name. False when there is no room. */
static bool label_prepend(struct domain_name *name, const uint8_t *label)
{
	size_t size = (size_t)label[0] + 1;

	if (name->length + size > DOMAIN_NAME_WIRE_MAX)
		return false;
	memmove(name->wire + size, name->wire, name->length);
	memcpy(name->wire, label, size);
	name->length = (uint8_t)(name->length + size);
	return true;
}

static bool label_strip(struct domain_name *name)
{
	size_t size = (size_t)name->wire[0] + 1;

	if (size == 1)
		return false;
	memmove(name->wire, name->wire + size, name->length - size);
	name->length = (uint8_t)(name->length - size);
	return true;
}

static size_t labels_count(const struct domain_name *name)
{
	uint8_t starts[DOMAIN_NAME_LABELS];

	return domain_name_labels(name, starts);
}

static void name_fresh(struct probe_random *random, size_t labels, struct domain_name *ret)
{
	static const char *const tops[] = { "com", "t", "example", "zz" };
	uint8_t label[64];

	assert_int_equal(domain_name_parse(tops[probe_pick(random, 4)], ret), 0);
	for (size_t i = 1; i < labels; i++) {
		(void)label_random(random, label, false);
		(void)label_prepend(ret, label);
	}
}

/* New, or a child, a parent or a sibling of one that is there. */
static void entry_random(struct probe_random *random, const struct match_reference *reference,
			 struct domain_name *ret)
{
	uint8_t label[64];
	unsigned kind = probe_pick(random, 5);

	if (reference->count == 0 || kind < 2) {
		name_fresh(random, 2 + probe_pick(random, probe_pick(random, 10) ? 3 : 14), ret);
		return;
	}
	*ret = reference->entries[probe_pick(random, (unsigned)reference->count)].name;
	if (kind == 2 && labels_count(ret) > 1)
		(void)label_strip(ret);
	if (kind == 4 && labels_count(ret) > 1)
		(void)label_strip(ret);
	(void)label_random(random, label, false);
	if (kind > 2 && labels_count(ret) < ENTRY_LABELS_MAX)
		(void)label_prepend(ret, label);
}

static bool entry_known(const struct match_reference *reference, const struct domain_name *name,
			bool allow)
{
	for (size_t i = 0; i < reference->count; i++) {
		const struct match_entry *entry = &reference->entries[i];

		if ((entry->match == MATCH_ALLOWED) == allow &&
		    entry->name.length == name->length &&
		    memcmp(entry->name.wire, name->wire, name->length) == 0)
			return true;
	}
	return false;
}

bool name_random_keep(const struct indicator *indicator, void *userdata)
{
	(void)userdata;
	return indicator->line % 2 == 1;
}

struct pack *name_random_list(struct probe_random *random, size_t count,
			      struct match_reference *reference)
{
	char *texts[2] = { NULL, NULL }, line[DOMAIN_NAME_TEXT_SIZE];
	size_t sizes[2], lines = 0;
	FILE *files[2];
	struct pack *pack;

	reference->entries = calloc(count, sizeof(*reference->entries));
	reference->count = 0;
	assert_non_null(reference->entries);
	for (size_t i = 0; i < 2; i++)
		assert_non_null(files[i] = open_memstream(&texts[i], &sizes[i]));
	while (reference->count < count) {
		struct match_entry *entry = &reference->entries[reference->count];
		bool allow = probe_pick(random, 6) == 0;

		entry_random(random, reference, &entry->name);
		if (entry_known(reference, &entry->name, allow))
			continue;
		if (!allow)
			lines++;
		entry->match = allow ? MATCH_ALLOWED : lines % 2 ? MATCH_KEPT : MATCH_LISTED;
		domain_name_format(&entry->name, line);
		assert_true(fprintf(files[allow], "%s\n", line) > 0);
		reference->count++;
	}
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(fclose(files[i]), 0);
	pack = probe_pack(texts[0], texts[1]);
	free(texts[0]);
	free(texts[1]);
	return pack;
}

static void case_random(struct probe_random *random, struct domain_name *name)
{
	for (size_t at = 0; name->wire[at]; at += (size_t)name->wire[at] + 1)
		for (size_t i = at + 1; i <= at + name->wire[at]; i++)
			if (name->wire[i] >= 'a' && name->wire[i] <= 'z' && probe_pick(random, 2))
				name->wire[i] = (uint8_t)(name->wire[i] - 32);
}

/* Children of any bytes; all the room there is when fill is set. */
static void children_add(struct probe_random *random, struct domain_name *name, bool fill)
{
	bool ones = probe_pick(random, 2), any = probe_pick(random, 2);
	unsigned wanted = 1 + probe_pick(random, 4);
	uint8_t label[64] = { 1, 'a' };

	for (unsigned i = 0; fill || i < wanted; i++) {
		if (!ones)
			(void)label_random(random, label, any);
		if (label_prepend(name, label))
			continue;
		if (name->length >= DOMAIN_NAME_WIRE_MAX - 1)
			return;
		/* The label that fills what is left. */
		label[0] = (uint8_t)(DOMAIN_NAME_WIRE_MAX - name->length - 1);
		if (label[0] > 63)
			label[0] = 63;
		memset(label + 1, 'x', label[0]);
		(void)label_prepend(name, label);
		if (!fill)
			return;
	}
}

/* A byte of some label becomes another one, which no case makes equal. */
static void byte_change(struct probe_random *random, struct domain_name *name)
{
	size_t at = 0, labels = labels_count(name);

	if (labels == 0)
		return;
	for (unsigned i = probe_pick(random, (unsigned)labels); i > 0; i--)
		at += (size_t)name->wire[at] + 1;
	at += 1 + probe_pick(random, name->wire[at]);
	name->wire[at] = (uint8_t)(name->wire[at] ^ (1u << probe_pick(random, 5)));
}

/* Bytes before the first label, or behind the last one, within the same label: "notevil.com". */
static void label_glue(struct probe_random *random, struct domain_name *name, bool last)
{
	uint8_t starts[DOMAIN_NAME_LABELS];
	size_t labels = domain_name_labels(name, starts), at;

	if (labels == 0 || name->length >= DOMAIN_NAME_WIRE_MAX)
		return;
	at = starts[last ? labels - 1 : 0];
	if (name->wire[at] >= 63)
		return;
	name->wire[at]++;
	at += last ? name->wire[at] : 1u;
	memmove(name->wire + at + 1, name->wire + at, name->length - at);
	name->wire[at] = (uint8_t) "abc"[probe_pick(random, 3)];
	name->length++;
}

/* Two labels become one with a dot in it, or with another byte. */
static void labels_merge(struct probe_random *random, struct domain_name *name)
{
	size_t first = name->wire[0], second = first ? name->wire[first + 1] : 0;

	if (second == 0 || first + second + 1 > 63)
		return;
	name->wire[0] = (uint8_t)(first + second + 1);
	name->wire[first + 1] = probe_pick(random, 2) ? '.' : (uint8_t)second;
}

void name_random_query(struct probe_random *random, const struct match_reference *reference,
		       struct domain_name *ret)
{
	unsigned kind = probe_pick(random, 16);

	*ret = reference->entries[probe_pick(random, (unsigned)reference->count)].name;
	if (kind == 0)
		*ret = (struct domain_name){ .length = 1 };
	if (kind == 1)
		name_fresh(random, 1 + probe_pick(random, 30), ret);
	if (kind == 2 || kind == 3)
		for (unsigned i = probe_pick(random, 4); i > 0; i--)
			(void)label_strip(ret);
	if (kind == 4 || kind == 5)
		byte_change(random, ret);
	if (kind == 6 || kind == 7)
		label_glue(random, ret, kind == 7);
	if (kind == 8)
		labels_merge(random, ret);
	if (kind % 2)
		children_add(random, ret, kind > 12);
	if (probe_pick(random, 2))
		case_random(random, ret);
}
