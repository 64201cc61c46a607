/* SPDX-License-Identifier: Apache-2.0
 *
 * The line of progress on a terminal: how far, how fast, how long yet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan_progress {
	uint64_t files, bytes;	       /* done */
	uint64_t all_files, all_bytes; /* to do, as far as it is counted */
	bool counted;		       /* to the end */
	uint64_t started;	       /* on the boot clock */
	uint64_t now;
	uint64_t matches;
	const char *path; /* last one that was done; raw */
};

/* The line, at most columns wide, without a newline. */
void scan_progress_line(const struct scan_progress *progress, unsigned columns, char *out,
			size_t size);
/* "12.3 MB". */
void scan_progress_bytes(uint64_t bytes, char out[static 16]);
