/* SPDX-License-Identifier: Apache-2.0
 *
 * What a terminal shows while `cordon scan` is at work: one line, drawn again a few times a second.
 * The files that there are to do are counted meanwhile, by a walk of its own.
 *
 * All of it is for a screen that may be NULL: then there is no terminal.
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

struct scan_report;
struct scan_screen;
struct scan_walk_options;

/* Borrows report. Larger files than max_size are not counted. */
int scan_screen_new(sd_event *loop, const struct scan_walk_options *walk, uint64_t max_size,
		    const struct scan_report *report, struct scan_screen **ret);
void scan_screen_free(struct scan_screen *screen);

/* The rules are there: from here on it is scanned. */
void scan_screen_begin(struct scan_screen *screen);
/* One more is done; path: raw. */
void scan_screen_file(struct scan_screen *screen, const char *path, uint64_t bytes);
/* Room for another line; it is drawn again below. */
void scan_screen_clear(const struct scan_screen *screen);
