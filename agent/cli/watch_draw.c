/* SPDX-License-Identifier: Apache-2.0
 *
 * Draws `cordon watch`. Takes rows that are safe to show, and the daemon's status, which is taken
 * as a stranger's.
 */
#include "cli/watch_draw.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "cli/writer.h"
#include "report/screen.h"

#define TOPS_SHOWN 5

/* A line that is being put together: only what has room. */
struct pen {
	FILE *out;
	unsigned columns, used;
	unsigned lines, line; /* of the picture */
	bool colour;
};

/* Text by characters, so that the width is right for what is not ASCII, too. */
static void put_width(struct pen *pen, const char *text, unsigned width)
{
	unsigned put = 0;

	for (size_t left = strlen(text); left > 0 && put < width && pen->used < pen->columns;) {
		size_t size = utf8_character(text, left);

		size = size ? size : 1;
		(void)fwrite(text, 1, size, pen->out);
		text += size;
		left -= size;
		put++;
		pen->used++;
	}
	for (; put < width && width != UINT32_MAX && pen->used < pen->columns; put++, pen->used++)
		(void)fputc(' ', pen->out);
}

static void put(struct pen *pen, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct pen *pen, const char *format, ...)
{
	char text[1024], safe[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	screen_text(text, safe, sizeof(safe));
	put_width(pen, safe, UINT32_MAX);
}

static void style(struct pen *pen, enum writer_style which)
{
	(void)fputs(writer_style_start(which, pen->colour), pen->out);
}

static void style_end(struct pen *pen, enum writer_style which)
{
	(void)fputs(writer_style_end(which, pen->colour), pen->out);
}

/* The rest of the line is cleared, so that nothing of the picture before shines through. */
static void line_end(struct pen *pen)
{
	(void)fputs("\x1b[K", pen->out);
	pen->line++;
	if (pen->line < pen->lines)
		(void)fputs("\r\n", pen->out);
	pen->used = 0;
}

static bool has_room(const struct pen *pen, unsigned lines)
{
	return pen->line + lines <= pen->lines;
}

/* ---- the daemon ---- */

static const json_t *at(const json_t *object, const char *section, const char *key)
{
	return json_object_get(json_object_get(object, section), key);
}

static const char *age_text(json_int_t seconds, char out[static 32])
{
	static const struct {
		json_int_t seconds;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (seconds >= units[i].seconds || units[i].seconds == 1) {
			(void)snprintf(out, 32, "%lld %s", (long long)(seconds / units[i].seconds),
				       units[i].unit);
			break;
		}
	return out;
}

static json_int_t number(const json_t *status, const char *section, const char *key)
{
	return json_integer_value(at(status, section, key));
}

static json_int_t probes_sum(const json_t *status, const char *key)
{
	const json_t *probes = at(status, "ledger", "probes");
	json_int_t sum = 0;
	const char *hook;
	json_t *counters;

	json_object_foreach((json_t *)(uintptr_t)probes, hook, counters) sum +=
		json_integer_value(json_object_get(counters, key));
	return sum;
}

static void draw_head(struct pen *pen, const struct watch_picture *picture)
{
	const json_t *status = picture->status;
	const char *mode = json_string_value(json_object_get(status, "mode"));
	char time[CLOCK_TEXT_SIZE], age[32];

	clock_format(picture->now, time);
	style(pen, WRITER_GOOD);
	put(pen, "cordon watch  %.8sZ  ", time + 11);
	style_end(pen, WRITER_GOOD);
	if (status) {
		put(pen, "mode %s, up %s", mode ? mode : "-",
		    age_text(json_integer_value(json_object_get(status, "uptime")), age));
	} else {
		style(pen, WRITER_BAD);
		put(pen, "the daemon does not answer: %s", picture->status_why);
		style_end(pen, WRITER_BAD);
	}
	put(pen, "   (q: quit)");
	line_end(pen);
}

/* What is wrong with the feeds comes before the figures, where there is room for it. */
static void draw_feeds_wrong(struct pen *pen, const json_t *status)
{
	const json_t *list = at(status, "feeds", "feeds"), *feed;
	size_t failing = 0, i;

	json_array_foreach(list, i, feed) failing += json_is_string(json_object_get(feed, "error"));
	style(pen, WRITER_BAD);
	if (json_is_string(at(status, "feeds", "held")))
		put(pen, "HELD BACK, ");
	if (failing > 0)
		put(pen, "%zu failing, ", failing);
	style_end(pen, WRITER_BAD);
}

/* Nothing where files are not scanned. */
static void draw_files(struct pen *pen, const json_t *status)
{
	const json_t *files = json_object_get(status, "files");
	bool walking = json_is_true(at(files, "walk", "active"));

	if (!json_is_object(files))
		return;
	put(pen, "files    %lld noticed, %lld clean, %lld matched, %lld waiting",
	    (long long)number(status, "files", "seen"), (long long)number(status, "files", "clean"),
	    (long long)number(status, "files", "matched"),
	    (long long)number(status, "files", "waiting"));
	if (walking)
		put(pen, "; walk: %lld listed", (long long)number(files, "walk", "files"));
	line_end(pen);
}

static void draw_daemon(struct pen *pen, const struct watch_picture *picture)
{
	const json_t *status = picture->status;
	bool balances = json_is_true(at(status, "ledger", "balances"));
	const char *refused = json_string_value(at(status, "pack", "error"));
	char age[32];

	style(pen, balances ? WRITER_GOOD : WRITER_BAD);
	put(pen, "ledger   %s", balances ? "balances" : "DOES NOT BALANCE");
	style_end(pen, balances ? WRITER_GOOD : WRITER_BAD);
	put(pen, ": %lld seen, %lld records read, %lld waiting",
	    (long long)probes_sum(status, "seen"), (long long)number(status, "ledger", "read"),
	    (long long)number(status, "ledger", "waiting"));
	line_end(pen);
	put(pen, "feeds    ");
	draw_feeds_wrong(pen, status);
	if (json_is_true(at(status, "pack", "loaded")))
		put(pen, "%lld of them, %lld names, %lld addresses, %s old",
		    (long long)number(status, "pack", "feed_count"),
		    (long long)number(status, "pack", "domains"),
		    (long long)number(status, "pack", "addresses"),
		    age_text(number(status, "pack", "age"), age));
	else
		put(pen, "none in force");
	if (refused) {
		style(pen, WRITER_BAD);
		put(pen, "  refused: %s", refused);
		style_end(pen, WRITER_BAD);
	}
	line_end(pen);
	draw_files(pen, status);
}

/* ---- findings ---- */

static enum writer_style severity_style(int severity)
{
	static const enum writer_style styles[] = { WRITER_PLAIN, WRITER_FAINT, WRITER_PLAIN,
						    WRITER_WARN,  WRITER_BAD,	WRITER_BAD };

	return severity >= 0 && severity < 6 ? styles[severity] : WRITER_PLAIN;
}

static const char *severity_short(int severity)
{
	static const char *const names[] = { "-", "info", "low", "medium", "high", "CRITICAL" };

	return severity >= 0 && severity < 6 ? names[severity] : "-";
}

static void draw_totals(struct pen *pen, const struct watch_picture *picture)
{
	uint64_t by[6];

	watch_rows_severities(picture->rows, by);
	put(pen, "findings %zu shown:", picture->rows->count);
	for (int severity = 5; severity > 0; severity--) {
		style(pen, by[severity] ? severity_style(severity) : WRITER_FAINT);
		put(pen, " %" PRIu64 " %s", by[severity], severity_short(severity));
		style_end(pen, by[severity] ? severity_style(severity) : WRITER_FAINT);
	}
	if (*picture->journal)
		put(pen, "  %s", picture->journal);
	line_end(pen);
}

static void draw_tops(struct pen *pen, const struct watch_picture *picture)
{
	struct watch_top programs[WATCH_TOPS], names[WATCH_TOPS];
	size_t program_count = watch_rows_top(picture->rows, WATCH_BY_PROGRAM, programs);
	size_t name_count = watch_rows_top(picture->rows, WATCH_BY_WHAT, names);
	unsigned half = picture->columns / 3;

	style(pen, WRITER_FAINT);
	put_width(pen, "   times program", half);
	put_width(pen, "   times name", UINT32_MAX);
	style_end(pen, WRITER_FAINT);
	line_end(pen);
	for (size_t i = 0; i < TOPS_SHOWN; i++) {
		char text[WATCH_TEXT + 32] = "";

		if (i < program_count)
			(void)snprintf(text, sizeof(text), "%8" PRIu64 " %s", programs[i].count,
				       programs[i].text);
		put_width(pen, text, half - 1);
		put_width(pen, " ", 1);
		text[0] = '\0';
		if (i < name_count)
			(void)snprintf(text, sizeof(text), "%8" PRIu64 " %s", names[i].count,
				       names[i].text);
		put_width(pen, text, UINT32_MAX);
		line_end(pen);
	}
}

static void draw_row(struct pen *pen, const struct watch_row *row)
{
	char time[CLOCK_TEXT_SIZE], count[32];
	const char *state = row->status == 4   ? "closed"
			    : row->status == 3 ? "suppr."
			    : row->blocked     ? "blocked"
					       : "";

	clock_format(row->time, time);
	time[19] = '\0';
	put_width(pen, time + 11, 9);
	style(pen, severity_style(row->severity));
	put_width(pen, severity_short(row->severity), 9);
	style_end(pen, severity_style(row->severity));
	(void)snprintf(count, sizeof(count), "%6" PRIu64 "x", row->count);
	put_width(pen, count, 8);
	put_width(pen, state, 8);
	put_width(pen, row->program, 15);
	put_width(pen, " ", 1);
	put_width(pen, row->what, UINT32_MAX);
	line_end(pen);
}

static void draw_rows(struct pen *pen, const struct watch_picture *picture)
{
	const struct watch_row *newest[WATCH_ROWS];
	unsigned room = has_room(pen, 2) ? pen->lines - pen->line - 1 : 0;
	size_t count = watch_rows_newest(picture->rows, newest, room);

	if (room == 0)
		return;
	style(pen, WRITER_FAINT);
	put(pen, "%-9s%-9s%8s%-8s%-16s%s", "last", "severity", "count ", "", "program", "what");
	style_end(pen, WRITER_FAINT);
	line_end(pen);
	for (size_t i = 0; i < count; i++)
		draw_row(pen, newest[i]);
}

void watch_draw(const struct watch_picture *picture, FILE *out)
{
	struct pen pen = { .out = out,
			   .columns = picture->columns,
			   .lines = picture->lines,
			   .colour = picture->colour };

	draw_head(&pen, picture);
	if (picture->status && has_room(&pen, 2))
		draw_daemon(&pen, picture);
	if (has_room(&pen, 1))
		draw_totals(&pen, picture);
	/* A low terminal has the findings rather than the sums. */
	if (has_room(&pen, TOPS_SHOWN + 6))
		draw_tops(&pen, picture);
	draw_rows(&pen, picture);
	/* Whatever stood below goes. */
	(void)fputs("\x1b[J", out);
}
