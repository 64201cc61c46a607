/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scan_screen.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/scan_progress.h"
#include "cli/scan_report.h"
#include "cli/scan_walk.h"

#define TICK	   (200 * NS_PER_MILLISECOND)
/* Of each tick, for counting what there is to do. */
#define COUNT_TIME (40 * NS_PER_MILLISECOND)

struct scan_screen {
	const struct scan_report *report;
	struct scan_walk *count; /* NULL: it has come to the end */
	uint64_t max_size;
	sd_event_source *timer;
	struct scan_progress progress;
	bool begun;
	char last[256]; /* the path that is shown */
};

static void count_on(struct scan_screen *screen)
{
	uint64_t until = clock_boottime() + COUNT_TIME;
	struct scan_walk_file file;

	while (screen->count && clock_boottime() < until) {
		int r = scan_walk_next(screen->count, false, &file);

		if (r <= 0) {
			scan_walk_free(screen->count);
			screen->count = NULL;
			screen->progress.counted = true;
		} else if ((uint64_t)file.status.st_size <= screen->max_size) {
			screen->progress.all_files++;
			screen->progress.all_bytes += (uint64_t)file.status.st_size;
		}
	}
}

static void draw(struct scan_screen *screen)
{
	struct winsize window = { .ws_col = 80 };
	char line[1024];

	(void)ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
	screen->progress.now = clock_boottime();
	screen->progress.matches = scan_report_matches(screen->report);
	screen->progress.path = screen->last;
	scan_progress_line(&screen->progress, window.ws_col ? window.ws_col : 80, line,
			   sizeof(line));
	(void)fprintf(stderr, "\r%s\033[K", screen->begun ? line : "reading rules");
	(void)fflush(stderr);
}

static int timer_fired(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct scan_screen *screen = userdata;

	(void)usec;
	count_on(screen);
	draw(screen);
	(void)sd_event_source_set_time_relative(source, TICK / 1000);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int scan_screen_new(sd_event *loop, const struct scan_walk_options *walk, uint64_t max_size,
		    const struct scan_report *report, struct scan_screen **ret)
{
	struct scan_screen *screen = calloc(1, sizeof(*screen));
	int r;

	if (!screen)
		return -ENOMEM;
	screen->report = report;
	screen->max_size = max_size;
	screen->progress.started = clock_boottime();
	r = scan_walk_new(walk, &screen->count);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &screen->timer, CLOCK_BOOTTIME, TICK / 1000, 0,
					       timer_fired, screen);
	if (r < 0) {
		scan_screen_free(screen);
		return r;
	}
	*ret = screen;
	return 0;
}

void scan_screen_free(struct scan_screen *screen)
{
	if (!screen)
		return;
	(void)sd_event_source_disable_unref(screen->timer);
	scan_walk_free(screen->count);
	free(screen);
}

void scan_screen_begin(struct scan_screen *screen)
{
	if (!screen)
		return;
	screen->begun = true;
	screen->progress.started = clock_boottime();
}

void scan_screen_file(struct scan_screen *screen, const char *path, uint64_t bytes)
{
	if (!screen)
		return;
	screen->progress.files++;
	screen->progress.bytes += bytes;
	(void)snprintf(screen->last, sizeof(screen->last), "%s", path);
}

void scan_screen_clear(const struct scan_screen *screen)
{
	if (screen)
		(void)fputs("\r\033[K", stderr);
}
