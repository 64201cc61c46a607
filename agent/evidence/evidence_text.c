/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Field of stat(5) of /proc/PID: "starttime" counted from the one behind comm. */
#define STAT_PARENT 1
#define STAT_START  19

bool evidence_line_next(struct evidence_span *rest, struct evidence_span *ret)
{
	const char *end;

	if (rest->size == 0)
		return false;
	end = memchr(rest->at, '\n', rest->size);
	ret->at = rest->at;
	ret->size = end ? (size_t)(end - rest->at) : rest->size;
	rest->at += ret->size + (end != NULL);
	rest->size -= ret->size + (end != NULL);
	return true;
}

/* The next word between blanks. */
static bool word_next(struct evidence_span *rest, struct evidence_span *ret)
{
	while (rest->size > 0 && (*rest->at == ' ' || *rest->at == '\t')) {
		rest->at++;
		rest->size--;
	}
	*ret = (struct evidence_span){ rest->at, 0 };
	while (rest->size > 0 && *rest->at != ' ' && *rest->at != '\t' && *rest->at != '\n') {
		ret->size++;
		rest->at++;
		rest->size--;
	}
	return ret->size > 0;
}

static int number_read(const char *at, size_t size, unsigned base, uint64_t *ret)
{
	uint64_t value = 0;

	if (size == 0)
		return -EBADMSG;
	for (size_t i = 0; i < size; i++) {
		unsigned digit;

		if (at[i] >= '0' && at[i] <= '9')
			digit = (unsigned)(at[i] - '0');
		else if (at[i] >= 'a' && at[i] <= 'f')
			digit = (unsigned)(at[i] - 'a') + 10;
		else
			return -EBADMSG;
		if (digit >= base || value > (UINT64_MAX - digit) / base)
			return -EBADMSG;
		value = value * base + digit;
	}
	*ret = value;
	return 0;
}

/* A comm may hold blanks and parentheses: the last one closes it. */
int evidence_stat_read(struct evidence_span text, struct evidence_stat *ret)
{
	const char *open_ = memchr(text.at, '(', text.size);
	const char *close_ = memrchr(text.at, ')', text.size);
	struct evidence_stat found = { 0 };
	struct evidence_span rest, word;
	uint64_t number = 0;

	if (!open_ || !close_ || close_ < open_)
		return -EBADMSG;
	found.comm = (struct evidence_span){ open_ + 1, (size_t)(close_ - open_ - 1) };
	rest = (struct evidence_span){ close_ + 1, text.size - (size_t)(close_ + 1 - text.at) };
	for (unsigned field = 0; field <= STAT_START; field++) {
		if (!word_next(&rest, &word))
			return -EBADMSG;
		if (field == 0)
			found.state = *word.at;
		else if (field != STAT_PARENT && field != STAT_START)
			continue;
		else if (number_read(word.at, word.size, 10, &number) < 0)
			return -EBADMSG;
		if (field == STAT_PARENT && number > INT32_MAX)
			return -EBADMSG;
		if (field == STAT_PARENT)
			found.parent = (pid_t)number;
	}
	found.start = number;
	*ret = found;
	return 0;
}

/* "55d0c0a00000-55d0c0a21000 rw-p 00000000 00:00 0    [heap]" */
int evidence_mapping_read(struct evidence_span line, struct evidence_mapping *ret)
{
	struct evidence_mapping found = { 0 };
	struct evidence_span rest = line, range, rights, skipped, inode;
	const char *dash;

	if (!word_next(&rest, &range) || !word_next(&rest, &rights) || rights.size < 4 ||
	    !word_next(&rest, &skipped) || !word_next(&rest, &skipped) || !word_next(&rest, &inode))
		return -EBADMSG;
	dash = memchr(range.at, '-', range.size);
	if (!dash || number_read(range.at, (size_t)(dash - range.at), 16, &found.start) < 0 ||
	    number_read(dash + 1, range.size - (size_t)(dash + 1 - range.at), 16, &found.end) < 0 ||
	    found.end <= found.start || number_read(inode.at, inode.size, 10, &found.inode) < 0)
		return -EBADMSG;
	found.readable = rights.at[0] == 'r';
	found.writable = rights.at[1] == 'w';
	found.executable = rights.at[2] == 'x';
	found.shared = rights.at[3] == 's';
	while (rest.size > 0 && *rest.at == ' ') {
		rest.at++;
		rest.size--;
	}
	found.name = rest;
	*ret = found;
	return 0;
}

/* "Key: value"; a line that begins with a blank goes on with the one before. */
static void field_take(struct evidence_span line, struct evidence_package *package)
{
	const struct {
		const char *key;
		struct evidence_span *place;
	} fields[] = {
		{ "Package:", &package->name },
		{ "Version:", &package->version },
		{ "Architecture:", &package->architecture },
		{ "Status:", &package->status },
	};

	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		size_t length = strlen(fields[i].key);
		struct evidence_span value;

		if (line.size < length || memcmp(line.at, fields[i].key, length) != 0)
			continue;
		value = (struct evidence_span){ line.at + length, line.size - length };
		while (value.size > 0 && *value.at == ' ') {
			value.at++;
			value.size--;
		}
		*fields[i].place = value;
	}
}

bool evidence_package_next(struct evidence_span *rest, struct evidence_package *ret)
{
	struct evidence_package package = { 0 };
	struct evidence_span line;

	while (evidence_line_next(rest, &line)) {
		field_take(line, &package);
		if (line.size > 0 && rest->size > 0)
			continue;
		if (package.name.size > 0) {
			*ret = package;
			return true;
		}
		package = (struct evidence_package){ 0 };
	}
	return false;
}

int evidence_home_read(struct evidence_span line, struct evidence_span *ret)
{
	struct evidence_span field = line;

	for (int i = 0; i < 5; i++) {
		const char *colon = memchr(field.at, ':', field.size);

		if (!colon)
			return -EBADMSG;
		field.size -= (size_t)(colon + 1 - field.at);
		field.at = colon + 1;
	}
	for (size_t i = 0; i < field.size; i++)
		if (field.at[i] == ':')
			field.size = i;
	/* "/" is nobody's own. */
	if (field.size < 2 || *field.at != '/' || memchr(field.at, '\0', field.size))
		return -EBADMSG;
	*ret = field;
	return 0;
}
