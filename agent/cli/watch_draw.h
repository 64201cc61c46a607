/* SPDX-License-Identifier: Apache-2.0
 *
 * One picture of `cordon watch`, as text with the sequences of a terminal.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli/watch_rows.h"

struct watch_picture {
	const struct watch_rows *rows;
	const json_t *status;	/* of the daemon; NULL: it does not answer */
	const char *status_why; /* then */
	const char *journal;	/* what is wrong with the journal; "": nothing */
	unsigned columns, lines;
	bool colour;
	uint64_t now; /* ns since the epoch */
};

/* Writes all lines, each cut to the width and ended with "\r\n" but for the last. */
void watch_draw(const struct watch_picture *picture, FILE *out);
