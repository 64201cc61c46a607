/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a regular expression and makes the steps of it (pattern.h has the form). The text is
 * whoever wrote the policy's.
 */
#include "policy/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/pattern_reader.h"

/* Groups within groups: bounds how deep the reading goes. */
#define DEPTH_MAX  32
#define REPEAT_MAX 255

/* ---- steps ---- */

/* Makes room for count steps at place; what stands there moves on. */
static int steps_insert(struct pattern_reader *reader, size_t place, size_t count)
{
	struct pattern *pattern = reader->pattern;

	/* The last place is the end's. */
	if (pattern->count + count >= PATTERN_STEPS_MAX)
		return pattern_fail(reader, "too long when its repeats are written out");
	memmove(&pattern->steps[place + count], &pattern->steps[place],
		(pattern->count - place) * sizeof(pattern->steps[0]));
	pattern->count += count;
	return 0;
}

static int step_insert(struct pattern_reader *reader, size_t place, enum pattern_kind kind,
		       size_t first, size_t second)
{
	int r = steps_insert(reader, place, 1);

	if (r == 0)
		reader->pattern->steps[place] = (struct pattern_step){ .kind = kind,
								       .first = (int16_t)first,
								       .second = (int16_t)second };
	return r;
}

static int step_add(struct pattern_reader *reader, enum pattern_kind kind, size_t first,
		    size_t second)
{
	return step_insert(reader, reader->pattern->count, kind, first, second);
}

static int step_add_set(struct pattern_reader *reader, const struct byte_set *set)
{
	struct pattern *pattern = reader->pattern;
	int r;

	if (pattern->sets_count == PATTERN_STEPS_MAX)
		return pattern_fail(reader, "too long");
	r = step_add(reader, STEP_BYTE, 1, 1);
	if (r < 0)
		return r;
	pattern->steps[pattern->count - 1].set = (uint16_t)pattern->sets_count;
	pattern->sets[pattern->sets_count++] = *set;
	return 0;
}

static int byte_add(struct pattern_reader *reader, unsigned byte)
{
	struct byte_set set = { 0 };

	byte_set_add(&set, byte);
	if (reader->fold)
		byte_set_fold(&set);
	return step_add_set(reader, &set);
}

static int alternatives_read(struct pattern_reader *reader);

static int group_read(struct pattern_reader *reader)
{
	int r;

	if (strncmp(reader->at, "?:", 2) == 0)
		reader->at += 2;
	else if (*reader->at == '?')
		return pattern_fail(
			reader, "looking around, or options within a group: neither can be had");
	if (reader->depth == DEPTH_MAX)
		return pattern_fail(reader, "groups within groups, too deep");
	reader->depth++;
	r = alternatives_read(reader);
	reader->depth--;
	if (r < 0)
		return r;
	if (*reader->at != ')')
		return pattern_fail(reader, "a group that is not closed");
	reader->at++;
	return 0;
}

/* After the backslash. */
static int escape_read(struct pattern_reader *reader)
{
	struct byte_set set = { 0 };
	int byte;

	if (*reader->at == 'b' || *reader->at == 'B')
		return step_add(reader, *reader->at++ == 'b' ? STEP_WORD_EDGE : STEP_NO_EDGE, 1, 1);
	if (*reader->at && byte_set_add_escape(&set, *reader->at)) {
		reader->at++;
		return step_add_set(reader, &set);
	}
	byte = pattern_escape_byte(reader);
	return byte < 0 ? byte : byte_add(reader, (unsigned)byte);
}

static int atom_read(struct pattern_reader *reader)
{
	char byte = *reader->at++;
	struct byte_set set = { 0 };
	int r;

	switch (byte) {
	case '(':
		return group_read(reader);
	case '[':
		r = pattern_bracket_read(reader, &set);
		return r < 0 ? r : step_add_set(reader, &set);
	case '.':
		byte_set_add_range(&set, 0, 255);
		return step_add_set(reader, &set);
	case '^':
		return step_add(reader, STEP_BEGIN, 1, 1);
	case '$':
		return step_add(reader, STEP_END, 1, 1);
	case '\\':
		return escape_read(reader);
	case '*':
	case '+':
	case '?':
	case '{':
		return pattern_fail(reader, "a repeat with nothing before it");
	}
	return byte_add(reader, (unsigned char)byte);
}

/* A number of a {n,m}; -EINVAL: there is none. */
static int count_read(struct pattern_reader *reader)
{
	int count = 0;

	if (!isdigit((unsigned char)*reader->at))
		return pattern_fail(reader, "braces without a number");
	for (; isdigit((unsigned char)*reader->at); reader->at++) {
		count = count * 10 + (*reader->at - '0');
		if (count > REPEAT_MAX)
			return pattern_fail(reader, "a repeat of more than 255");
	}
	return count;
}

/* How often the atom may come: *ret_most is -1 without an end. 1: it was a repeat. */
static int repeat_read(struct pattern_reader *reader, int *ret_least, int *ret_most)
{
	char sign = *reader->at;

	if (!sign || !strchr("*+?{", sign))
		return 0;
	reader->at++;
	*ret_least = sign == '+';
	*ret_most = sign == '?' ? 1 : -1;
	if (sign == '{') {
		*ret_least = *ret_most = count_read(reader);
		if (*ret_least < 0)
			return *ret_least;
		if (*reader->at == ',') {
			reader->at++;
			*ret_most = *reader->at == '}' ? -1 : count_read(reader);
			if (*ret_most < -1)
				return *ret_most;
		}
		if (*reader->at++ != '}')
			return pattern_fail(reader, "braces that are not closed");
		if (*ret_most >= 0 && *ret_most < *ret_least)
			return pattern_fail(reader, "a repeat that ends before it begins");
	}
	/* Lazy: the same, when only whether it is found counts. */
	if (*reader->at == '?')
		reader->at++;
	return 1;
}

