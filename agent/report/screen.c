/* SPDX-License-Identifier: Apache-2.0 */
#include "report/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/escape.h"

/* Longest piece of text in a line. */
#define PIECE_SIZE 1400

struct screen_severity {
	const char *name, *colour;
};

/* By severity_id. */
static const struct screen_severity severities[] = {
	{ "UNKNOWN", "" },	  { "INFO", "\033[36m" }, { "LOW", "\033[34m" },
	{ "MEDIUM", "\033[33m" }, { "HIGH", "\033[31m" }, { "CRITICAL", "\033[1;37;41m" },
};

struct line {
	char *at;
	size_t room; /* with the NUL */
};

static void line_add(struct line *line, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line_add(struct line *line, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(line->at, line->room, format, arguments);
	va_end(arguments);
	if (n > 0) {
		size_t used = (size_t)n < line->room ? (size_t)n : line->room - 1;

		line->at += used;
		line->room -= used;
	}
}

void screen_text(const char *text, char *out, size_t out_size)
{
	while (*text && out_size > 1) {
		size_t length = strcspn(text, "\\");

		if (length > 0) {
			size_t used = escape_text(text, length, out, out_size);

			out += used;
			out_size -= used;
			text += length;
		} else {
			*out++ = *text++;
			out_size--;
		}
	}
	*out = '\0';
}

bool screen_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if ((no_color && *no_color) || !term || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fd) == 1;
}

static void add_text(struct line *line, const char *before, const char *text, const char *after)
{
	char safe[PIECE_SIZE];

	if (!*text)
		return;
	screen_text(text, safe, sizeof(safe));
	line_add(line, "%s%s%s", before, safe, after);
}

static void add_time(struct line *line, uint64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_SECOND);
	char text[CLOCK_TEXT_SIZE];
	struct tm local;

	if (localtime_r(&seconds, &local) && strftime(text, sizeof(text), "%F %T", &local) > 0)
		line_add(line, "%s ", text);
}

static void add_severity(struct line *line, const struct view *view, bool colour)
{
	size_t id = (size_t)view->severity_id;
	const struct screen_severity *severity = &severities[id < ELEMENTS(severities) ? id : 0];

	line_add(line, "%s%-8s%s ", colour ? severity->colour : "", severity->name,
		 colour && *severity->colour ? "\033[0m" : "");
}

static void add_process(struct line *line, const struct view *view)
{
	if (!view->pid) {
		add_text(line, " by ", view->source, "");
		if (view->frame)
			line_add(line, " (packet %llu)", (unsigned long long)view->frame);
		return;
	}
	add_text(line, " by ", *view->comm ? view->comm : "process", "");
	line_add(line, "[%lld]", view->pid);
	add_text(line, " ", view->exe, "");
	add_text(line, " user ", view->user, "");
	add_text(line, " unit ", view->unit, "");
	add_text(line, " container ", view->container, "");
	add_text(line, ", a ", view->process_role, "");
}

/* Of a lookup the other end is a resolver, and says little. */
static void add_destination(struct line *line, const struct view *view)
{
	bool v6 = strchr(view->destination, ':') != NULL;

	if (!*view->destination ||
	    (strcmp(view->kind, "connection") != 0 && strcmp(view->kind, "flow") != 0))
		return;
	add_text(line, v6 ? " at [" : " at ", view->destination, v6 ? "]" : "");
	if (view->destination_port)
		line_add(line, ":%u", view->destination_port);
}

static void add_outcome(struct line *line, const struct view *view)
{
	if (view->blocked)
		line_add(line, strcmp(view->kind, "flow") == 0	       ? " [cut]"
			       : strcmp(view->kind, "connection") == 0 ? " [refused]"
								       : " [blocked]");
	add_text(line, " [audit: would have done: ", view->would_have, "]");
	add_text(line, " [not done: ", view->missed, "]");
	if (view->excepted)
		line_add(line, " [excepted]");
}

void screen_line(const struct view *view, enum screen_form form, bool colour,
		 char out[static SCREEN_LINE_SIZE])
{
	const char *faint = colour ? "\033[2m" : "", *plain = colour ? "\033[0m" : "";
	struct line line = { out, SCREEN_LINE_SIZE };

	out[0] = '\0';
	add_time(&line, view->time);
	add_severity(&line, view, colour);
	add_text(&line, "", *view->title ? view->title : view->uid, "");
	add_destination(&line, view);
	add_process(&line, view);
	if (form == SCREEN_REPEAT || view->count > 1)
		line_add(&line, " x%llu", (unsigned long long)view->count);
	add_outcome(&line, view);
	if (form == SCREEN_FINDING && *view->why) {
		line_add(&line, "%s", faint);
		add_text(&line, ": ", view->why, "");
		line_add(&line, "%s", plain);
	}
}
