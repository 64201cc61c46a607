/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that were made without a name (O_TMPFILE) and got one by a link. When such a file is closed
 * after writing, the kernel tells of it by the number of its inode, "#123": the name is looked for
 * in the folder that it was made in.
 */
#pragma once

#include <limits.h>
#include <stdint.h>

/* The number in a name of that form; 0: it has another. */
uint64_t tmpfile_number(const char *name);

/* The name that leads there. TMPFILE_NONE: it was not linked in that folder; -ENOBUFS: the folder
 * has more entries than may be read, of which budget is what is left. */
enum { TMPFILE_NONE = 1 };
int tmpfile_name(const char *folder, uint64_t number, unsigned *budget,
		 char out[static NAME_MAX + 1]);
