/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares a text with a shell pattern. The pattern is whoever wrote the policy's, the text is an
 * attacker's. Bytes, not characters.
 */
#include "policy/glob.h"

#include <stddef.h>
#include <stdint.h>

/* Whether the brackets after "[" have the byte. Returns what follows the "]"; NULL: it is not
 * closed, and "[" stands for itself. */
static const char *bracket_match(const char *at, uint8_t byte, bool *ret)
{
	bool invert = *at == '!' || *at == '^', has = false, first = true;

	at += invert;
	for (; *at != ']' || first; first = false) {
		uint8_t low, high;

		at += *at == '\\' && at[1];
		if (!*at)
			return NULL;
		low = high = (uint8_t)*at++;
		if (at[0] == '-' && at[1] && at[1] != ']') {
			at++;
			at += *at == '\\' && at[1];
			high = (uint8_t)*at++;
		}
		has |= byte >= low && byte <= high;
	}
	*ret = has != invert;
	return at + 1;
}

/* Whether the pattern's next sign takes the byte; *at moves behind it. */
static bool sign_match(const char **at, uint8_t byte)
{
	const char *sign = *at, *after;
	bool has;

	if (*sign == '[') {
		after = bracket_match(sign + 1, byte, &has);
		if (after) {
			*at = after;
			return has;
		}
	}
	if (*sign == '?') {
		*at = sign + 1;
		return true;
	}
	sign += *sign == '\\' && sign[1];
	*at = sign + 1;
	return (uint8_t)*sign == byte;
}

/* Only the last star need ever take more: what stood before it has been found at its first place.
 */
bool glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *star_text = NULL;

	while (*text) {
		const char *next = pattern;

		if (*pattern == '*') {
			star = ++pattern;
			star_text = text;
			continue;
		}
		if (*pattern && sign_match(&next, (uint8_t)*text)) {
			pattern = next;
			text++;
			continue;
		}
		if (!star)
			return false;
		pattern = star;
		text = ++star_text;
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}
