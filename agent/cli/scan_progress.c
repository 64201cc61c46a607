/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/scan_progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"

#define BAR_WIDTH  20
/* What is narrower shows no path. */
#define PATH_WIDTH 12

void scan_progress_bytes(uint64_t bytes, char out[static 16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < ELEMENTS(units)) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(out, 16, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void time_left(const struct scan_progress *progress, char *out, size_t size)
{
	uint64_t spent = progress->now - progress->started, seconds;

	if (!progress->counted || progress->bytes == 0 || spent < NS_PER_SECOND / 2) {
		(void)snprintf(out, size, "--:--");
		return;
	}
	seconds = progress->all_bytes > progress->bytes
			  ? (uint64_t)((double)spent / (double)progress->bytes *
				       (double)(progress->all_bytes - progress->bytes) /
				       (double)NS_PER_SECOND)
			  : 0;
	if (seconds >= 3600)
		(void)snprintf(out, size, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
			       seconds / 60 % 60, seconds % 60);
	else
		(void)snprintf(out, size, "%02" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
}

static void bar(const struct scan_progress *progress, char out[static BAR_WIDTH + 1])
{
	size_t full = 0;

	if (progress->counted && progress->all_bytes > 0)
		full = (size_t)((double)progress->bytes / (double)progress->all_bytes * BAR_WIDTH);
	if (full > BAR_WIDTH)
		full = BAR_WIDTH;
	memset(out, '#', full);
	memset(out + full, '.', BAR_WIDTH - full);
	out[BAR_WIDTH] = '\0';
}

void scan_progress_line(const struct scan_progress *progress, unsigned columns, char *out,
			size_t size)
{
	uint64_t spent = progress->now - progress->started;
	char full[BAR_WIDTH + 1], left[24], rate[16], name[512];
	int used;

	bar(progress, full);
	time_left(progress, left, sizeof(left));
	scan_progress_bytes(
		spent ? (uint64_t)((double)progress->bytes * (double)NS_PER_SECOND / (double)spent)
		      : 0,
		rate);
	used = snprintf(out, size,
			"[%s] %" PRIu64 "%s%" PRIu64 " files  %s/s  %s left  %" PRIu64 " found",
			full, progress->files, progress->counted ? "/" : " of more than ",
			progress->all_files, rate, left, progress->matches);
	if (used < 0 || (size_t)used >= size)
		return;
	if (columns > (unsigned)used + PATH_WIDTH && progress->path) {
		size_t room = columns - (unsigned)used - 2;

		(void)escape_text(progress->path, strlen(progress->path), name,
				  room < sizeof(name) ? room : sizeof(name));
		(void)snprintf(out + used, size - (size_t)used, "  %s", name);
	}
	if (columns > 0 && strlen(out) >= columns)
		out[columns - 1] = '\0';
}
