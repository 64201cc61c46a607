/* SPDX-License-Identifier: Apache-2.0
 *
 * Owns nothing: reads a folder. Names in it are anybody's, and so is how many there are.
 */
#include "sensor/tmpfile.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/parse.h"

uint64_t tmpfile_number(const char *name)
{
	uint64_t number;

	if (name[0] != '#' || parse_u64(name + 1, UINT64_MAX, &number) < 0)
		return 0;
	return number;
}

static int entries_search(DIR *entries, uint64_t number, unsigned *budget,
			  char out[static NAME_MAX + 1])
{
	const struct dirent *entry;

	while ((entry = readdir(entries))) {
		if (*budget == 0)
			return -ENOBUFS;
		--*budget;
		if (entry->d_ino != number || entry->d_type == DT_DIR)
			continue;
		(void)snprintf(out, NAME_MAX + 1, "%s", entry->d_name);
		return 0;
	}
	return TMPFILE_NONE;
}

int tmpfile_name(const char *folder, uint64_t number, unsigned *budget,
		 char out[static NAME_MAX + 1])
{
	DIR *entries = opendir(folder);
	int r;

	if (!entries)
		return TMPFILE_NONE;
	r = entries_search(entries, number, budget, out);
	(void)closedir(entries);
	return r;
}