/* Appends a copy of the steps at place. */
static int steps_copy(struct pattern_reader *reader, const struct pattern_step *steps, size_t count)
{
	size_t place = reader->pattern->count;
	int r = steps_insert(reader, place, count);

	if (r == 0)
		memcpy(&reader->pattern->steps[place], steps, count * sizeof(*steps));
	return r;
}

/* The steps from place on, as often as that. */
static int repeat_make(struct pattern_reader *reader, size_t place, int least, int most)
{
	struct pattern *pattern = reader->pattern;
	struct pattern_step atom[PATTERN_STEPS_MAX];
	size_t size = pattern->count - place;
	int r = 0;

	memcpy(atom, &pattern->steps[place], size * sizeof(atom[0]));
	pattern->count = place;
	for (int i = 0; r == 0 && i < least; i++)
		r = steps_copy(reader, atom, size);
	if (r == 0 && most < 0 && least > 0)
		return step_add(reader, STEP_SPLIT, (size_t) - (ptrdiff_t)size, 1);
	for (int i = least; r == 0 && i < most; i++) {
		r = step_add(reader, STEP_SPLIT, 1, size + 1);
		if (r == 0)
			r = steps_copy(reader, atom, size);
	}
	if (r == 0 && most < 0) {
		r = step_add(reader, STEP_SPLIT, 1, size + 2);
		if (r == 0)
			r = steps_copy(reader, atom, size);
		if (r == 0)
			r = step_add(reader, STEP_JUMP, (size_t) - (ptrdiff_t)(size + 1), 1);
	}
	return r;
}

static int sequence_read(struct pattern_reader *reader)
{
	int r = 0;

	while (r == 0 && *reader->at && *reader->at != '|' && *reader->at != ')') {
		size_t place = reader->pattern->count;
		int least, most;

		r = atom_read(reader);
		while (r == 0 && (r = repeat_read(reader, &least, &most)) > 0)
			r = repeat_make(reader, place, least, most);
	}
	return r;
}

static int alternatives_read(struct pattern_reader *reader)
{
	struct pattern *pattern = reader->pattern;
	size_t place = pattern->count, jump;
	int r = sequence_read(reader);

	while (r == 0 && *reader->at == '|') {
		reader->at++;
		r = step_insert(reader, place, STEP_SPLIT, 1, pattern->count - place + 2);
		jump = pattern->count;
		if (r == 0)
			r = step_add(reader, STEP_JUMP, 1, 1);
		if (r == 0)
			r = sequence_read(reader);
		if (r == 0)
			pattern->steps[jump].first = (int16_t)(pattern->count - jump);
	}
	return r;
}

/* ---- where a match can begin ---- */

static void begins_find(struct pattern *pattern)
{
	uint16_t stack[PATTERN_STEPS_MAX + 1];
	bool seen[PATTERN_STEPS_MAX] = { true };
	size_t depth = 1;

	stack[0] = 0;
	while (depth > 0) {
		size_t number = stack[--depth];
		const struct pattern_step *step = &pattern->steps[number];
		const int next[] = { step->first,
				     step->kind == STEP_SPLIT ? step->second : step->first };

		if (step->kind == STEP_BYTE) {
			for (size_t i = 0; i < ELEMENTS(pattern->begins.words); i++)
				pattern->begins.words[i] |= pattern->sets[step->set].words[i];
			continue;
		}
		if (step->kind != STEP_SPLIT && step->kind != STEP_JUMP)
			return;
		for (size_t i = 0; i < ELEMENTS(next); i++) {
			size_t to = number + (size_t)next[i];

			if (!seen[to])
				stack[depth++] = (uint16_t)to;
			seen[to] = true;
		}
	}
	pattern->begins_known = true;
}

/* A copy that takes no more room than it needs. */
static struct pattern *pattern_fit(const struct pattern *from)
{
	size_t steps = from->count * sizeof(*from->steps);
	size_t sets = from->sets_count * sizeof(*from->sets);
	struct pattern *pattern = malloc(sizeof(*pattern) + sets + steps);

	if (!pattern)
		return NULL;
	*pattern = *from;
	pattern->sets = (struct byte_set *)(pattern + 1);
	pattern->steps = (struct pattern_step *)(pattern->sets + from->sets_count);
	memcpy(pattern->sets, from->sets, sets);
	memcpy(pattern->steps, from->steps, steps);
	return pattern;
}

int pattern_compile(const char *text, struct pattern **ret, const char **ret_why)
{
	struct pattern_step steps[PATTERN_STEPS_MAX];
	struct byte_set sets[PATTERN_STEPS_MAX];
	struct pattern pattern = { .steps = steps, .sets = sets };
	struct pattern_reader reader = { .at = text, .pattern = &pattern };
	struct pattern *fit;
	int r;

	if (strncmp(text, "(?i)", 4) == 0) {
		reader.fold = true;
		reader.at += 4;
	}
	r = alternatives_read(&reader);
	if (r == 0 && *reader.at)
		r = pattern_fail(&reader, "a bracket that was not opened");
	if (r < 0) {
		*ret_why = reader.why;
		return r;
	}
	pattern.steps[pattern.count++] = (struct pattern_step){ .kind = STEP_FOUND };
	begins_find(&pattern);
	fit = pattern_fit(&pattern);
	if (!fit)
		return -ENOMEM;
	*ret = fit;
	return 0;
}
