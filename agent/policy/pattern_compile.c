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
#include "base/parse.h"
#include "policy/pattern_step.h"

/* Groups within groups: bounds how deep the reading goes. */
#define DEPTH_MAX  32
#define REPEAT_MAX 255

struct reader {
	const char *at;
	struct pattern *pattern;
	const char *why; /* of the first error; NULL: none */
	bool fold;	 /* case */
	unsigned depth;
};

static int fail(struct reader *reader, const char *why)
{
	if (!reader->why)
		reader->why = why;
	return -EINVAL;
}

/* ---- sets of bytes ---- */

static void set_add(struct byte_set *set, unsigned byte)
{
	set->words[byte / 64] |= UINT64_C(1) << (byte % 64);
}

static void set_add_range(struct byte_set *set, unsigned first, unsigned last)
{
	for (unsigned byte = first; byte <= last; byte++)
		set_add(set, byte);
}

static void set_invert(struct byte_set *set)
{
	for (size_t i = 0; i < ELEMENTS(set->words); i++)
		set->words[i] = ~set->words[i];
}

static void set_fold(struct byte_set *set)
{
	for (unsigned byte = 'a'; byte <= 'z'; byte++) {
		unsigned upper = byte - 'a' + 'A';

		if (byte_set_has(set, (uint8_t)byte))
			set_add(set, upper);
		else if (byte_set_has(set, (uint8_t)upper))
			set_add(set, byte);
	}
}

static int is_word_byte(int byte)
{
	return isalnum(byte) || byte == '_';
}

/* The locale is "C" throughout: these look at ASCII only. */
static void set_add_kind(struct byte_set *set, int (*is)(int byte))
{
	for (int byte = 0; byte < 128; byte++)
		if (is(byte))
			set_add(set, (unsigned)byte);
}

/* \d and others; false: it is none. */
static bool set_add_escape(struct byte_set *set, char letter)
{
	static const struct {
		char letter;
		int (*is)(int byte);
	} kinds[] = { { 'd', isdigit }, { 'w', is_word_byte }, { 's', isspace } };

	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		struct byte_set kind = { 0 };

		if (tolower((unsigned char)letter) != kinds[i].letter)
			continue;
		set_add_kind(&kind, kinds[i].is);
		if (letter != kinds[i].letter)
			set_invert(&kind);
		for (size_t j = 0; j < ELEMENTS(set->words); j++)
			set->words[j] |= kind.words[j];
		return true;
	}
	return false;
}

/* The byte that an escape stands for, after its backslash. */
static int escape_byte(struct reader *reader)
{
	char letter = *reader->at;
	int high, low;

	if (!letter)
		return fail(reader, "a backslash with nothing after it");
	reader->at++;
	switch (letter) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'x':
		high = parse_hex_digit(reader->at[0]);
		low = high < 0 ? high : parse_hex_digit(reader->at[1]);
		if (low < 0)
			return fail(reader, "\\x without two hexadecimal digits");
		reader->at += 2;
		return high * 16 + low;
	}
	if (isdigit((unsigned char)letter))
		return fail(reader, "a back-reference, which cannot be had");
	if (isalpha((unsigned char)letter))
		return fail(reader, "an escape that is not known");
	return (unsigned char)letter;
}

/* [:alpha:] within brackets, at its "[:". */
static int class_read(struct reader *reader, struct byte_set *set)
{
	static const struct {
		const char *name;
		int (*is)(int byte);
	} classes[] = {
		{ "alpha", isalpha }, { "digit", isdigit }, { "alnum", isalnum },
		{ "upper", isupper }, { "lower", islower }, { "space", isspace },
		{ "punct", ispunct }, { "print", isprint }, { "graph", isgraph },
		{ "cntrl", iscntrl }, { "blank", isblank }, { "xdigit", isxdigit },
	};

	for (size_t i = 0; i < ELEMENTS(classes); i++) {
		size_t length = strlen(classes[i].name);

		if (strncmp(reader->at + 2, classes[i].name, length) != 0 ||
		    strncmp(reader->at + 2 + length, ":]", 2) != 0)
			continue;
		set_add_kind(set, classes[i].is);
		reader->at += length + 4;
		return 0;
	}
	return fail(reader, "a class within brackets that is not known");
}

/* One byte within brackets; a positive outcome is the byte, -EAGAIN: it was a set, and is added. */
static int bracket_byte(struct reader *reader, struct byte_set *set)
{
	if (!*reader->at)
		return fail(reader, "brackets that are not closed");
	if (strncmp(reader->at, "[:", 2) == 0) {
		int r = class_read(reader, set);

		return r < 0 ? r : -EAGAIN;
	}
	if (*reader->at != '\\')
		return (unsigned char)*reader->at++;
	reader->at++;
	if (*reader->at && set_add_escape(set, *reader->at)) {
		reader->at++;
		return -EAGAIN;
	}
	return escape_byte(reader);
}

/* After the "[". */
static int bracket_read(struct reader *reader, struct byte_set *set)
{
	bool invert = *reader->at == '^', first = true;

	reader->at += invert;
	for (; *reader->at != ']' || first; first = false) {
		int low = bracket_byte(reader, set), high = low;

		if (low == -EAGAIN)
			continue;
		if (low < 0)
			return low;
		if (reader->at[0] == '-' && reader->at[1] && reader->at[1] != ']') {
			reader->at++;
			high = bracket_byte(reader, set);
		}
		if (high == -EAGAIN || (high >= 0 && high < low))
			return fail(reader, "a range within brackets that ends before it begins");
		if (high < 0)
			return high;
		set_add_range(set, (unsigned)low, (unsigned)high);
	}
	reader->at++;
	if (reader->fold)
		set_fold(set);
	if (invert)
		set_invert(set);
	return 0;
}

