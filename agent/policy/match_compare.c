/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares names and texts of findings, an attacker's, with the plain values of a condition.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/glob.h"
#include "policy/match_value.h"

bool match_glob_covers(const struct match_value *value, const char *text, size_t length)
{
	if (!value->glob)
		return strcmp(text, value->text) == 0;
	/* Most are told by how they begin or end. */
	return length >= value->tail &&
	       memcmp(text + length - value->tail, value->text + value->size - value->tail,
		      value->tail) == 0 &&
	       strncmp(text, value->text, value->head) == 0 &&
	       glob_match(value->text + value->head, text + value->head);
}

/* Up to this many names are compared one by one. */
#define NAMES_FEW 8

/* An order of wire forms for sorting and searching; what it is does not matter. */
static int wire_compare(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return memcmp(a, b, a_length);
}

static bool names_have(const struct match_condition *condition, const uint8_t *wire, size_t length)
{
	size_t low = 0, high = condition->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct domain_name *name = condition->values[middle].name;
		int order = wire_compare(wire, length, name->wire, name->length);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* Whether the value is the name or a parent of it. Both are in lower case, so a glance at the bytes
 * settles nearly all; where they are equal, a label must begin there. */
static bool name_covers(const struct domain_name *value, const struct domain_name *name)
{
	return value->length <= name->length &&
	       memcmp(name->wire + name->length - value->length, value->wire, value->length) == 0 &&
	       domain_name_within(name, value);
}

/* The values are sorted: a long list costs a search for each label of the name, not a comparison
 * with each value. */
bool match_names_cover(const struct match_condition *condition, const struct domain_name *name)
{
	if (condition->count <= NAMES_FEW) {
		for (size_t i = 0; i < condition->count; i++)
			if (name_covers(condition->values[i].name, name))
				return true;
		return false;
	}
	for (size_t at = 0; at < name->length; at += (size_t)name->wire[at] + 1)
		if (names_have(condition, name->wire + at, name->length - at))
			return true;
	return false;
}

static int values_order(const void *a, const void *b)
{
	const struct domain_name *first = ((const struct match_value *)a)->name;
	const struct domain_name *second = ((const struct match_value *)b)->name;

	return wire_compare(first->wire, first->length, second->wire, second->length);
}

void match_names_sort(struct match_condition *condition)
{
	if (condition->count > 0 && condition->values[0].name)
		qsort(condition->values, condition->count, sizeof(*condition->values),
		      values_order);
}
