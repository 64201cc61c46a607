/* SPDX-License-Identifier: Apache-2.0
 *
 * What this kernel, and our rights, allow of watching files: for `cordon doctor`. Nothing is
 * marked.
 */
#pragma once

#include <stdbool.h>

struct file_features {
	int watch;   /* 0, or why files cannot be watched: a negative errno */
	bool names;  /* renames and links are told (5.9) */
	bool kept;   /* what is clean can be left alone until it changes (5.19) */
	int hold;    /* 0, or why executions cannot be held */
	int unnamed; /* 0, or why executions without a file are not told */
};

void file_features_read(struct file_features *ret);