/* ---- steps ---- */

/* Makes room for count steps at place; what stands there moves on. */
static int steps_insert(struct reader *reader, size_t place, size_t count)
{
	struct pattern *pattern = reader->pattern;

	/* The last place is the end's. */
	if (pattern->count + count >= PATTERN_STEPS_MAX)
		return fail(reader, "too long when its repeats are written out");
	memmove(&pattern->steps[place + count], &pattern->steps[place],
		(pattern->count - place) * sizeof(pattern->steps[0]));
	pattern->count += count;
	return 0;
}

static int step_insert(struct reader *reader, size_t place, enum pattern_kind kind, size_t first,
		       size_t second)
{
	int r = steps_insert(reader, place, 1);

	if (r == 0)
		reader->pattern->steps[place] = (struct pattern_step){ .kind = kind,
								       .first = (int16_t)first,
								       .second = (int16_t)second };
	return r;
}

static int step_add(struct reader *reader, enum pattern_kind kind, size_t first, size_t second)
{
	return step_insert(reader, reader->pattern->count, kind, first, second);
}

static int step_add_set(struct reader *reader, const struct byte_set *set)
{
	struct pattern *pattern = reader->pattern;
	int r;

	if (pattern->sets_count == PATTERN_STEPS_MAX)
		return fail(reader, "too long");
	r = step_add(reader, STEP_BYTE, 1, 1);
	if (r < 0)
		return r;
	pattern->steps[pattern->count - 1].set = (uint16_t)pattern->sets_count;
	pattern->sets[pattern->sets_count++] = *set;
	return 0;
}

static int byte_add(struct reader *reader, unsigned byte)
{
	struct byte_set set = { 0 };

	set_add(&set, byte);
	if (reader->fold)
		set_fold(&set);
	return step_add_set(reader, &set);
}

static int alternatives_read(struct reader *reader);

static int group_read(struct reader *reader)
{
	int r;

	if (strncmp(reader->at, "?:", 2) == 0)
		reader->at += 2;
	else if (*reader->at == '?')
		return fail(reader,
			    "looking around, or options within a group: neither can be had");
	if (reader->depth == DEPTH_MAX)
		return fail(reader, "groups within groups, too deep");
	reader->depth++;
	r = alternatives_read(reader);
	reader->depth--;
	if (r < 0)
		return r;
	if (*reader->at != ')')
		return fail(reader, "a group that is not closed");
	reader->at++;
	return 0;
}

/* After the backslash. */
static int escape_read(struct reader *reader)
{
	struct byte_set set = { 0 };
	int byte;

	if (*reader->at == 'b' || *reader->at == 'B')
		return step_add(reader, *reader->at++ == 'b' ? STEP_WORD_EDGE : STEP_NO_EDGE, 1, 1);
	if (*reader->at && set_add_escape(&set, *reader->at)) {
		reader->at++;
		return step_add_set(reader, &set);
	}
	byte = escape_byte(reader);
	return byte < 0 ? byte : byte_add(reader, (unsigned)byte);
}

static int atom_read(struct reader *reader)
{
	char byte = *reader->at++;
	struct byte_set set = { 0 };
	int r;

	switch (byte) {
	case '(':
		return group_read(reader);
	case '[':
		r = bracket_read(reader, &set);
		return r < 0 ? r : step_add_set(reader, &set);
	case '.':
		set_add_range(&set, 0, 255);
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
		return fail(reader, "a repeat with nothing before it");
	}
	return byte_add(reader, (unsigned char)byte);
}

/* A number of a {n,m}; -EINVAL: there is none. */
static int count_read(struct reader *reader)
{
	int count = 0;

	if (!isdigit((unsigned char)*reader->at))
		return fail(reader, "braces without a number");
	for (; isdigit((unsigned char)*reader->at); reader->at++) {
		count = count * 10 + (*reader->at - '0');
		if (count > REPEAT_MAX)
			return fail(reader, "a repeat of more than 255");
	}
	return count;
}

/* How often the atom may come: *ret_most is -1 without an end. 1: it was a repeat. */
static int repeat_read(struct reader *reader, int *ret_least, int *ret_most)
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
			return fail(reader, "braces that are not closed");
		if (*ret_most >= 0 && *ret_most < *ret_least)
			return fail(reader, "a repeat that ends before it begins");
	}
	/* Lazy: the same, when only whether it is found counts. */
	if (*reader->at == '?')
		reader->at++;
	return 1;
}

/* Appends a copy of the steps at place. */
static int steps_copy(struct reader *reader, const struct pattern_step *steps, size_t count)
{
	size_t place = reader->pattern->count;
	int r = steps_insert(reader, place, count);

	if (r == 0)
		memcpy(&reader->pattern->steps[place], steps, count * sizeof(*steps));
	return r;
}

/* The steps from place on, as often as that. */
static int repeat_make(struct reader *reader, size_t place, int least, int most)
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

static int sequence_read(struct reader *reader)
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

static int alternatives_read(struct reader *reader)
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
	struct reader reader = { .at = text, .pattern = &pattern };
	struct pattern *fit;
	int r;

	if (strncmp(text, "(?i)", 4) == 0) {
		reader.fold = true;
		reader.at += 4;
	}
	r = alternatives_read(&reader);
	if (r == 0 && *reader.at)
		r = fail(&reader, "a bracket that was not opened");
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
