/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns what one byte of a text may be: letters, escapes, classes and brackets of a regular
 * expression. The text is whoever wrote the policy's.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "policy/pattern_reader.h"

int pattern_fail(struct pattern_reader *reader, const char *why)
{
	if (!reader->why)
		reader->why = why;
	return -EINVAL;
}

void byte_set_add(struct byte_set *set, unsigned byte)
{
	set->words[byte / 64] |= UINT64_C(1) << (byte % 64);
}

void byte_set_add_range(struct byte_set *set, unsigned first, unsigned last)
{
	for (unsigned byte = first; byte <= last; byte++)
		byte_set_add(set, byte);
}

static void byte_set_invert(struct byte_set *set)
{
	for (size_t i = 0; i < ELEMENTS(set->words); i++)
		set->words[i] = ~set->words[i];
}

void byte_set_fold(struct byte_set *set)
{
	for (unsigned byte = 'a'; byte <= 'z'; byte++) {
		unsigned upper = byte - 'a' + 'A';

		if (byte_set_has(set, (uint8_t)byte))
			byte_set_add(set, upper);
		else if (byte_set_has(set, (uint8_t)upper))
			byte_set_add(set, byte);
	}
}

static int is_word_byte(int byte)
{
	return isalnum(byte) || byte == '_';
}

/* The locale is "C" throughout: these look at ASCII only. */
static void byte_set_add_kind(struct byte_set *set, int (*is)(int byte))
{
	for (int byte = 0; byte < 128; byte++)
		if (is(byte))
			byte_set_add(set, (unsigned)byte);
}

/* \d and others; false: it is none. */
bool byte_set_add_escape(struct byte_set *set, char letter)
{
	static const struct {
		char letter;
		int (*is)(int byte);
	} kinds[] = { { 'd', isdigit }, { 'w', is_word_byte }, { 's', isspace } };

	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		struct byte_set kind = { 0 };

		if (tolower((unsigned char)letter) != kinds[i].letter)
			continue;
		byte_set_add_kind(&kind, kinds[i].is);
		if (letter != kinds[i].letter)
			byte_set_invert(&kind);
		for (size_t j = 0; j < ELEMENTS(set->words); j++)
			set->words[j] |= kind.words[j];
		return true;
	}
	return false;
}

/* The byte that an escape stands for, after its backslash. */
int pattern_escape_byte(struct pattern_reader *reader)
{
	char letter = *reader->at;
	int high, low;

	if (!letter)
		return pattern_fail(reader, "a backslash with nothing after it");
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
			return pattern_fail(reader, "\\x without two hexadecimal digits");
		reader->at += 2;
		return high * 16 + low;
	}
	if (isdigit((unsigned char)letter))
		return pattern_fail(reader, "a back-reference, which cannot be had");
	if (isalpha((unsigned char)letter))
		return pattern_fail(reader, "an escape that is not known");
	return (unsigned char)letter;
}

/* [:alpha:] within brackets, at its "[:". */
static int class_read(struct pattern_reader *reader, struct byte_set *set)
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
		byte_set_add_kind(set, classes[i].is);
		reader->at += length + 4;
		return 0;
	}
	return pattern_fail(reader, "a class within brackets that is not known");
}

/* One byte within brackets; a positive outcome is the byte, -EAGAIN: it was a set, and is added. */
static int bracket_byte(struct pattern_reader *reader, struct byte_set *set)
{
	if (!*reader->at)
		return pattern_fail(reader, "brackets that are not closed");
	if (strncmp(reader->at, "[:", 2) == 0) {
		int r = class_read(reader, set);

		return r < 0 ? r : -EAGAIN;
	}
	if (*reader->at != '\\')
		return (unsigned char)*reader->at++;
	reader->at++;
	if (*reader->at && byte_set_add_escape(set, *reader->at)) {
		reader->at++;
		return -EAGAIN;
	}
	return pattern_escape_byte(reader);
}

/* After the "[". */
int pattern_bracket_read(struct pattern_reader *reader, struct byte_set *set)
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
			return pattern_fail(reader,
					    "a range within brackets that ends before it begins");
		if (high < 0)
			return high;
		byte_set_add_range(set, (unsigned)low, (unsigned)high);
	}
	reader->at++;
	if (reader->fold)
		byte_set_fold(set);
	if (invert)
		byte_set_invert(set);
	return 0;
}
