/* SPDX-License-Identifier: Apache-2.0
 *
 * A finding as one line for people: time, severity, what, which process, why.
 *
 *   02:24:05 HIGH     curl[4242] /usr/bin/curl asked for evil.example ... (would have been blocked)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "report/view.h"

/* A title, a reason, a path, each cut to a sixth of this, and what is between them. */
#define SCREEN_LINE_SIZE 8192

enum screen_form {
	SCREEN_FINDING, /* all of it */
	SCREEN_REPEAT,	/* it was shown before: count, and enough to know it again */
};

/* Writes the line without a newline, NUL-terminated; all text in it is made safe to show. */
void screen_line(const struct view *view, enum screen_form form, bool colour,
		 char out[static SCREEN_LINE_SIZE]);

/* Text that may hold anything, made safe to show. Backslashes stay: what made the text has escaped
 * with them already. */
void screen_text(const char *text, char *out, size_t out_size);

/* Whether colour is wanted on a descriptor: a terminal, no NO_COLOR, not TERM=dumb. */
bool screen_colour(int fd);
