/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* Longest text compared by edit distance; nobody mistypes a longer key. */
#define NEAREST_MAX 64

/* Of a second: down to nanoseconds. */
#define FRACTION_DIGITS 9

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{ "", NS_PER_SECOND },
	{ "ms", NS_PER_MILLISECOND },
	{ "s", NS_PER_SECOND },
	{ "m", 60 * NS_PER_SECOND },
	{ "min", 60 * NS_PER_SECOND },
	{ "h", 3600 * NS_PER_SECOND },
	{ "d", 24 * 3600 * NS_PER_SECOND },
	{ "w", 7 * 24 * 3600 * NS_PER_SECOND },
};

static const struct unit size_units[] = {
	{ "", 1 }, { "B", 1 }, { "K", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 },
};

int parse_u64(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	if (value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, size_t count, uint64_t *ret)
{
	size_t digits = strspn(text, "0123456789");
	char number[24];
	uint64_t value;
	int r;

	if (digits == 0)
		return -EINVAL;
	if (digits >= sizeof(number))
		return -ERANGE;
	memcpy(number, text, digits);
	number[digits] = '\0';
	r = parse_u64(number, UINT64_MAX, &value);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		if (value > UINT64_MAX / units[i].factor)
			return -ERANGE;
		*ret = value * units[i].factor;
		return 0;
	}
	return -EINVAL;
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
	return parse_with_unit(text, duration_units, ELEMENTS(duration_units), ret_ns);
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
	return parse_with_unit(text, size_units, ELEMENTS(size_units), ret_bytes);
}

/* ".123456" after the seconds, if there is such; moves *text on. */
static int fraction_parse(const char **text, uint64_t *ret_ns)
{
	size_t digits = **text == '.' ? strspn(*text + 1, "0123456789") : 0;
	uint64_t ns = 0;

	if (**text == '.' && (digits == 0 || digits > FRACTION_DIGITS))
		return -EINVAL;
	for (size_t i = 1; digits > 0 && i <= FRACTION_DIGITS; i++)
		ns = ns * 10 + (i <= digits ? (uint64_t)((*text)[i] - '0') : 0);
	*text += digits ? digits + 1 : 0;
	*ret_ns = ns;
	return 0;
}

static int moment_parse(const char *text, uint64_t *ret_ns)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d" };
	struct tm utc = { 0 };
	const char *end = NULL;
	uint64_t fraction;
	time_t seconds;
	int day;

	for (size_t i = 0; i < ELEMENTS(forms) && !end; i++) {
		utc = (struct tm){ 0 };
		end = strptime(text, forms[i], &utc);
		/* A date alone has nothing after it. */
		if (end && i == ELEMENTS(forms) - 1 && *end)
			return -EINVAL;
	}
	if (!end || fraction_parse(&end, &fraction) < 0 || strcmp(end, *end == 'Z' ? "Z" : "") != 0)
		return -EINVAL;
	/* February 30th would become a day in March. */
	day = utc.tm_mday;
	seconds = timegm(&utc);
	if (utc.tm_mday != day)
		return -EINVAL;
	if (seconds < 0 || (uint64_t)seconds >= UINT64_MAX / NS_PER_SECOND)
		return -ERANGE;
	*ret_ns = (uint64_t)seconds * NS_PER_SECOND + fraction;
	return 0;
}

int parse_time(const char *text, uint64_t *ret_ns)
{
	uint64_t now = clock_realtime(), ago;
	int r = moment_parse(text, ret_ns);

	if (r != -EINVAL)
		return r;
	r = parse_duration(text, &ago);
	if (r < 0)
		return r;
	if (ago > now)
		return -ERANGE;
	*ret_ns = now - ago;
	return 0;
}

int parse_hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -EINVAL;
}

int parse_boolean(const char *text)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < ELEMENTS(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0)
			return 1;
		if (strcasecmp(text, no[i]) == 0)
			return 0;
	}
	return -EINVAL;
}

/* Levenshtein's distance, one row at a time. Both texts at most NEAREST_MAX long. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t row[NEAREST_MAX + 1];

	for (size_t k = 0; k <= b_length; k++)
		row[k] = k;
	for (size_t i = 1; i <= a_length; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t k = 1; k <= b_length; k++) {
			size_t replace = diagonal + (a[i - 1] != b[k - 1]);

			diagonal = row[k];
			if (row[k - 1] + 1 < replace)
				replace = row[k - 1] + 1;
			if (diagonal + 1 < replace)
				replace = diagonal + 1;
			row[k] = replace;
		}
	}
	return row[b_length];
}

const char *parse_nearest(const char *text, const char *const *candidates, size_t count)
{
	size_t length = strlen(text), nearest_distance = length / 3 + 2;
	const char *nearest = NULL;

	if (length > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t candidate_length = strlen(candidates[i]), distance;

		if (candidate_length > NEAREST_MAX)
			continue;
		distance = edit_distance(text, length, candidates[i], candidate_length);
		if (distance < nearest_distance) {
			nearest_distance = distance;
			nearest = candidates[i];
		}
	}
	return nearest;
}
